"""Particle weights: multiply them by a potential, and resample.

Del Moral, Doucet & Jasra 2006 (sequential Monte Carlo samplers); Douc, Cappé & Moulines 2005 (comparison of
resampling schemes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, number, one_of
from itc.budget.cost import ZERO, Cost
from itc.errors import StrategyFailed
from itc.stages.selection.select import Selector, rank
from itc.types import Candidate, Population

CLIP = 1e-6
"""Scores are clipped to [CLIP, 1 − CLIP] before a logarithm."""

SCHEMES = ("systematic", "stratified", "multinomial", "residual")
TRANSFORMS = ("log", "logit")
MODES = ("ratio", "set")


@dataclass(frozen=True)
class Reweight(Selector):
    """Turn the score ``by`` into particle weight. With potential G = score or its odds, to the power 1/T:

    mode ``ratio`` multiplies by G_t / G_{t−1}, so that the weight of a path is its latest potential however
    many rounds it took, and a finished particle is not weighted twice; mode ``set`` replaces the weight by
    G_t. A candidate without the score is left alone.
    """

    by: str
    transform: str = "log"
    mode: str = "ratio"
    temperature: float = 1.0

    factory: ClassVar[str] = "reweight"
    positional: ClassVar[tuple[str, ...]] = ("by", "transform", "mode")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """New weights."""
        return pop.map(self._reweighted)

    def _reweighted(self, c: Candidate) -> Candidate:
        r = rank(c, self.by)
        if r == -math.inf:
            return c
        r = min(max(r, CLIP), 1 - CLIP)
        log_g = (math.log(r) if self.transform == "log" else math.log(r) - math.log1p(-r)) / self.temperature
        if self.mode == "set":
            return replace(c, log_weight=log_g)
        before = dict(c.potentials).get(self.by, 0.0)
        rest = [p for p in c.potentials if p[0] != self.by]
        potentials = tuple(sorted((*rest, (self.by, log_g))))
        return replace(c, log_weight=c.log_weight + (log_g - before), potentials=potentials)


@strategy
def reweight(
    by: str = "prm", transform: str = "log", mode: str = "ratio", *, temperature: float = 1.0
) -> Strategy:
    """Multiply particle weights by the change of a score (``log``) or of its odds (``logit``)."""
    return Reweight(
        by,
        one_of(transform, "reweight(transform)", *TRANSFORMS),
        one_of(mode, "reweight(mode)", *MODES),
        number(temperature, "reweight(temperature=)", 1e-6, 1e6),
    )


@dataclass(frozen=True)
class Resample(Selector):
    """As many particles, drawn in proportion to their weights, if the effective sample size is below
    ``ess_below`` × their number; the total weight is kept and shared equally.

    E[copies of i] = N p_i under every scheme; systematic gives floor or ceiling of N p_i.
    """

    ess_below: float = 1.0
    scheme: str = "systematic"

    factory: ClassVar[str] = "resample"
    positional: ClassVar[tuple[str, ...]] = ("ess_below", "scheme")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Copies are forks of their original. StrategyFailed for a weight that is no number."""
        p = shares(pop)
        if not p or effective_size(p) >= self.ess_below * len(p) * (1 + 1e-12):
            return pop
        picks = ancestors(p, Random(pop.key.fold("resample").seed64), self.scheme)
        share = pop.log_total - math.log(len(p))
        return Population(
            tuple(replace(pop[j].forked("copy", i), log_weight=share) for i, j in enumerate(picks))
        )

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; any member may be copied into every place."""
        return ZERO, replace(shape, live=shape.count if shape.live else 0)


def shares(pop: Population) -> list[float]:
    """Normalised weights; none where all are zero. StrategyFailed where one is no number."""
    total = pop.log_total
    if math.isnan(total) or total == math.inf:
        raise StrategyFailed(f"resample: the total log-weight is {total}; expected a finite number.")
    return [math.exp(c.log_weight - total) for c in pop] if total > -math.inf else []


def effective_size(p: list[float]) -> float:
    """1 / Σ p², between 1 and N for normalised weights (Kong et al. 1994)."""
    return 1.0 / math.fsum(x * x for x in p)


def ancestors(p: list[float], rng: Random, scheme: str) -> list[int]:
    """N indices drawn from the N normalised weights ``p``, in ascending order."""
    n = len(p)
    if scheme == "residual":
        whole = [math.floor(n * x) for x in p]
        left = n - sum(whole)
        rest = [n * x - w for x, w in zip(p, whole, strict=True)]
        mass = math.fsum(rest)
        drawn = _inverse([x / mass for x in rest], sorted(rng.random() for _ in range(left))) if left else []
        return sorted([j for j, w in enumerate(whole) for _ in range(w)] + drawn)
    if scheme == "multinomial":
        points = sorted(rng.random() for _ in range(n))
    elif scheme == "stratified":
        points = [(i + rng.random()) / n for i in range(n)]
    else:
        u = rng.random()
        points = [(i + u) / n for i in range(n)]
    return _inverse(p, points)


def _inverse(p: list[float], points: list[float]) -> list[int]:
    """The inverse of the cumulative distribution at ascending points in [0, 1)."""
    last = max(j for j, x in enumerate(p) if x > 0)
    picks, j, reached = [], 0, p[0]
    for point in points:
        while point >= reached and j < last:
            j += 1
            reached += p[j]
        picks.append(j)
    return picks


@strategy
def resample(ess_below: float = 1.0, scheme: str = "systematic") -> Strategy:
    """Resample particles where the effective sample size is below ``ess_below`` of their number."""
    return Resample(
        number(ess_below, "resample(ess_below)", 0.0, 1.0), one_of(scheme, "resample(scheme)", *SCHEMES)
    )
