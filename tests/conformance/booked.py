"""Jobs whose roles are all played by a `Till`, and what their account says, in the units of its books."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from itc.algebra.context import Scorer
from itc.backends.rating import Output
from itc.budget.cost import ZERO, Cost
from itc.models import PriceSettings, RetrySettings, ServedModel
from itc.runs.job import Engine, Job
from itc.runs.result import Result
from itc.runs.runner import execute
from itc.scorers.base import SCORERS, FunctionScorer, ModelScorer
from itc.stages.score import Score
from itc.tasks import Example, Task
from itc.types import Candidate, Problem
from tests.backends.rewards import Plain
from tests.conformance.till import Till
from tests.laws.trees import parse

PRICE = PriceSettings(prompt=0.15, cached=0.075, completion=0.6)
PICODOLLARS = (150_000, 75_000, 600_000)
"""The same of one token, worked out by hand: prompt, cached, completion."""
QUESTIONS = ("Tom has five eggs and breaks two of them. How many are left?", "Tom has five eggs. How many?")
EXAMPLES = tuple(Example(Problem(f"p{i}", question), "3") for i, question in enumerate(QUESTIONS))
TASK = Task("two", EXAMPLES, "gsm8k", "none", "made here", "", step_delimiter="\n\n")
DRAWING = ("policy", "judge", "second", "draft")
FIELDS = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")


def rule(c: Candidate) -> float:
    """A program's verdict."""
    return (sum(map(ord, c.text)) % 7) / 6


SCORING: Mapping[str, Scorer] = {**SCORERS, "rule": FunctionScorer(rule)}


def served(till: Till, role: str, **more: Any) -> ServedModel:
    """The settings of a role, at the prices above."""
    retry = RetrySettings(attempts=8, first_delay=0.001, longest_delay=0.001)
    sizes = {"max_tokens": 16, "step_tokens": 6, "n_max": 4}
    return ServedModel(name=role, base_url=till.url(role), price=PRICE, retry=retry, **sizes, **more)


def job(strategy: str, till: Till, folder: Path, tokenizer: str, output: Output = "tokens") -> Job:
    """The strategy over two problems, each of its roles a model behind the server."""
    method = parse(strategy)
    engines: dict[str, Engine] = {role: served(till, role).engine(TASK) for role in DRAWING}
    engines["prm"] = served(till, "prm", tokenizer=tokenizer).engine(TASK, Plain(output, labels=("a", "b")))
    whole = {n.by for n in method.walk() if isinstance(n, Score) and n.agg is None}
    scorers = {**SCORING, "prm": ModelScorer("prm", "prm" not in whole)}
    return Job(TASK, method, engines, scorers, workspace=folder, name="method")


def told(blob: Mapping[str, Any]) -> Cost:
    """A cost as a manifest or a row states it, dollars in whole picodollars."""
    return Cost(*(blob[f] for f in FIELDS), picodollars=round(blob["usd"] * 10**12))


def billed(result: Result) -> dict[str, Cost]:
    """By role, what the account says was asked of the engines."""
    found = {role: told(blob) for role, blob in result.manifest["billed_by_role"].items()}
    assert sum(found.values(), ZERO) == told(result.manifest["billed"])
    return {role: cost for role, cost in found.items() if cost != ZERO}


def priced(cost: Cost) -> Cost:
    """The server's count with the dollars it is worth."""
    kinds = (cost.prompt_tokens - cost.cached_tokens, cost.cached_tokens, cost.completion_tokens)
    return replace(cost, picodollars=sum(n * each for n, each in zip(kinds, PICODOLLARS, strict=True)))


def books(till: Till, *states: str) -> dict[str, Cost]:
    """By role, what the server made."""
    return {role: priced(cost) for role, cost in till.spent(*states).items()}


def adds_up(result: Result, lost: bool = False) -> None:
    """Rows, roles and the whole agree; what was not billed was replayed; and nothing was beyond its bound but
    for what attempts had cost whose answers were ``lost``."""
    for row in result.rows:
        parts = sum(map(told, orjson.loads(row.by_role).values()), ZERO)
        assert not row.error, row.error
        assert parts == replace(row.cost, flops=0), (parts, row.cost)
    whole = told(result.manifest["billed"])
    assert result.cost.calls - whole.calls == result.manifest["replayed_calls"]
    assert lost or not result.manifest["overrun"], result.manifest["overrun"]


def served_by(body: Callable[[Till], Awaitable[None]]) -> None:
    """Run ``body`` beside a server."""

    async def main() -> None:
        async with Till() as till:
            await body(till)

    asyncio.run(main())


async def again(till: Till, given: Job) -> Result:
    """The same from the journal, at a server that answers no call."""
    shutil.rmtree(given.directory)
    before, till.closed = len(till.entries), True
    result = await execute(given)
    assert len(till.entries) == before
    assert told(result.manifest["billed"]) == ZERO
    return result
