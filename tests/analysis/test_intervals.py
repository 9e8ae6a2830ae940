"""Intervals: Wilson's against scipy, and their coverage where problems have several values."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from itc.analysis.intervals import Estimate, mean


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    right, n = counts
    found = mean([1.0] * right + [0.0] * (n - right))
    wanted = binomtest(right, n).proportion_ci(method="wilson")
    assert found.mean == pytest.approx(right / n, abs=1e-12)
    assert found.low == pytest.approx(wanted.low, abs=1e-12)
    assert found.high == pytest.approx(wanted.high, abs=1e-12)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=200))
def test_clusters_of_one_are_nearly_none(values: list[float]) -> None:
    """A cluster each: only the small-sample correction of the robust variance, G / (G − 1), may show."""
    plain, clustered = mean(values), mean(values, range(len(values)))
    assert clustered.mean == plain.mean
    assert clustered.low == pytest.approx(plain.low, abs=1e-9)
    assert clustered.high == pytest.approx(plain.high, abs=1e-9)


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 5)), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_any_values_any_clusters(pairs: list[tuple[float, int]], rng: Random) -> None:
    values, clusters = [v for v, _ in pairs], [c for _, c in pairs]
    found = mean(values, clusters)
    assert 0.0 <= found.low <= found.mean + 1e-12
    assert found.mean <= found.high + 1e-12 <= 1.0 + 1e-12
    assert all(math.isfinite(x) for x in (found.mean, found.low, found.high))
    rng.shuffle(pairs)
    shuffled = mean([v for v, _ in pairs], [c for _, c in pairs])
    assert shuffled.mean == pytest.approx(found.mean, abs=1e-12)
    assert shuffled.low == pytest.approx(found.low, abs=1e-9)
    assert shuffled.high == pytest.approx(found.high, abs=1e-9)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=40), st.integers(2, 9))
def test_copies_of_a_problem_add_no_certainty(values: list[float], copies: int) -> None:
    """Every value ``copies`` times over, clustered: the interval of the values once, up to G / (G − 1)."""
    once = mean(values)
    repeated = mean(values * copies, list(range(len(values))) * copies)
    assert repeated.mean == pytest.approx(once.mean)
    ratio = (repeated.high - repeated.low) / (once.high - once.low)
    assert 0.98 <= ratio <= math.sqrt(len(values) / (len(values) - 1)) + 0.02


def coverage(clusters: int, size: int, spread: float, rounds: int, rng: Random) -> float:
    """How often the interval holds the true mean: problems differ in how hard they are, beta-distributed.

    ``spread``: the correlation of two values of one problem.
    """
    p = 0.6
    concentration = 1.0 / spread - 1.0 if spread else 0.0
    hits = 0
    for _ in range(rounds):
        values, names = [], []
        for c in range(clusters):
            own = rng.betavariate(p * concentration, (1 - p) * concentration) if spread else p
            values += [float(rng.random() < own) for _ in range(size)]
            names += [c] * size
        found = mean(values, names)
        hits += found.low <= p <= found.high
    return hits / rounds


@pytest.mark.parametrize(("size", "spread"), [(1, 0.0), (1, 0.4), (5, 0.0), (5, 0.4), (5, 0.8)])
def test_coverage(size: int, spread: float) -> None:
    found = coverage(150, size, spread, 2000, Random(f"{size} {spread}"))
    assert 0.93 <= found <= 0.97


def test_without_clusters_the_same_interval_is_too_narrow() -> None:
    """The simulation has teeth: were clusters ignored, coverage would be far below 95 %."""
    rng = Random(7)
    hits = 0
    for _ in range(400):
        values = []
        for _ in range(150):
            own = rng.betavariate(0.9, 0.6)
            values += [float(rng.random() < own) for _ in range(5)]
        found = mean(values)
        hits += found.low <= 0.6 <= found.high
    assert hits / 400 < 0.85


@pytest.mark.parametrize(
    ("values", "clusters"), [([1.0] * 5, None), ([0.0] * 5, None), ([1.0] * 6, [1, 1, 2, 2, 3, 3])]
)
def test_all_alike_is_not_certain(values: list[float], clusters: list[int] | None) -> None:
    found = mean(values, clusters)
    assert found.high - found.low > 0.3
    assert found.mean == values[0]


def test_one_problem_with_many_values_is_one_problem() -> None:
    one = mean([1.0])
    many = mean([1.0, 0.0, 1.0, 1.0], ["p"] * 4)
    assert many.high - many.low > 0.6
    assert mean([1.0] * 9, ["p"] * 9).low == pytest.approx(one.low)


def test_errors_and_text() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean([])
    with pytest.raises(ValueError, match="zip"):
        mean([1.0, 0.0], [1])
    assert str(Estimate(0.5, 0.25, 0.756)) == "50.0 % [25.0, 75.6]"
