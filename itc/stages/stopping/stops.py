"""When there are votes enough: predicates of the answers so far, for ``enough``, ``grow`` and ``until``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import predicate, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.selection.select import Selector, rank
from itc.types import Population


async def tally(pop: Population, ctx: Context, by: str | None = None) -> list[float]:
    """Votes of each answer, most first; each weighs 1, or its score ``by``. No answer, no vote."""
    voters = [c for c in pop if c.answer is not None]
    classes = await ctx.answers.classes([c.answer for c in voters if c.answer is not None])
    votes: dict[int, float] = {}
    for c, name in zip(voters, classes, strict=True):
        votes[name] = votes.get(name, 0.0) + (1.0 if by is None else max(0.0, rank(c, by)))
    return sorted(votes.values(), reverse=True)


def leads(first: int, second: int) -> float:
    """Probability that the answer with ``first`` votes is likelier than the one with ``second``.

    Both shares together are one and have a uniform prior, so this is 1 − I_½(first + 1, second + 1), in
    [0,1]: a sum of binomials, exact.
    """
    n = first + second + 1
    ways = sum(math.comb(n, j) for j in range(first + 1))
    return float(ways / (1 << n))


@predicate
async def adaptive(pop: Population, ctx: Context, threshold: float = 0.95) -> bool:
    """The most frequent answer leads the next one with probability ≥ ``threshold``.

    Aggarwal et al. 2023, "Let's Sample Step by Step: Adaptive-Consistency", arXiv 2305.11860, the Beta
    criterion: 1 − I_½(a + 1, b + 1) for the two highest counts a ≥ b.
    """
    first, second, *_ = (*await tally(pop, ctx), 0, 0)
    return first > 0 and leads(int(first), int(second)) >= threshold


@predicate
async def unanimous(pop: Population, ctx: Context, last: int = 5) -> bool:
    """The last ``last`` candidates all have one answer. One without an answer agrees with none.

    Li et al. 2024, "Escape Sky-high Cost: Early-Stopping Self-Consistency", arXiv 2401.10480; asked after
    every window of ``last``.
    """
    window = Population(pop.members[-last:])
    return await tally(window, ctx) == [float(last)]


@predicate
async def consensus(pop: Population, ctx: Context, share: float = 0.95, by: str | None = None) -> bool:
    """One answer has at least ``share`` of all votes, each weighing 1 or its score ``by``."""
    votes = await tally(pop, ctx, by)
    return bool(votes) and votes[0] > 0 and votes[0] >= share * math.fsum(votes)


@dataclass(frozen=True)
class Agreed(Selector):
    """The last ``last`` members, if they all have one answer; everyone, if not."""

    last: int = 5

    factory: ClassVar[str] = "agreed"
    positional: ClassVar[tuple[str, ...]] = ("last",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Who votes."""
        window = Population(pop.members[-self.last :])
        return window if await tally(window, ctx) == [float(self.last)] else pop


@strategy
def agreed(last: int = 5) -> Strategy:
    """Keep the last ``last`` candidates, if they all have one answer; else keep all."""
    return Agreed(count(last, "agreed(last)", 1))
