"""All candidates before a judge at once: a ranking, a grade for each, or one chosen.

Each reply sees them in an order of its own, so that no place on the page is worth anything in the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from itc.algebra.context import Context, Shape
from itc.backends.base import Completion, Request
from itc.budget.cost import ZERO, Cost
from itc.stages.draws.path import solution
from itc.stages.judges.asking import INVALID, Asking
from itc.stages.judges.judge import marked
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Told:
    """A reply that could be read, and what it says of each solution, in [0,1], in the population's order."""

    request: Request
    reply: Completion
    values: tuple[float, ...]


@dataclass(frozen=True)
class Panel(Asking):
    """k replies about the solutions shown together, reply i in the order of the population's key and i."""

    async def ask(self, shown: Sequence[Candidate], pop: Population, ctx: Context) -> list[Told]:
        """The replies that could be read."""
        orders, requests = [], []
        for i in range(self.k):
            order = list(range(len(shown)))
            Random(pop.key.fold(self.factory, "order", i).seed64).shuffle(order)
            orders.append(order)
            asked = tuple(shown[at] for at in order)
            requests.append(self.request(asked, pop.key.fold(self.factory, i), ctx))
        replies = await ctx.generate(requests, self.role)
        read = []
        for order, request, reply in zip(orders, requests, replies, strict=True):
            if reply is None:
                continue
            told = self.read(reply.text, len(shown))
            self.note(ctx, request, reply, *(() if told is not None else (INVALID,)))
            if told is not None:
                back = [0.0] * len(shown)
                for at, value in zip(order, told, strict=True):
                    back[at] = value
                read.append(Told(request, reply, tuple(back)))
        return read

    def read(self, text: str, n: int) -> list[float] | None:
        """What a reply says of each of the n shown, in [0,1] and in the order shown; None if unreadable."""
        raise NotImplementedError

    def scored(
        self, pop: Population, shown: Sequence[Candidate], read: Sequence[Told], ctx: Context
    ) -> Population:
        """Every candidate with the mean of what was read of its solution; as it was where nothing was."""
        if not read:
            return pop
        means = [math.fsum(x) / len(read) for x in zip(*(told.values for told in read), strict=True)]
        of = {solution(c): min(1.0, x) for c, x in zip(shown, means, strict=True)}
        judged = [marked(c, self.by, of[solution(c)]) if solution(c) in of else c for c in pop]
        for c in judged:
            if c.steps:
                ctx.trace.add(c)
        return Population(tuple(judged))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """k prompts that hold every candidate."""
        if shape.count < 2:
            return ZERO, shape
        return self.reply_cost(shape.count, shape.tokens, ctx).times(self.k), shape
