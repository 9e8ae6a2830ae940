"""Resampling that keeps an early leader from taking everything."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count, number, one_of
from itc.budget.cost import ZERO, Cost
from itc.stages.particles.resample import SCHEMES, ancestors, effective_size, shares
from itc.stages.selection.select import Selector
from itc.types import Population


@dataclass(frozen=True)
class Anneal(Selector):
    """Resample at every call, from flattened weights while the particles are few in effect and young.

    Giannone et al. 2025, arXiv 2510.05825. With N particles, t steps along the longest path and
    T = ``rounds``: where ESS/N < ``ess_below`` and t/T < ``before``, draws are in proportion to w^(1/τ) with
    τ = max(1, (N/ESS)(1 − t/T)), else to w. A copy weighs what it was drawn too often or too seldom:
    w_i / (N q_i) for one drawn with probability q_i, so a weighted estimate stays unbiased.
    """

    rounds: int
    scheme: str = "systematic"
    ess_below: float = 0.5
    before: float = 0.5

    factory: ClassVar[str] = "anneal"
    positional: ClassVar[tuple[str, ...]] = ("rounds", "scheme")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Copies are forks of their original. StrategyFailed for a weight that is no number."""
        p = shares(pop)
        if not p:
            return pop
        n, heat = len(p), self.heat(effective_size(p) / len(p), max(len(c.steps) for c in pop))
        tempered = pop.map(lambda c: replace(c, log_weight=c.log_weight / heat))
        q = shares(tempered)
        picks = ancestors(q, Random(pop.key.fold("resample").seed64), self.scheme)
        return Population(
            tuple(
                replace(pop[j].forked("copy", i), log_weight=pop[j].log_weight - math.log(n * q[j]))
                for i, j in enumerate(picks)
            )
        )

    def heat(self, effective: float, steps: int) -> float:
        """τ for an effective share ESS/N in (0,1] of particles after so many steps."""
        left = 1 - steps / self.rounds
        if effective < self.ess_below and left > 1 - self.before:
            return max(1.0, left / effective)
        return 1.0

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; any member may be copied into every place."""
        return ZERO, replace(shape, live=shape.count if shape.live else 0)


@strategy
def anneal(
    rounds: int = 40, scheme: str = "systematic", *, ess_below: float = 0.5, before: float = 0.5
) -> Strategy:
    """Resample every time, from flatter weights in the first ``before`` of ``rounds`` where few particles
    have nearly all the weight."""
    return Anneal(
        count(rounds, "anneal(rounds)", 1),
        one_of(scheme, "anneal(scheme)", *SCHEMES),
        number(ess_below, "anneal(ess_below=)", 0.0, 1.0),
        number(before, "anneal(before=)", 0.0, 1.0),
    )
