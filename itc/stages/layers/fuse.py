"""Candidates written from the whole population, and a fresh start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import MANY, Needs, Stage, Strategy, count
from itc.budget.cost import ZERO, Cost
from itc.stages.draws.path import step_of
from itc.stages.draws.prompted import asked, worst
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Fuse(Stage):
    """n finished candidates, each written from all members at once; the population itself if refused."""

    prompt: Ref
    n: int = 1
    role: str = "policy"

    factory: ClassVar[str] = "fuse"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "n")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """An empty population stays empty."""
        if not len(pop):
            return pop
        text, key = self.prompt.run(ctx.problem, pop.members), pop.key.fold("fuse")
        requests = [asked(text, key.fold(i), ctx, self.role, i) for i in range(self.n)]
        made = []
        for request, d in zip(requests, await ctx.generate(requests, self.role), strict=True):
            if d is not None:
                answer = ctx.answers.extract(d.text)
                child = Candidate(request.key, (step_of(d),), parent=pop[0].key, done=True, answer=answer)
                ctx.trace.add(child)
                made.append(child)
        return Population(tuple(made)) if made else pop

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """n draws whose prompt holds every candidate."""
        if not shape.count:
            return ZERO, shape
        each, limit = worst(ctx, self.role, self.prompt, shape.count, shape.tokens)
        made = Shape(self.n, 0, limit, shape.capped)
        return each.times(self.n), made.join(shape) if shape.capped else made

    def own_needs(self) -> Needs:
        """Its role."""
        return Needs(frozenset({(self.role, "")}))


@strategy
def fuse(prompt: Ref | str, n: int = 1, *, role: str = "policy") -> Strategy:
    """n answers written from ``prompt(problem, candidates)``. One unit of n costs one draw."""
    return Fuse(Ref.of("prompt", prompt), count(n, "fuse(n)", 1, MANY), role)


@dataclass(frozen=True)
class Restart(Stage):
    """One empty candidate with randomness of its own."""

    factory: ClassVar[str] = "restart"

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """An empty population stays empty."""
        return Population((Candidate(pop.key.fold("restart")),)) if len(pop) else pop

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free."""
        return ZERO, Shape(min(1, shape.count), min(1, shape.count), 0, shape.capped)


@strategy
def restart() -> Strategy:
    """Forget the population and begin again from one empty candidate, with new randomness."""
    return Restart()
