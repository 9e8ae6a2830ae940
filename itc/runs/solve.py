"""One problem: run the strategy on it, then grade what it returned and what it would have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from itc.algebra.context import Context, Trace
from itc.algebra.strategy import Strategy
from itc.algebra.trace import Anytime, Draw, Instant, first_answer
from itc.answers import Answers, Verdict
from itc.budget.cost import Amount, Cost
from itc.errors import BackendError, StrategyFailed
from itc.keys import Key
from itc.runs.rows import Answer, Moment, Node, Row
from itc.tasks.base import Example
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Solution:
    """A problem's row, its candidates, nodes and moments, and what was spent on it."""

    row: Row
    candidates: tuple[Answer, ...]
    nodes: tuple[Node, ...]
    moments: tuple[Moment, ...]
    trace: Trace
    overrun: Cost
    unknown: Cost
    """What calls can have cost at most of which nobody says it; replayed ones not among them."""
    failure: Exception | None = None


async def solve(strategy: Strategy, example: Example, ctx: Context, judge: Answers, seed: int) -> Solution:
    """Run and grade. A failed call or strategy is a row with its error; anything else is raised."""
    root, anytime = Population.root(example.problem, seed), Anytime(ctx.account)
    failure: Exception | None = None
    try:
        final = await strategy(root, replace(ctx, anytime=anytime))
    except (BackendError, StrategyFailed) as error:
        final, failure = Population(), error
    anytime.end(first_answer(final.members))
    graded = await _grade(final, anytime.instants, example.gold, judge)
    return Solution(
        _row(example, final, graded, ctx, failure),
        tuple(_candidate(example, i, c, graded) for i, c in enumerate(final)),
        tuple(_nodes(example.problem.id, ctx.trace)),
        tuple(_moment(example, i, instant, graded) for i, instant in enumerate(anytime.instants)),
        ctx.trace,
        ctx.account.overrun,
        ctx.trace.unknown,
        failure,
    )


async def _grade(
    final: Population, instants: Iterable[Instant], gold: str | None, judge: Answers
) -> dict[str, Verdict]:
    """The verdict on each distinct answer, those of the final population first."""
    if gold is None:
        return {}
    answers = [*(c.answer for c in final), *(instant.answer for instant in instants)]
    distinct = dict.fromkeys(answer for answer in answers if answer is not None)
    return {answer: await judge.equal(gold, answer) for answer in distinct}


def _right(example: Example, answer: str | None, graded: dict[str, Verdict]) -> bool | None:
    if example.gold is None:
        return None
    return answer is not None and graded[answer] is Verdict.EQUAL


def _row(
    example: Example, final: Population, graded: dict[str, Verdict], ctx: Context, failure: Exception | None
) -> Row:
    chosen = next((c for c in final if c.answer is not None), final[0] if len(final) else None)
    answer = chosen.answer if chosen else None
    verdict = graded.get(answer) if answer is not None else None
    known = example.gold is not None
    ledger = ctx.trace.ledger
    return Row(
        **_spent(example, ctx.account.spent, ctx.account.path),
        question=example.problem.question,
        gold=example.gold,
        answer=answer,
        correct=_right(example, answer, graded),
        verdict=verdict.value if verdict else "none",
        oracle=any(_right(example, c.answer, graded) for c in final) if known else None,
        level="" if example.level is None else str(example.level),
        done=bool(chosen and chosen.done),
        truncated=ctx.account.refused,
        cut=bool(chosen and chosen.finish == "length"),
        error="" if failure is None else f"{type(failure).__name__}: {failure}",
        population=len(final),
        by_role=_costs(ledger.by_role()),
        by_stage=_costs(ledger.by_stage()),
    )


def _spent(example: Example, cost: Cost, path: Amount) -> dict[str, Any]:
    """The fields of `Spent`."""
    return {
        "problem": example.problem.id,
        "calls": int(cost.calls),
        "prompt_tokens": int(cost.prompt_tokens),
        "cached_tokens": int(cost.cached_tokens),
        "completion_tokens": int(cost.completion_tokens),
        "flops": int(cost.flops),
        "usd": cost.usd,
        "picoseconds": int(cost.picoseconds),
        "sequential_tokens": int(path),
    }


def _costs(by_name: dict[str, Cost]) -> str:
    return _json({_clean(name): cost.as_dict() for name, cost in sorted(by_name.items())})


def _moment(example: Example, index: int, instant: Instant, graded: dict[str, Verdict]) -> Moment:
    return Moment(
        **_spent(example, instant.spent, instant.path),
        index=index,
        answer=instant.answer,
        correct=_right(example, instant.answer, graded),
    )


def _candidate(example: Example, index: int, c: Candidate, graded: dict[str, Verdict]) -> Answer:
    return Answer(
        problem=example.problem.id,
        index=index,
        key=c.key.digest.hex(),
        text=_clean(c.text),
        answer=c.answer,
        correct=_right(example, c.answer, graded),
        done=c.done,
        finish=c.finish,
        log_weight=c.log_weight,
        logprob=c.logprob,
        tokens=c.tokens,
        scores=_json(dict(c.scores)),
        potentials=_json(dict(c.potentials)),
    )


def _nodes(problem: str, trace: Trace) -> Iterable[Node]:
    made = trace.made
    # In order of lineage: not of replies, which would differ from run to run.
    for c in sorted(
        made.values(), key=lambda c: [str(p) if isinstance(p, str) else f"{p:09d}" for p in c.key.path]
    ):
        last, drawn, parent = c.steps[-1], trace.draws.get(c.key, _GIVEN), _ancestor(c.key, made)
        yield Node(
            problem=problem,
            key=c.key.digest.hex(),
            parent=parent.key.digest.hex() if parent else "",
            text=_clean(last.text),
            kind=last.kind,
            finish=last.finish,
            tokens=last.tokens,
            scores=_json(_own_scores(c, parent)),
            stage=_clean(drawn.stage),
            prompt_tokens=drawn.prompt_tokens,
            cached_tokens=drawn.cached_tokens,
        )


_GIVEN = Draw("", 0, 0)


def _ancestor(key: Key, made: Mapping[Key, Candidate]) -> Candidate | None:
    above = key.parent
    while above is not None and above not in made:
        above = above.parent
    return made[above] if above is not None else None


def _own_scores(c: Candidate, parent: Candidate | None) -> dict[str, float]:
    """Without those that it has of its parent, for nobody rated it."""
    rated = {name for name, _ in c.steps[-1].scores}
    known = set(parent.scores) if parent is not None else set()
    return {name: score for name, score in c.scores if name in rated or (name, score) not in known}


def _clean(text: str) -> str:
    # Lone surrogates cannot be stored as UTF-8.
    return text.encode("utf-8", "replace").decode()


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
