"""Judge a step by what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Stage, Strategy
from itc.budget.cost import Cost
from itc.errors import ConfigError
from itc.stages.search.descent import families
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Lookahead(Stage):
    """Every candidate gets the score ``by`` of what ``ahead`` makes of it, the best of several; no text that
    ``ahead`` writes is kept.

    Its own steps keep the scores they were given on the way, so they are not rated again. A candidate of
    which the budget lets nothing come keeps the score it had. What is finished goes through ``ahead`` as it
    is.
    """

    ahead: Strategy
    by: str

    factory: ClassVar[str] = "lookahead"
    positional: ClassVar[tuple[str, ...]] = ("ahead", "by")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Run ahead on forks, whose draws are not those that the candidates make later."""
        start = pop.map(lambda c: c if c.done else c.forked("ahead"))
        seen = await self.ahead(start, ctx)
        same = {c.key: c for c in seen}
        came = families(start.members, seen, ctx.trace)
        return Population(
            tuple(
                same.get(c.key, c) if c.done else self._told(c, came[begun.key])
                for c, begun in zip(pop, start, strict=True)
            )
        )

    def _told(self, c: Candidate, came: list[Candidate]) -> Candidate:
        rated = [d for d in came if d.has_score(self.by)]
        if not rated:
            return c
        best = max(rated, key=lambda d: d.score(self.by))
        own = best.steps[: len(c.steps)]
        if [s.text for s in own] == [s.text for s in c.steps]:
            c = replace(c, steps=own)
        return c.scored(self.by, best.score(self.by))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """That of ``ahead``; the population stays as it is."""
        return self.ahead.bound(shape, ctx)[0], shape

    def parts(self) -> tuple[Strategy, ...]:
        """What runs ahead."""
        return (self.ahead,)


@strategy
def lookahead(ahead: Strategy, by: str = "prm") -> Strategy:
    """Score every candidate by what ``ahead`` makes of it: ``step(temperature=0.0) ** 3 >> score(prm,
    last)``.

    It costs what ``ahead`` costs. ConfigError for what is no strategy.
    """
    if not isinstance(ahead, Strategy):
        raise ConfigError(
            "lookahead(ahead): expected a strategy, as step(temperature=0.0) >> score(prm, last); "
            f"got {ahead!r}."
        )
    return Lookahead(ahead, by)
