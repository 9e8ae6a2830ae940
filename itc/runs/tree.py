"""What was drawn for a problem, as an indented tree of lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson

from itc.runs.rows import Node

LONGEST = 72
"""Characters of a draw that are shown."""


def tree(question: str, nodes: Sequence[Node], final: Collection[str]) -> str:
    """Children under parents; ◀ marks the nodes whose keys are ``final``."""
    children: dict[str, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    lines = [question.strip().splitlines()[0][:100] if question.strip() else "(root)"]
    # Its own stack: a path may have more steps than Python has frames.
    stack = [("", iter(_placed(children.get("", []))))]
    while stack:
        indent, siblings = stack[-1]
        for node, last in siblings:
            mark = " ◀" if node.key in final else ""
            shown = f"{_short(node.text)}  {_scores(node.scores)}{mark}".rstrip()
            lines.append(f"{indent}{'└' if last else '├'}─ {shown}")
            below = _placed(children.get(node.key, []))
            stack.append((indent + ("   " if last else "│  "), iter(below)))
            break
        else:
            stack.pop()
    return "\n".join(lines)


def _placed(siblings: Sequence[Node]) -> list[tuple[Node, bool]]:
    """Each with whether it is the last."""
    return [(node, i == len(siblings) - 1) for i, node in enumerate(siblings)]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _scores(blob: str) -> str:
    told: dict[str, float] = orjson.loads(blob)
    return ", ".join(f"{name} {value:.3g}" for name, value in told.items())
