"""A mixture of two Weibull distributions, fitted by expectation and maximisation.

Density of one: (k/λ)·(x/λ)^(k−1)·exp(−(x/λ)^k) for x > 0, shape k and scale λ positive; its mean is
λ·Γ(1+1/k).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHAPES = (0.01, 1e3)
"""Least and largest shape: equal points have none."""
SHARES = (0.2, 0.8)
"""Least and largest share of either part."""
SMALLEST = 1e-300
"""A probability of 0, of which there is no logarithm, counts as this."""


@dataclass(frozen=True, slots=True)
class Weibull:
    """One part."""

    shape: float
    log_scale: float
    """Natural log: probabilities of long texts leave the range of floats."""

    @property
    def log_mean(self) -> float:
        """log λ + log Γ(1+1/k)."""
        return self.log_scale + math.lgamma(1.0 + 1.0 / self.shape)

    def log_density(self, logs: Floats) -> Floats:
        """At the points with these natural logs."""
        import numpy as np

        apart = self.shape * (logs - self.log_scale)
        return np.asarray(math.log(self.shape) + apart - logs - np.exp(np.minimum(apart, 700.0)))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Two parts, ``high`` the one with the larger mean, which has the ``share`` in [0.2, 0.8]."""

    share: float
    high: Weibull
    low: Weibull

    def belongs_high(self, points: Sequence[float]) -> Floats:
        """P(high | x) of each point, in [0,1]."""
        return _belongs(_logs(points), self.share, self.high, self.low)[0]

    def log_likelihood(self, points: Sequence[float]) -> float:
        """Natural log of the density of all points together."""
        return _belongs(_logs(points), self.share, self.high, self.low)[1]


def fit(points: Sequence[float], rounds: int = 300, tolerance: float = 1e-9) -> Mixture:
    """The mixture that makes the points (≥ 0) most likely, from the start (½, k 1 and 1.5, λ 1 and 2).

    A local maximum, reached by expectation and maximisation: each round raises the likelihood until it gains
    less than ``tolerance`` a point, or for ``rounds``. ValueError for no points.
    """
    if not len(points):
        raise ValueError("a mixture fitted to no points")
    logs = _logs(points)
    share, one, two, before = 0.5, Weibull(1.0, 0.0), Weibull(1.5, math.log(2.0)), -math.inf
    for _ in range(rounds):
        mine, likelihood = _belongs(logs, share, one, two)
        if likelihood - before <= tolerance * len(points):
            break
        before = likelihood
        share = min(SHARES[1], max(SHARES[0], float(mine.mean())))
        one, two = _fitted(logs, mine, one), _fitted(logs, 1.0 - mine, two)
    return Mixture(share, one, two) if one.log_mean >= two.log_mean else Mixture(1.0 - share, two, one)


def _logs(points: Sequence[float]) -> Floats:
    import numpy as np

    return np.log(np.maximum(np.asarray(points, dtype=np.float64), SMALLEST))


def _belongs(logs: Floats, share: float, one: Weibull, two: Weibull) -> tuple[Floats, float]:
    """P(one | x) of each point, and the log-likelihood of all."""
    import numpy as np

    a = math.log(share) + one.log_density(logs)
    b = math.log1p(-share) + two.log_density(logs)
    both = np.logaddexp(a, b)
    return np.exp(a - both), float(both.sum())


def _fitted(logs: Floats, weights: Floats, old: Weibull) -> Weibull:
    """The maximum of the weighted likelihood. Its shape is the root of an increasing function: by Newton's
    steps from the old one, halving the bracket where a step would leave it."""
    import numpy as np

    heavy = weights > 1e-12
    if not heavy.any():
        return old
    logs, weights = logs[heavy], weights[heavy]
    total, top = float(weights.sum()), float(logs.max())
    apart, centre = logs - top, float(weights @ (logs - top)) / total
    low, high = SHAPES
    shape = min(max(old.shape, low), high)
    for _ in range(60):
        grown = weights * np.exp(shape * apart)
        size = float(grown.sum())
        mean = float(grown @ apart) / size
        value = mean - 1.0 / shape - centre
        low, high = (shape, high) if value < 0.0 else (low, shape)
        slope = float(grown @ apart**2) / size - mean * mean + 1.0 / shape**2
        step = shape - value / slope
        if not low < step < high:
            step = math.sqrt(low * high)
        if abs(step - shape) <= 1e-12 * shape:
            break
        shape = step
    power = float(weights @ np.exp(shape * apart)) / total
    return Weibull(shape, top + math.log(power) / shape)
