"""A vote in which a draw counts by the place that a score gives it among all draws, not by the score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, number
from itc.budget.cost import ZERO, Cost
from itc.stages.selection.select import Selector, rank
from itc.types import Population


@dataclass(frozen=True)
class BordaVote(Selector):
    """One candidate of the answer with most votes, where place r of N by a score counts (N − r + 1)^power.

    With ``power`` 0 it is a plurality vote; the larger, the more the best alone decide. All candidates take
    places, those without an answer too, but do not vote. Equal scores keep their order; so do tied answers.
    The winner is its class's best. Without any answer, the population's first.
    """

    by: str
    power: float = 0.5

    factory: ClassVar[str] = "borda_vote"
    positional: ClassVar[tuple[str, ...]] = ("by", "power")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The winner."""
        voters = [(i, c) for i, c in enumerate(pop) if c.answer is not None]
        if not voters:
            return Population(pop.members[:1])
        places = sorted(range(len(pop)), key=lambda i: -rank(pop[i], self.by))
        votes = {i: float(len(pop) - place) ** self.power for place, i in enumerate(places)}
        names = await ctx.answers.classes([c.answer for _, c in voters if c.answer is not None])
        tally: dict[int, float] = {}
        for (i, _), name in zip(voters, names, strict=True):
            tally[name] = tally.get(name, 0.0) + votes[i]
        won = max(tally, key=tally.__getitem__)
        backers = [i for (i, _), name in zip(voters, names, strict=True) if name == won]
        return Population((pop[min(backers, key=places.index)],))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; one remains."""
        return ZERO, replace(shape, count=min(shape.count, 1), live=min(shape.live, 1))


@strategy
def borda_vote(by: str, power: float = 0.5) -> Strategy:
    """The answer with most votes, the r-th best of N candidates by the score ``by`` having (N − r +
    1)^power."""
    return BordaVote(by, float(number(power, "borda_vote(power)", 0.0, 100.0)))
