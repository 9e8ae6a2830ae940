"""Axes: what each counts, and that it is linear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.analysis.axes import AXES, axis_of
from itc.budget.cost import Cost
from itc.errors import ConfigError
from itc.runs.rows import Moment

MOMENT = Moment("p", 3, 100, 60, 50, 7_000, 0.25, 2 * 10**12, 40, 0, "4", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 90),
        ("total_tokens", 150),
        ("completion_tokens", 50),
        ("calls", 3),
        ("flops", 7_000),
        ("seconds", 2.0),
        ("usd", 0.25),
        ("sequential_tokens", 40),
    ],
)
def test_what_each_counts(name: str, value: float) -> None:
    assert AXES[name].of(MOMENT) == pytest.approx(value)
    assert axis_of(name) is AXES[name]


COSTS = st.builds(
    Cost,
    calls=st.integers(0, 99),
    prompt_tokens=st.integers(50, 999),
    cached_tokens=st.integers(0, 50),
    completion_tokens=st.integers(0, 999),
    flops=st.integers(0, 10**15),
    picodollars=st.integers(0, 10**13),
    picoseconds=st.integers(0, 10**13),
)


@given(COSTS, COSTS, st.sampled_from(sorted(set(AXES) - {"sequential_tokens"})))
def test_linear(a: Cost, b: Cost, name: str) -> None:
    of = AXES[name].of
    assert of(a + b) == pytest.approx(of(a) + of(b))
    assert of(a) >= 0


def test_a_cost_has_no_critical_path() -> None:
    with pytest.raises(ConfigError, match=r"Cost does not record 'sequential_tokens'.*another axis"):
        AXES["sequential_tokens"].of(Cost())


def test_unknown() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'flops'"):
        axis_of("flop")


def test_as_people_read_it() -> None:
    assert AXES["tokens"].show(1234.4) == "1,234 tokens"
    assert AXES["flops"].show(3.21e15) == "3.21e+15 FLOPs"
    assert AXES["usd"].show(0.00123) == "0.00123 US dollars"
    assert AXES["tokens"].span(500, 1500) == "500–1,500 tokens"
    assert AXES["tokens"].span(500, 500) == "500 tokens"
    assert AXES["tokens"].show(0) == "0 tokens"
    assert [AXES[n].more for n in ("tokens", "seconds", "usd")] == [
        "more tokens",
        "more device time",
        "more money",
    ]


def test_a_moment_and_its_copy() -> None:
    assert AXES["tokens"].of(replace(MOMENT, cached_tokens=0)) == 150
