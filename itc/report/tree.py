"""A problem's search tree or particle genealogy, as plain values for the page that draws it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from itc.runs.result import Result
from itc.runs.rows import Answer, Node, Row

MOST_NODES = 4_000
"""Draws of a problem that are drawn; of more, those on the way to the final population come first."""

Extract = Callable[[str], str | None]
"""Reads the answer in a solution's text: the task's rule."""


def tree(result: Result, row: Row, extract: Extract, limit: int) -> dict[str, Any]:
    """What `itc.report`'s script draws: the nodes in order of lineage, each after its parent, the final
    population with the node each candidate ends at (−1 where its text is no path of the tree), and costs.

    Texts of more than ``limit`` characters are cut in their middle, and say so.
    """
    nodes = result.nodes_of(row.problem)
    finals = result.candidates_of(row.problem)
    parents = _parents(nodes)
    paths = _paths(nodes, parents)
    ends = _ends(nodes, paths, finals)
    kept = _most(parents, [e for e in ends if e >= 0])
    place = {old: new for new, old in enumerate(kept)}
    above = {parents[i] for i in kept}
    verdicts = {c.answer: c.correct for c in finals if c.answer is not None}
    if row.gold is not None:
        verdicts.setdefault(row.gold, True)
    return {
        "question": shortened(row.question, limit),
        "gold": row.gold,
        "answer": None if row.answer is None else shortened(row.answer, limit),
        "correct": row.correct,
        "error": shortened(row.error, limit),
        "notes": _notes(row, len(nodes) - len(kept)),
        "nodes": [
            _node(nodes[i], place.get(parents[i], -1), paths[i], i not in above, extract, verdicts, limit)
            for i in kept
        ],
        "finals": [_final(c, place.get(e, -1), limit) for c, e in zip(finals, ends, strict=True)],
        "chosen": next((i for i, c in enumerate(finals) if c.answer is not None), 0 if finals else -1),
        "by_role": orjson.loads(row.by_role),
        "by_stage": orjson.loads(row.by_stage),
        "moments": [
            {
                "tokens": m.prompt_tokens - m.cached_tokens + m.completion_tokens,
                "calls": m.calls,
                "answer": None if m.answer is None else shortened(m.answer, limit),
                "correct": m.correct,
            }
            for m in result.moments_of(row.problem)
        ],
    }


def shortened(text: str, limit: int) -> str:
    """At most about ``limit`` characters: the beginning and the end, and how much is missing between."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"


def _parents(nodes: Sequence[Node]) -> list[int]:
    places = {n.key: i for i, n in enumerate(nodes)}
    return [places.get(n.parent, -1) for n in nodes]


def _paths(nodes: Sequence[Node], parents: Sequence[int]) -> list[str]:
    """The whole text up to the end of each node. Lineage puts parents before children."""
    texts: list[str] = []
    for node, parent in zip(nodes, parents, strict=True):
        texts.append((texts[parent] if 0 <= parent < len(texts) else "") + node.text)
    return texts


def _ends(nodes: Sequence[Node], paths: Sequence[str], finals: Sequence[Answer]) -> list[int]:
    by_key = {n.key: i for i, n in enumerate(nodes)}
    by_text: dict[str, int] = {}
    for i, text in enumerate(paths):
        by_text.setdefault(text, i)
    # A copy that was resampled and not extended has a key of its own, and the text of its original.
    return [by_key.get(c.key, by_text.get(c.text, -1)) for c in finals]


def _most(parents: Sequence[int], ends: Sequence[int]) -> list[int]:
    if len(parents) <= MOST_NODES:
        return list(range(len(parents)))
    kept: set[int] = set()
    for i in [*ends, *range(len(parents))]:
        if len(kept) >= MOST_NODES:
            break
        while i >= 0 and i not in kept:
            kept.add(i)
            i = parents[i]
    return sorted(kept)


def _node(
    node: Node,
    parent: int,
    path: str,
    leaf: bool,
    extract: Extract,
    verdicts: dict[str, bool | None],
    limit: int,
) -> dict[str, Any]:
    ended = node.finish == "eos" and node.kind == "solution"
    answer = extract(path) if leaf and ended else None
    return {
        "parent": parent,
        "text": shortened(node.text, limit),
        "kind": node.kind,
        "finish": node.finish,
        "stage": node.stage,
        "tokens": node.tokens,
        "prompt": node.prompt_tokens,
        "cached": node.cached_tokens,
        "scores": _scores(node.scores),
        "ended": ended,
        "answer": None if answer is None else shortened(answer, limit),
        # Only what a grader said, or the gold answer itself to the letter: nothing is graded anew here.
        "correct": verdicts.get(answer) if answer is not None else None,
    }


def _final(c: Answer, node: int, limit: int) -> dict[str, Any]:
    return {
        "node": node,
        "index": c.index,
        "answer": None if c.answer is None else shortened(c.answer, limit),
        "correct": c.correct,
        "weight": c.log_weight if math.isfinite(c.log_weight) else None,
        "text": shortened(c.text, limit) if node < 0 else "",
    }


def _scores(blob: str) -> dict[str, float | None]:
    scores: dict[str, float | None] = orjson.loads(blob)
    return {name: None if value is None else round(value, 4) for name, value in scores.items()}


def _notes(row: Row, left_out: int) -> list[str]:
    notes = []
    if row.truncated:
        notes.append("the budget refused a draw")
    if row.cut:
        notes.append("ended at the token limit")
    if row.correct is False and row.oracle:
        notes.append("the right answer was drawn, another was returned")
    if row.verdict == "timeout":
        notes.append("the answer could not be compared in time")
    if left_out:
        notes.append(f"{left_out:,} draws are not shown")
    return notes
