"""What every scorer promises: scores in [0,1], one for each candidate in order, whatever else is rated."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.algebra.context import Context, Role, Scorer, Shape
from itc.backends.function import FunctionBackend
from itc.budget.account import Account
from itc.budget.cost import ZERO, Budget
from itc.keys import Key
from itc.library import parse
from itc.scorers.base import SCORERS, ModelScorer
from itc.types import Candidate, Problem, Step
from tests.conformance.engines import toy

assert parse("identity")  # the library registers every scorer
NAMES = [*sorted(SCORERS), "prm"]

steps = st.builds(
    Step,
    text=st.text(max_size=12),
    tokens=st.integers(0, 2000),
    logprob=st.floats(-5000, 0),
    kind=st.sampled_from(["solution", "critique"]),
)
candidates = st.lists(st.lists(steps, max_size=4), max_size=5).map(
    lambda paths: [Candidate(Key("c", i), tuple(path)) for i, path in enumerate(paths)]
)


def made(name: str) -> Scorer:
    return ModelScorer("prm") if name == "prm" else SCORERS[name]


def context(cap: Budget | None = None) -> Context:
    roles = {"prm": Role(FunctionBackend(toy)), "policy": Role(FunctionBackend(toy))}
    return Context(Problem("p", "what is two and two"), roles, Account(cap or Budget()))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=60)
@given(rated=candidates)
def test_scores_lie_in_0_1_and_do_not_depend_on_company(name: str, rated: list[Candidate]) -> None:
    scorer, ctx = made(name), context()
    together = asyncio.run(_all(scorer, rated, ctx))
    assert len(together) == len(rated)
    for c, scores in zip(rated, together, strict=True):
        assert [scores] == asyncio.run(_all(scorer, [c], context()))
        if scores is not None:
            assert all(0.0 <= x <= 1.0 for x in scores)
            assert len(scores) in ({len(c.steps), len(c.solution), 1} if scorer.stepwise else {1})


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(rated=candidates)
def test_it_costs_no_more_than_its_bound(name: str, rated: list[Candidate]) -> None:
    ctx = context()
    asyncio.run(_all(made(name), rated, ctx))
    tokens = max((c.tokens for c in rated), default=0)
    bound = made(name).bound(Shape(len(rated), len(rated), tokens), context())
    assert ctx.account.spent.calls <= bound.calls
    assert ctx.account.held == ZERO


def test_a_refused_rating_is_none_and_a_known_one_is_free() -> None:
    new = Candidate(Key("c", 0), (Step("a"), Step("b")))
    refused = asyncio.run(_all(made("prm"), [new], context(Budget(calls=0))))
    assert refused == [None]
    known = Candidate(Key("c", 1), (Step("a", scores=(("prm", 0.25),)), Step("b", scores=(("prm", 0.5),))))
    ctx = context(Budget(calls=0))
    assert asyncio.run(_all(made("prm"), [known], ctx)) == [(0.25, 0.5)]
    assert not ctx.account.refused


async def _all(scorer: Scorer, rated: list[Candidate], ctx: Context) -> list[tuple[float, ...] | None]:
    return list(await scorer(rated, ctx))
