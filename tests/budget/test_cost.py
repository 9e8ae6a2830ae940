"""Costs add, budgets meet, and nonsense is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.budget.cost import UNBOUNDED, UNLIMITED, ZERO, Budget, Cost, shares
from itc.errors import ConfigError
from tests.laws.trees import law

amounts = st.integers(0, 10**6)
costs = st.builds(Cost, *[amounts] * 7)
capped = st.one_of(amounts, st.just(math.inf))
budgets = st.builds(Budget, *[capped] * 9)


@law
@given(costs, costs, costs)
def test_costs_are_a_commutative_monoid(a: Cost, b: Cost, c: Cost) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + ZERO == a == (a + b) - b
    assert a | b == b | a
    assert a | a == a == a | ZERO
    assert a.tokens == a.prompt_tokens + a.completion_tokens


@law
@given(costs, st.integers(0, 9))
def test_times_is_repeated_addition(a: Cost, n: int) -> None:
    assert a.times(n) == sum([a] * n, ZERO)
    assert UNBOUNDED.times(0) == ZERO
    assert ZERO.times(math.inf) == ZERO


@law
@given(budgets, budgets, budgets)
def test_budgets_are_a_meet_semilattice(a: Budget, b: Budget, c: Budget) -> None:
    assert (a & b) & c == a & (b & c)
    assert a & b == b & a
    assert a & a == a == a & UNLIMITED
    assert Budget.of(a.stated()) == a
    assert a.unlimited == (a == UNLIMITED) == (not a.stated())


@law
@given(budgets)
def test_scopes_share_out_the_units(a: Budget) -> None:
    run, problem = a.scopes()
    assert run & problem == a
    assert set(run.stated()) <= {"usd", "seconds"}
    assert not set(problem.stated()) & {"usd", "seconds"}


@pytest.mark.parametrize("bad", [-1, math.nan, True, "5", 1.5, None])
def test_a_cap_is_a_whole_number_from_zero(bad: object) -> None:
    with pytest.raises(ConfigError, match="tokens"):
        Budget(tokens=bad)  # type: ignore[arg-type]


def test_caps_are_named() -> None:
    assert Budget.of({"tokens": 5, "calls": None}) == Budget(tokens=5)
    assert Budget(tokens=5.0) == Budget(tokens=5)
    with pytest.raises(ConfigError, match="tokens"):
        Budget.of({"token": 5})


@law
@given(st.integers(0, 10**9), st.integers(1, 300), st.one_of(st.integers(0, 10**9), st.just(math.inf)))
def test_equal_shares_add_up_and_the_first_get_the_rest(amount: int, n: int, want: float) -> None:
    parts = shares(amount, [want] * n)
    assert sum(parts) == amount
    assert sorted(parts, reverse=True) == parts
    assert parts[0] - parts[-1] <= 1
    assert shares(math.inf, [want] * n) == [math.inf] * n


@law
@given(st.integers(0, 300), st.lists(st.one_of(st.integers(0, 99), st.just(math.inf)), min_size=1))
def test_shares_are_max_min_fair(amount: int, wanted: list[float]) -> None:
    parts = shares(amount, wanted)
    assert sum(parts) == amount
    if sum(wanted) <= amount:
        spare = [part - want for part, want in zip(parts, wanted, strict=True)]
        assert min(spare) >= 0
        assert max(spare) - min(spare) <= 1
        return
    for part, want in zip(parts, wanted, strict=True):
        assert part <= want
        assert part == want or max(parts) <= part + 1


def test_a_cost_is_shown_in_dollars() -> None:
    assert Cost(1, 2, 0, 3, 0, 1_500_000, 2_500_000_000).as_dict() == {
        "calls": 1,
        "prompt_tokens": 2,
        "cached_tokens": 0,
        "completion_tokens": 3,
        "tokens": 5,
        "flops": 0,
        "usd": 1.5e-6,
        "idealised_seconds": 0.0025,
    }
