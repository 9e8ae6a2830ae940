"""Runs made up for the tests here, in the form of real ones: any size, any text."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from itc.runs.result import Result
from itc.runs.rows import Answer, Moment, Node, Row

Text = Callable[[int, int], str]
"""The text of a draw, from the numbers of its problem and of its path."""


def plain(problem: int, path: int) -> str:
    """Of a solution's step."""
    return f"Step of path {path} for problem {problem}: 3 + {path} = {3 + path}.\n"


def result(
    problems: int = 4,
    draws: int = 3,
    steps: int = 2,
    *,
    text: Text = plain,
    question: Callable[[int], str] = lambda i: f"What is {i} plus 3?",
    answer: Callable[[int], str] = lambda j: str(3 + j),
    name: str = "beam",
    strategy: str = "step(3) >> score(prm, last) >> top(1, prm)",
    seed: int = 0,
    **more: Any,
) -> Result:
    """Every problem has ``draws`` paths of ``steps`` steps; the first path is returned, and is right where
    its number and the problem's say so."""
    rng = random.Random(seed)
    rows, candidates, nodes, moments = [], [], [], []
    for i in range(problems):
        problem = f"made/{i:04d}"
        for j in range(draws):
            parent = ""
            for k in range(steps):
                key = f"{seed:04x}{i:012x}{j:08x}{k:08x}"
                last = k == steps - 1
                nodes.append(
                    Node(problem, key, parent, text(i, j), "solution", "eos" if last else "step", 20,
                         _json({"prm": rng.random()}), "step(3)", 40, 30)
                )  # fmt: skip
                parent = key
        right = rng.random() < 0.5
        candidates.append(
            Answer(problem, 0, f"{seed:04x}{i:012x}{0:08x}{steps - 1:08x}", text(i, 0) * steps, answer(0),
                   right, True, "eos", -0.5, -3.0, 20 * steps, _json({"prm": 0.75}))
        )  # fmt: skip
        spent = (draws * steps, draws * steps * 40, draws * steps * 30, draws * steps * (20 + i % 7))
        moments.append(Moment(problem, *spent, 10**9, 0.001, 10**6, 20 * steps, 0, answer(0), right))
        cost = {
            "calls": spent[0], "prompt_tokens": spent[1], "cached_tokens": spent[2],
            "completion_tokens": spent[3], "tokens": spent[1] + spent[3], "flops": 10**9, "usd": 0.001,
            "idealised_seconds": 1e-6,
        }  # fmt: skip
        rows.append(
            Row(problem=problem, question=question(i), gold=answer(0) if right else "17", answer=answer(0),
                correct=right, verdict="equal" if right else "different", oracle=right or i % 3 == 0,
                level=str(1 + i % 5), done=True, truncated=i % 11 == 10, cut=False, error="", population=1,
                calls=spent[0], prompt_tokens=spent[1], cached_tokens=spent[2], completion_tokens=spent[3],
                flops=10**9, usd=0.001, picoseconds=10**6, sequential_tokens=20 * steps,
                by_role=_json({"policy": cost}), by_stage=_json({"step(3)": cost}))
        )  # fmt: skip
    manifest = {
        "status": "finished", "hash": f"{seed:08x}", "task": "made", "strategy": strategy, "name": name,
        "model": "none", "seed": seed, "finished": "2026-11-20T12:00:00+00:00", "identity": {"rule": "gsm8k"},
        "versions": {"itc": "0"}, **more,
    }  # fmt: skip
    return Result(rows, candidates, nodes, manifest, moments)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def cycle(texts: Sequence[str]) -> Text:
    """Texts of a list, each in its turn."""
    return lambda i, j: texts[(i * 7 + j) % len(texts)]
