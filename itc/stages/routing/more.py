"""More draws where others were made: what a probe has bought is not bought again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import MANY, Needs, Stage, Strategy, count
from itc.budget.cost import ZERO, Cost
from itc.errors import StrategyFailed
from itc.keys import Key
from itc.stages.draws.extend import Extend
from itc.types import Candidate, Population


@dataclass(frozen=True)
class More(Stage):
    """Draws up to number n of the candidate that all members were drawn from: ``sample(4) >> more(16)`` is
    ``sample(16)``, bitwise, and costs twelve draws after the four.

    The draws before the last that is there are not made again. From one unfinished candidate, where the
    budget refused all, it is ``sample(n)``.
    """

    n: int
    role: str = "policy"

    factory: ClassVar[str] = "more"
    positional: ClassVar[tuple[str, ...]] = ("n",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """StrategyFailed where the members are not draws of one candidate."""
        if not len(pop):
            return pop
        if len(pop) == 1 and not pop[0].done:
            return await self._like(pop, ctx)
        numbers = [_number(c) for c in pop]
        parents = {c.parent for c in pop}
        if None in numbers or len(parents) > 1:
            raise StrategyFailed(
                f"{self}: expected draws of one candidate, as sample(4) leaves them, to go on from. Put "
                "restart() >> sample(…) where other candidates are meant to stay."
            )
        made = max(number for number in numbers if number is not None) + 1
        first = pop[0]
        assert first.parent is not None
        begun = replace(
            first, key=first.parent, parent=None, steps=first.steps[:-1], scores=(), done=False, answer=None
        )
        return pop + await self._drawn(begun, made, ctx)

    @property
    def _like(self) -> Extend:
        return Extend("sample", self.n, role=self.role)

    async def _drawn(self, begun: Candidate, made: int, ctx: Context) -> Population:
        like = self._like
        keys = [(begun.key.fold("draw", i), i) for i in range(made, self.n)]
        sampling = like.sampling(ctx)
        requests = [like.request(begun, key, i, sampling, ctx) for key, i in keys]
        children = []
        for (key, _), drawn in zip(keys, await ctx.generate(requests, self.role), strict=True):
            if drawn is not None:
                children.append(like.child(begun, key, drawn, sampling, ctx))
                ctx.trace.add(children[-1])
        return Population(tuple(children))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All n but one, unless there are none yet."""
        if not shape.count:
            return ZERO, shape
        draws = self.n if shape.live else max(0, self.n - 1)
        one = Shape(1, 1, shape.tokens, shape.capped, shape.apart)
        cost, after = Extend("sample", 1, role=self.role).bound(one, ctx)
        return cost.times(draws), replace(
            shape.join(after), count=max(shape.count, 1) + draws, live=shape.live
        )

    def own_needs(self) -> Needs:
        """Its role."""
        return Needs(frozenset({(self.role, "")}))


def _number(c: Candidate) -> int | None:
    """The number of the draw that made it; None if no draw did."""
    drawn: Key | None = c.key.parent
    if (
        isinstance(c.key.part, int)
        and drawn is not None
        and drawn.part == "draw"
        and drawn.parent == c.parent
    ):
        return c.key.part
    return None


@strategy
def more(n: int, *, role: str = "policy") -> Strategy:
    """Further draws, up to n in all, of the candidate that the members were drawn from: after a probe of 4,
    ``more(16)`` makes draws 5 to 16. One unit of n costs one draw."""
    return More(count(n, "more(n)", 1, MANY), role)
