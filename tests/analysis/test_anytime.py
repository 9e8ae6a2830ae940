"""The frontier of a single run, by hand and by what it promises."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.analysis.anytime import anytime
from itc.analysis.axes import AXES
from itc.errors import ConfigError
from itc.runs.result import Result
from itc.runs.rows import Moment


def moment(problem: str, index: int, tokens: int, correct: bool | None) -> Moment:
    return Moment(problem, 1, tokens, 0, 0, 0, 0.0, 0, 0, index, "1", correct)


def of(*moments: Moment) -> Result:
    return Result([], [], [], {}, list(moments))


def test_by_hand() -> None:
    """p is right from 100 tokens on; q wrong at 100, right at 400."""
    run = of(moment("p", 0, 100, True), moment("q", 0, 100, False), moment("q", 1, 400, True))
    found = anytime(run, AXES["tokens"], points=3)
    assert found.sizes == ("at most 100 tokens", "at most 400 tokens")
    assert found.costs.tolist() == [[100, 100], [100, 400]]
    assert found.right.tolist() == [[1, 0], [1, 1]]
    assert found.cost.tolist() == [100, 250]


def test_before_the_first_moment_nothing_is_answered() -> None:
    run = of(moment("p", 0, 10, True), moment("q", 0, 100, True), moment("r", 0, 10, True))
    found = anytime(run, AXES["tokens"], points=2)
    assert found.right.tolist() == [[1, 0, 1], [1, 1, 1]]
    assert found.costs.tolist() == [[10, 0, 10], [10, 100, 10]]


MOMENTS = st.lists(
    st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=1, max_size=5), min_size=2, max_size=8
)


@settings(deadline=None)
@given(MOMENTS, st.integers(2, 9))
def test_the_end_is_the_run(curves: list[list[tuple[int, bool]]], points: int) -> None:
    made, last, spent = [], 0, 0
    for i, curve in enumerate(curves):
        total = 0
        for j, (more, right) in enumerate(curve):
            total += more
            made.append(moment(f"p{i}", j, total, right))
        last += curve[-1][1]
        spent += total
    found = anytime(of(*reversed(made)), AXES["tokens"], points)
    assert found.right[-1].sum() == last
    assert found.costs[-1].sum() == pytest.approx(spent)
    assert all(a < b for a, b in zip(found.cost, found.cost[1:], strict=False))
    assert all(math.isfinite(c) and c > 0 for c in found.cost)


def test_errors() -> None:
    with pytest.raises(ConfigError, match="0 recorded moments"):
        anytime(of(), AXES["tokens"])
    with pytest.raises(ConfigError, match="at least two points"):
        anytime(of(moment("p", 0, 1, True)), AXES["tokens"], points=1)
    with pytest.raises(ConfigError, match="no problem of the run has a gold answer"):
        anytime(of(moment("p", 0, 1, None)), AXES["tokens"])
