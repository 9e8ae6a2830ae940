"""Finished runs as draws that may be exchanged: what curves over k are computed from.

A curve from one run is right only if every subset of its draws is as good a run of so many as any other. A
run is taken for such by what its strategy is, and not by how its results look:

- ``sample(n)``: n draws of one prompt; or ``a * n``: n copies of one strategy, whatever that is, each of
  which ends in one candidate;
- then at most stages that look at each candidate by itself and keep it: ``score(…)`` and ``reweight(…)``.

Everything else is refused: a vote or a ``top`` leaves one draw of many, a beam's candidates descend from
one another, and a lazy multiple stops where its draws tell it to. Where a budget refused draws, each
problem is cut to the first so many that all have; those are there whatever came after them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

import itc.tasks  # noqa: F401 - the rules of tasks
from itc.algebra.parallel import Union
from itc.algebra.sequence import Pipeline
from itc.algebra.strategy import Strategy
from itc.analysis.curves import WEIGHT
from itc.analysis.draws import NO_ANSWER, Draws, Floats
from itc.answers import Answers
from itc.errors import ConfigError
from itc.library import parse
from itc.runs.result import Result
from itc.runs.rows import Answer, Row
from itc.stages.draws.extend import Extend
from itc.stages.particles.resample import Reweight
from itc.stages.score import Score


@dataclass(frozen=True)
class Drawing:
    """A strategy that leaves exchangeable draws."""

    n: int
    copies: bool
    """Whether it is ``a * n``, of which each copy ends in one candidate; else ``sample(n)``."""
    ratings: tuple[tuple[str, str], ...]
    """(score, text of the stage that gives it)."""


def drawing(strategy: Strategy) -> Drawing | None:
    """How a strategy draws; None where its candidates may not be exchanged."""
    stages = strategy.stages if isinstance(strategy, Pipeline) else (strategy,)
    if not stages or not all(isinstance(stage, Score | Reweight) for stage in stages[1:]):
        return None
    ratings = tuple((stage.by, str(stage)) for stage in stages[1:] if isinstance(stage, Score))
    first = stages[0]
    if isinstance(first, Extend) and first.form == "sample":
        return Drawing(first.n, False, ratings)
    if isinstance(first, Union) and len(set(first.branches)) == 1:
        return Drawing(len(first.branches), True, ratings)
    return None


def draws_of(result: Result) -> Draws:
    """The draws of a finished run. ConfigError where they may not be exchanged, or cannot be graded."""

    async def read() -> Draws:
        rule = str(result.manifest.get("identity", {}).get("rule"))
        async with Answers.named(rule) as answers:
            return await read_draws(result, answers)

    # In a thread of its own, for a notebook has a loop that runs already.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, read()).result()


async def read_draws(result: Result, answers: Answers) -> Draws:
    """The same, with the rule of the run's task to tell answers apart. ConfigError."""
    how = _drawing(result)
    rows = [row for row in result.rows if row.gold is not None]
    if not rows:
        raise ConfigError(
            f"{_name(result)} has no gold answers: a curve needs to know which draws are right."
        )
    members = {row.problem: _members(result, row, how) for row in rows if not row.error}
    if not members:
        raise ConfigError(f"All problems of {_name(result)} failed. Run the same command again.")
    n = min(map(len, members.values()))
    if not n:
        raise ConfigError(
            f"The budget of {_name(result)} refused the first draw of a problem. Raise budget, and run again."
        )
    several = {problem: some[:n] for problem, some in members.items()}
    named = sorted({name for some in several.values() for c in some for name in orjson.loads(c.scores)})
    weighted = any(c.log_weight for some in several.values() for c in some)
    right = np.zeros((len(rows), n), dtype=np.bool_)
    classes = np.full((len(rows), n), NO_ANSWER, dtype=np.int64)
    scores = {name: np.full((len(rows), n), -np.inf) for name in named}
    weights = np.zeros((len(rows), n))
    for i, row in enumerate(rows):
        some = several.get(row.problem, [])
        for j, c in enumerate(some):
            right[i, j] = bool(c.correct)
            for name, value in orjson.loads(c.scores).items():
                scores[name][i, j] = value
        if some:
            classes[i] = await _classes(some, answers)
            logs = np.array([c.log_weight for c in some])
            weights[i] = np.exp(logs - logs.max()) if logs.max() > -np.inf else 1.0
    if weighted:
        scores[WEIGHT] = weights
    unfailed = [row for row in rows if not row.error]
    rating = {name: 0.0 for name, _ in how.ratings}
    for name, stage in how.ratings:
        rating[name] += _mean([_computed(row, stage) / max(1, len(members[row.problem])) for row in unfailed])
    return Draws(
        right,
        classes,
        scores,
        tuple(row.problem for row in rows),
        _drawn_tokens(result, unfailed, several, how),
        rating,
        len(rows) - len(unfailed),
    )


def _drawing(result: Result) -> Drawing:
    text = str(result.manifest.get("strategy"))
    strategy = parse(text)
    if (how := drawing(strategy)) is not None:
        return how
    kept = _longest(strategy)
    hint = ""
    if kept is not None:
        hint = (
            f" Run strategy='{kept}' with all else the same: its draws are in the workspace's journal, none "
            "is paid for again, and its curves tell what any vote or choice among k of them would be."
        )
    raise ConfigError(
        f"{_name(result)} has no curves over k: its strategy {text} leaves candidates that are not all its "
        "draws, or that depend on one another. Expected sample(n) or a * n, then at most score(…) and "
        f"reweight(…).{hint}"
    )


def _longest(strategy: Strategy) -> Strategy | None:
    """As many of its first stages as leave exchangeable draws."""
    stages = strategy.stages if isinstance(strategy, Pipeline) else ()
    starts = (Pipeline.of(*stages[:i]) for i in range(len(stages), 0, -1))
    return next((start for start in starts if drawing(start) is not None), None)


def _members(result: Result, row: Row, how: Drawing) -> list[Answer]:
    found = result.candidates_of(row.problem)
    if not how.copies:
        # Where no draw could be afforded, the candidate that they start from stays.
        return [c for c in found if c.done]
    if len(found) != how.n:
        raise ConfigError(
            f"{_name(result)}: {row.problem} has {len(found)} candidates of {how.n} copies. Expected copies "
            "that end in one candidate each: with two of one copy they would not be independent."
        )
    return found


async def _classes(some: Sequence[Answer], answers: Answers) -> list[int]:
    found = iter(await answers.classes([c.answer for c in some if c.answer is not None]))
    return [NO_ANSWER if c.answer is None else next(found) for c in some]


def _drawn_tokens(
    result: Result, rows: Sequence[Row], several: dict[str, list[Answer]], how: Drawing
) -> Floats:
    """(N,): prompts as they were billed for the first k draws, which is once where draws share a call or a
    cache, and k times the mean completion. Copies are taken to cost the same each."""
    n = len(next(iter(several.values())))
    ks = np.arange(1, n + 1)
    if how.copies:
        whole = [_computed(row) - sum(_computed(row, stage) for _, stage in how.ratings) for row in rows]
        return np.asarray(_mean(whole) / how.n * ks, dtype=np.float64)
    prompts, completion = np.zeros(n), 0.0
    for row in rows:
        nodes = {node.key: node for node in result.nodes_of(row.problem)}
        mine = several[row.problem]
        own = [nodes[c.key].prompt_tokens - nodes[c.key].cached_tokens for c in mine]
        prompts += np.cumsum(own) / len(rows)
        completion += _mean([c.tokens for c in mine]) / len(rows)
    return np.asarray(prompts + completion * ks, dtype=np.float64)


def _computed(row: Row, stage: str | None = None) -> float:
    """Tokens that some model computed for a problem, or for one stage of it."""
    if stage is None:
        return row.cost.tokens - row.cost.cached_tokens
    spent: dict[str, Any] = orjson.loads(row.by_stage).get(stage, {})
    return float(
        spent.get("prompt_tokens", 0) - spent.get("cached_tokens", 0) + spent.get("completion_tokens", 0)
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _name(result: Result) -> str:
    return f"The run in {result.manifest.get('directory', 'memory')}"
