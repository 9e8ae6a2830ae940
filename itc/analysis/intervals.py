"""Means with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Estimate:
    """The mean of values in [0,1], with an interval clustered by problem.

    Without clusters each value is a problem of its own. Proportions get Wilson's score interval (Wilson
    1927), which keeps its coverage near 0 and 1 and for few problems; it is widened by the design effect
    where problems have several values (cluster-robust variance over simple variance). ValueError if empty.
    """
    n = len(values)
    if not n:
        raise ValueError("the mean of no values")
    p = math.fsum(values) / n
    effective = float(n)
    if clusters is not None:
        effective = n / _design_effect(values, clusters, p)
    return _wilson(min(1.0, max(0.0, p)), effective)


def _design_effect(values: Sequence[float], clusters: Sequence[Hashable], p: float) -> float:
    sums: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value - p
    groups, n = len(sums), len(values)
    simple = math.fsum((v - p) ** 2 for v in values)
    if groups < 2 or simple == 0.0:
        return n / max(1, groups)
    robust = math.fsum(s * s for s in sums.values()) * groups / (groups - 1)
    return max(robust / simple * (n - 1) / n, 1e-9)


def _wilson(p: float, n: float) -> Estimate:
    z2 = Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half))
