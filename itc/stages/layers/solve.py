"""Answers written from a candidate's notes, which stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import MANY, Needs, Stage, Strategy, count, number
from itc.budget.cost import ZERO, Cost
from itc.keys import Key
from itc.stages.draws.path import step_of
from itc.stages.draws.prompted import asked, heated, worst
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Solve(Stage):
    """n answers to every member, each from ``prompt(problem, (member,))``: the member's notes (plans,
    observations, thoughts, critiques) stay before the answer, and what it had answered goes.

    Unlike `rewrite` it lets later stages see what the answer was made from. A member whose draws are all
    refused stays as it is.
    """

    prompt: Ref
    n: int = 1
    role: str = "policy"
    temperature: float | None = None

    factory: ClassVar[str] = "solve"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "n")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Answers take the place of the member, in order of draw."""
        sampling = heated(ctx, self.role, self.temperature)
        jobs = [(c, i) for c in pop for i in range(self.n)]
        requests = [
            asked(self.prompt.run(ctx.problem, (c,)), c.key.fold("solve", i), ctx, self.role, i, sampling)
            for c, i in jobs
        ]
        made: dict[Key, list[Candidate]] = {}
        drawn = await ctx.generate(requests, self.role)
        for (c, _), request, completion in zip(jobs, requests, drawn, strict=True):
            if completion is None:
                continue
            text = step_of(completion)
            notes = tuple(s for s in c.steps if s.kind != "solution")
            answer = ctx.answers.extract(text.text)
            child = replace(c, key=request.key, parent=c.key, steps=(*notes, text), done=True, answer=answer)
            ctx.trace.add(child)
            made.setdefault(c.key, []).append(child)
        return Population(tuple(x for c in pop for x in made.get(c.key, [c])))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """n draws for every member."""
        if not shape.count:
            return ZERO, shape
        cost, limit = worst(ctx, self.role, self.prompt, 1, shape.tokens)
        live = shape.live if shape.capped else 0
        after = Shape(shape.count * self.n, live, shape.tokens + limit, shape.capped, shape.tokens)
        return cost.times(shape.count * self.n), after

    def own_needs(self) -> Needs:
        """Its role."""
        return Needs(frozenset({(self.role, "")}))


@strategy
def solve(
    prompt: Ref | str, n: int = 1, *, role: str = "policy", temperature: float | None = None
) -> Strategy:
    """n answers written from every candidate and its notes, which stay. One unit of n costs one draw."""
    if temperature is not None:
        number(temperature, "solve(temperature=)", 0.0, 100.0)
    return Solve(Ref.of("prompt", prompt), count(n, "solve(n)", 1, MANY), role, temperature)
