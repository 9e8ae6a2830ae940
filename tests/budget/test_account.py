"""Accounts: hold the worst, settle the actual, here and in every ancestor."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from itc.budget.account import Account, Caps
from itc.budget.cost import UNLIMITED, ZERO, Budget, Cost

WORST, ACTUAL = Cost(1, 10, 0, 20, 0, 100, 40), Cost(1, 9, 4, 5, 0, 60, 30)


def test_a_reservation_is_held_and_then_settled_all_the_way_up() -> None:
    run = Account(Budget(calls=3))
    problem = run.child(Budget(tokens=40))
    stage = problem.child()
    assert stage.reserve(WORST, 20)
    assert run.held == problem.held == stage.held == WORST
    assert stage.remaining.tokens == 10
    assert not stage.reserve(WORST)
    assert run.held == WORST
    stage.settle(WORST, ACTUAL)
    assert run.held == problem.held == stage.held == ZERO
    assert run.spent == problem.spent == stage.spent == ACTUAL
    assert run.remaining.calls == 2
    assert problem.remaining.tokens == 26
    assert run.overrun == ZERO


def test_a_refusal_marks_ancestors_and_no_sibling() -> None:
    run = Account()
    left, right = run.child(Budget(calls=0)), run.child()
    assert not left.reserve(WORST)
    assert not run.refused  # another round may still afford it: who gives up says so
    left.refuse()
    assert (run.refused, left.refused, right.refused) == (True, True, False)
    assert right.reserve(WORST)


@pytest.mark.parametrize(
    "cap",
    [
        Budget(calls=0),
        Budget(tokens=29),
        Budget(prompt_tokens=9),
        Budget(completion_tokens=19),
        Budget(usd=99e-12),
        Budget(idealised_seconds=39e-12),
        Budget(sequential_tokens=19),
    ],
)
def test_every_unit_can_refuse(cap: Budget) -> None:
    assert not Account(cap).reserve(WORST, 20)


@pytest.mark.parametrize(
    "cap",
    [
        Budget(calls=1),
        Budget(tokens=30),
        Budget(prompt_tokens=10),
        Budget(completion_tokens=20),
        Budget(usd=100e-12),
        Budget(idealised_seconds=40e-12),
        Budget(sequential_tokens=20),
        Budget(flops=0),
    ],
)
def test_every_unit_can_be_used_up(cap: Budget) -> None:
    assert Account(cap).reserve(WORST, 20)


def test_an_engine_that_charges_more_than_its_worst_is_seen() -> None:
    run = Account(Budget(calls=5))
    child = run.child()
    assert child.reserve(WORST)
    child.settle(WORST, Cost(1, 10, 0, 27, 0, 90))
    assert run.overrun == child.overrun == Cost(0, 0, 0, 7, 0, 0)
    assert run.held == ZERO


def test_a_split_divides_all_but_the_critical_path() -> None:
    run = Account(Budget(calls=5, completion_tokens=7, sequential_tokens=30))
    run.book(Cost(1, 0, 0, 1))
    run.advance(10)
    first, second, third = run.split([ZERO] * 3)
    assert [a.cap.calls for a in (first, second, third)] == [2, 1, 1]
    assert [a.cap.completion_tokens for a in (first, second, third)] == [2, 2, 2]
    assert {a.remaining.sequential_tokens for a in (first, second, third)} == {20}
    assert first.cap.tokens == math.inf
    first.advance(15)
    assert first.remaining.sequential_tokens == 5
    assert second.remaining.sequential_tokens == 20


def test_dollars_are_exact() -> None:
    """Decimal text, not binary floats, and never a picodollar more."""
    assert Caps.of(Budget(usd=2.01)).picodollars == 2_010_000_000_000
    assert Caps.of(Budget(usd=0.1)).picodollars == 100_000_000_000
    assert Caps.of(Budget(usd=1e-13)).picodollars == 0
    assert Caps.of(Budget(idealised_seconds=2.01)).picoseconds == 2_010_000_000_000
    assert Caps.of(Budget(idealised_seconds=1e-13)).picoseconds == 0
    assert Caps.of(UNLIMITED) == Caps(*[math.inf] * 8)


def test_caps_meet_and_lessen() -> None:
    a, b = Caps.of(Budget(calls=3)), Caps.of(Budget(tokens=9))
    assert a.meet(b) == Caps.of(Budget(calls=3, tokens=9))
    assert a.less(Cost(1, 5, 0, 5)).calls == 2
    assert b.less(Cost(1, 2, 0, 3), 4).tokens == 4


def test_the_tightest_caps_around_a_cost_cover_it_and_nothing_more() -> None:
    around = Caps.around(WORST, 20)
    assert around.covers(WORST, 20)
    assert around.clip(WORST) == WORST
    assert around.less(WORST, 20) == Caps(*[0] * 8)
    for field in fields(Cost):
        if field.name != "cached_tokens":
            assert not around.covers(replace(WORST, **{field.name: getattr(WORST, field.name) + 1}), 20)
    assert not around.covers(WORST, 21)
