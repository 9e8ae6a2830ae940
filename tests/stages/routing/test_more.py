"""Draws that go on from others."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from itc.budget.cost import Budget
from itc.errors import StrategyFailed
from tests.laws.trees import caps, context, law, parse, root, run

sizes = st.integers(1, 9)


@law
@given(sizes, sizes, st.integers(0, 99))
def test_draws_that_go_on_are_those_of_one_sample(few: int, n: int, seed: int) -> None:
    """Bitwise: candidates, requests, and what the account and the engine say of their cost."""
    apart, whole = (
        run(parse(f"sample({few}) >> more({n})"), seed=seed),
        run(parse(f"sample({max(few, n)})"), seed=seed),
    )
    assert apart.population == whole.population
    assert apart.spent == whole.spent
    assert [r.identity("x") for r in apart.engine.asked] == [r.identity("x") for r in whole.engine.asked]


@law
@given(sizes, sizes, sizes)
def test_more_and_more_is_the_most(a: int, b: int, c: int) -> None:
    assert (
        run(parse(f"sample({a}) >> more({b}) >> more({c})")).population
        == run(parse(f"sample({max(a, b, c)})")).population
    )


@law
@given(sizes, sizes, caps)
def test_under_a_cap_it_buys_at_least_as_much(few: int, n: int, cap: Budget) -> None:
    """Draws that were settled below their worst case leave room for more; but what is drawn after others
    takes longer."""
    assume(cap.sequential_tokens == Budget().sequential_tokens)
    apart = run(parse(f"sample({few}) >> more({n})"), cap)
    whole = run(parse(f"sample({max(few, n)})"), cap)
    drawn = {c.key for c in apart.population if c.done}
    assert drawn >= {c.key for c in whole.population if c.done}


def test_scores_of_the_draws_there_are_stay() -> None:
    rated = run(parse("sample(2) >> score(rule) >> more(4)")).population
    assert [c.has_score("rule") for c in rated] == [True, True, False, False]


def test_what_is_rated_is_not_rated_again() -> None:
    apart = run(parse("sample(2) >> score(prm, last) >> more(4) >> score(prm, last)"))
    whole = run(parse("sample(4) >> score(prm, last)"))
    assert apart.population == whole.population
    assert apart.spent.calls == whole.spent.calls


@pytest.mark.parametrize(
    "text", ["(sample() | sample()) >> more(4)", "sample(2) >> rewrite(law_improve) >> more(4)"]
)
def test_what_was_not_drawn_from_one_candidate_is_refused(text: str) -> None:
    with pytest.raises(StrategyFailed, match="draws of one candidate"):
        asyncio.run(parse(text)(root(), context()))
