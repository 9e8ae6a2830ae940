"""Particles: choose, move, again; and no finished one is lost on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Stage, Strategy, count
from itc.budget.cost import UNLIMITED, ZERO, Cost
from itc.errors import ConfigError
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population


@dataclass
class Shelf:
    """Finished candidates as they were when they were first seen, one of each text."""

    seen: dict[tuple[str, ...], Candidate] = field(default_factory=dict)

    def see(self, pop: Population) -> None:
        """Remember what is finished."""
        for c in pop:
            if c.done:
                self.seen.setdefault(_texts(c), c)

    def lost(self, pop: Population) -> tuple[Candidate, ...]:
        """Those that no member of ``pop`` equals, in the order in which they finished, with weight zero."""
        here = {_texts(c) for c in pop}
        return tuple(replace(c, log_weight=-math.inf) for t, c in self.seen.items() if t not in here)


def _texts(c: Candidate) -> tuple[str, ...]:
    return tuple(s.text for s in c.steps)


@dataclass(frozen=True)
class Particles(Stage):
    """Rounds of ``choose`` then ``move``, until every particle is finished, ``rounds`` are over, or the
    budget has refused a draw.

    Finished candidates that ``choose`` dropped stand behind the particles at the end, with weight zero: no
    weighted estimate changes, and a choice among all that finished misses none.
    """

    move: Strategy
    choose: Strategy
    rounds: int

    factory: ClassVar[str] = "particles"
    positional: ClassVar[tuple[str, ...]] = ("move", "choose", "rounds")
    keeps_line = True

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Round after round."""
        shelf = Shelf()
        shelf.see(pop)
        for _ in range(self.rounds):
            if pop.done:
                break
            inner = ctx.aside().within(UNLIMITED)
            pop = await self.move(await self.choose(pop, inner), inner)
            ctx.account.advance(inner.account.path)
            shelf.see(pop)
            if ctx.anytime is not None:
                ctx.note((*pop, *shelf.lost(pop)))
            if inner.account.refused:
                # Rounds that cannot be bought would only reshuffle what there is.
                break
        return Population((*pop, *shelf.lost(pop)))

    @cached_property
    def size(self) -> int:
        """Both bodies', ``rounds`` times."""
        return (self.choose.size + self.move.size) * self.rounds

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All rounds; what any of them made may be finished and be dropped later."""
        total, either, made = ZERO, shape, shape.count
        for _ in range(self.rounds):
            chosen, between = self.choose.bound(shape, ctx)
            moved, after = self.move.bound(between, ctx)
            total, either, made = total + chosen + moved, either.join(after), made + after.count
            shape = after
        return total, replace(either, count=made)

    def parts(self) -> tuple[Strategy, ...]:
        """The two bodies."""
        return (self.move, self.choose)


@strategy
def particles(move: Strategy, choose: Strategy, rounds: int = 40) -> Strategy:
    """Repeat ``choose >> move`` until all are finished, for at most ``rounds``, keeping what finished.

    One unit of ``rounds`` costs one ``choose`` and one ``move``. ConfigError unless both are strategies.
    """
    body(move, "particles(move)", "step() >> score(prm, last) >> reweight(prm)")
    body(choose, "particles(choose)", "resample()")
    return Particles(move, choose, count(rounds, "particles(rounds)", 1))


def body(part: object, what: str, example: str) -> None:
    """ConfigError unless the part is a strategy."""
    if not isinstance(part, Strategy):
        raise ConfigError(f"{what}: expected a strategy, as {example}; got {part!r}.")


@dataclass(frozen=True)
class Evidence(Selector):
    """log Z, the natural log of the particles' mean weight, as the potential ``evidence`` of each.

    Where weights began at 1, were multiplied by potentials and resampling kept their total, the expectation
    of Z is that of the final potential under the model: with a score, the share of answers that it would
    accept. Members of weight zero are no particles.
    """

    factory: ClassVar[str] = "evidence"

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Noted on all."""
        n = sum(c.log_weight > -math.inf for c in pop)
        noted = ("evidence", pop.log_total - math.log(n)) if n else None
        return pop.map(lambda c: replace(c, potentials=_noted(c, noted))) if noted else pop


def _noted(c: Candidate, noted: tuple[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((*(p for p in c.potentials if p[0] != noted[0]), noted)))


@strategy
def evidence() -> Strategy:
    """Note the natural log of the particles' mean weight as their potential ``evidence``."""
    return Evidence()
