"""Conditional sequential Monte Carlo: particles beside a retained path, sweep after sweep.

Andrieu, Doucet & Holenstein 2010 (particle Gibbs); Lindsten, Jordan & Schön 2014 (ancestor sampling).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Needs, Stage, Strategy, count
from itc.budget.cost import UNLIMITED, ZERO, Cost
from itc.errors import StrategyFailed
from itc.stages.draws.path import solution
from itc.stages.particles.particles import Shelf, body
from itc.stages.particles.resample import shares
from itc.types import Candidate, Population, Step


@dataclass(frozen=True)
class Gibbs(Stage):
    """From every unfinished candidate a chain of ``sweeps``, each a particle filter of ``n`` particles whose
    first is the path that the sweep before retained, forced step by step.

    Multinomial resampling after every round; at the end of a sweep one particle is retained in proportion to
    weight. A sweep leaves the target (policy × final potential) invariant, the first one apart, which has
    nothing to retain. All sweeps' particles are pooled, each sweep with an equal share of the start's weight;
    finished ones that resampling dropped stand behind them with weight zero.

    With ``splice`` the retained path may change its past at every round: it is given that of particle i with
    probability ∝ w_i s(x_i + rest) / s(x_i), s being the scorer ``splice``. That is exact where s is
    proportional to policy × potential of a path; a reward alone takes the policy to find the rest as likely
    after any past.
    """

    move: Strategy
    weigh: Strategy
    n: int
    sweeps: int
    rounds: int
    splice: str | None = None

    factory: ClassVar[str] = "gibbs"
    positional: ClassVar[tuple[str, ...]] = ("move", "weigh", "n", "sweeps", "rounds")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Chain after chain."""
        out: list[Candidate] = []
        for c in pop:
            out += [c] if c.done else await self._chain(c, ctx)
        return Population(tuple(out))

    async def _chain(self, start: Candidate, ctx: Context) -> list[Candidate]:
        shelf, whole, kept = Shelf(), list[Population](), None
        for k in range(self.sweeps):
            inner = ctx.within(UNLIMITED)
            pop = await self.sweep(start, kept, k, shelf, inner)
            ctx.account.advance(inner.account.path)
            if inner.account.refused and whole:
                # A sweep that was not finished says nothing but what it finished.
                break
            p = shares(pop)
            whole.append(pop)
            if inner.account.refused or not p:
                break
            (kept,) = Random(pop.key.fold("keep").seed64).choices(pop.members, p)
        worth = start.log_weight - math.log(len(whole))
        done = [c for s in whole for c in _weighing(s, worth)]
        return [*done, *shelf.lost(Population(tuple(done)))]

    async def sweep(
        self, start: Candidate, kept: Candidate | None, k: int, shelf: Shelf, ctx: Context
    ) -> Population:
        """Sweep number ``k``: its particles, of which the first is ``kept``, or none is; ``kept`` continues
        ``start``. Finished particles are put on the shelf as they come."""
        pop = Population(tuple(start.forked("sweep", k, "copy", i) for i in range(self.n)))
        rest = kept.steps[len(start.steps) :] if kept else ()
        for t in range(self.rounds):
            if pop.done:
                break
            if t:
                pop, rest = await self._resampled(pop, kept, rest, ctx)
            pop = await self.weigh(await self._moved(pop, kept, rest, ctx), ctx)
            rest = rest[1:]
            shelf.see(pop)
            if ctx.account.refused:
                break
        return pop

    async def _resampled(
        self, pop: Population, kept: Candidate | None, rest: tuple[Step, ...], ctx: Context
    ) -> tuple[Population, tuple[Step, ...]]:
        p = shares(pop)
        if not p:
            return pop, rest
        rng = Random(pop.key.fold("resample").seed64)
        picks = rng.choices(range(self.n), p, k=self.n)
        if kept is not None:
            picks[0] = await self._past(pop, p, rest, rng, ctx)
            if picks[0]:
                # What was known of the rest held after another past.
                rest = tuple(replace(s, scores=()) for s in rest)
        share = pop.log_total - math.log(self.n)
        copies = (replace(pop[j].forked("copy", i), log_weight=share) for i, j in enumerate(picks))
        return Population(tuple(copies)), rest

    async def _past(
        self, pop: Population, p: Sequence[float], rest: tuple[Step, ...], rng: Random, ctx: Context
    ) -> int:
        """Whose past the retained path takes; 0 for its own."""
        if self.splice is None or not rest:
            return 0
        # A finished particle has no future but itself.
        able = [i for i, c in enumerate(pop) if not c.done]
        bare = tuple(replace(s, scores=()) for s in rest)
        joined = [replace(pop[i], steps=(*pop[i].steps, *bare)) for i in able]
        rated = await ctx.scorer(self.splice)([*(pop[i] for i in able), *joined], ctx)
        odds = []
        for i, now, then in zip(able, rated, rated[len(able) :], strict=False):
            if now is None or then is None:
                return 0
            odds.append(p[i] * then[-1] / now[-1] if now[-1] > 0 else 0.0)
        return rng.choices(able, odds)[0] if math.fsum(odds) > 0 else 0

    async def _moved(
        self, pop: Population, kept: Candidate | None, rest: tuple[Step, ...], ctx: Context
    ) -> Population:
        free = Population(pop.members[1:]) if kept else pop
        moved = await self.move(free, ctx) if len(free) else free
        if len(moved) != len(free):
            raise StrategyFailed(
                f"gibbs(move): {len(moved)} candidates came of {len(free)}; expected one of each: step()."
            )
        return moved if kept is None else Population((_forced(pop[0], kept, rest, ctx), *moved))

    @cached_property
    def size(self) -> int:
        """Both bodies', for all rounds of all sweeps."""
        return (self.move.size + self.weigh.size) * self.rounds * self.sweeps

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All rounds of all sweeps of a chain, for each candidate."""
        total, now = ZERO, replace(shape, count=self.n, live=self.n)
        for _ in range(self.rounds):
            moved, after = self.move.bound(now, ctx)
            weighed, _ = self.weigh.bound(after, ctx)
            total += moved + weighed
            if self.splice is not None:
                longest = replace(after, count=2 * self.n, tokens=2 * after.tokens)
                total += ctx.scorer(self.splice).bound(longest, ctx)
            now = replace(after, count=self.n, live=self.n)
        made = shape.live * self.n * self.sweeps * (self.rounds + 1)
        out = replace(shape.join(now), count=shape.count + made, live=made)
        return total.times(self.sweeps).times(shape.live), out

    def parts(self) -> tuple[Strategy, ...]:
        """The two bodies."""
        return (self.move, self.weigh)

    def own_needs(self) -> Needs:
        """The scorer of spliced paths."""
        return Needs(scorers=frozenset({self.splice} if self.splice else ()))


def _weighing(pop: Population, log_total: float) -> Population:
    if pop.log_total == -math.inf:
        return pop
    return pop.map(lambda c: replace(c, log_weight=c.log_weight - pop.log_total + log_total))


def _forced(c: Candidate, kept: Candidate, rest: tuple[Step, ...], ctx: Context) -> Candidate:
    """The retained path, one step longer; itself once it is whole."""
    if not rest:
        return c
    ends = kept.done and len(rest) == 1
    longer = replace(c, key=c.key.fold("kept"), parent=c.key, steps=(*c.steps, rest[0]), done=ends)
    return replace(longer, answer=ctx.answers.extract(solution(longer))) if ends else longer


@strategy
def gibbs(
    move: Strategy,
    weigh: Strategy,
    n: int = 8,
    sweeps: int = 4,
    rounds: int = 40,
    *,
    splice: str | None = None,
) -> Strategy:
    """Particle Gibbs: ``sweeps`` filters of ``n`` particles, each beside a path of the one before.

    ``move`` draws one step of each particle, ``weigh`` scores and reweights. One unit of ``sweeps`` costs n
    draws and ratings a round, one less after the first. ConfigError unless both are strategies.
    """
    body(move, "gibbs(move)", "step()")
    body(weigh, "gibbs(weigh)", "score(prm, last) >> reweight(prm)")
    n, sweeps = count(n, "gibbs(n)", 2), count(sweeps, "gibbs(sweeps)", 1)
    return Gibbs(move, weigh, n, sweeps, count(rounds, "gibbs(rounds)", 1), splice)
