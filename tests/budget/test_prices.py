"""Prices: exact picodollars from decimal dollars."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.budget.cost import Cost
from itc.budget.prices import FREE, Price
from itc.errors import ConfigError
from tests.laws.trees import law

tokens = st.integers(0, 10**7)
cents = st.integers(0, 10**5).map(lambda x: x / 100)


@law
@given(cents, cents, cents, tokens, tokens, tokens)
def test_a_call_costs_exactly_its_tokens(
    prompt: float, cached: float, completion: float, fresh: int, hit: int, made: int
) -> None:
    price = Price(prompt, min(cached, prompt), completion)
    exact = (
        Fraction(str(prompt)) * fresh + Fraction(str(price.cached)) * hit + Fraction(str(completion)) * made
    ) * 10**6
    assert price.picodollars(fresh + hit, hit, made) == exact
    assert price.cost(fresh + hit, hit, made).prompt_tokens == fresh + hit


def test_cached_tokens_cost_the_full_price_unless_stated() -> None:
    assert Price(prompt=0.15).picodollars(100, 40, 0) == 15_000_000
    assert Price(prompt=0.15, cached=0.0375).picodollars(100, 40, 0) == 60 * 150_000 + 40 * 37_500


def test_what_costs_nothing_costs_nothing_even_without_bound() -> None:
    assert FREE.cost(math.inf, 0, math.inf) == Cost(1, math.inf, 0, math.inf, 0, 0)


@pytest.mark.parametrize("bad", [-0.1, math.inf, math.nan])
def test_a_price_is_a_number_from_zero(bad: float) -> None:
    for name in ("prompt", "cached", "completion"):
        with pytest.raises(ConfigError, match=name):
            Price(**{name: bad})
