"""Fusion: consecutive stages that treat each draw apart need no barrier between them.

``sample(8) >> rewrite(improve)`` waits for all eight before it rewrites the first, though no rewrite
looks at another. Fused, each draw runs down the chain on its own. The result is the same, bitwise, as
long as nothing is refused; so fusion is used only where the remaining budget covers the worst case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from itc.algebra.context import Context, Shape
from itc.algebra.strategy import Strategy
from itc.budget.account import UNCAPPED
from itc.budget.cost import UNLIMITED, ZERO
from itc.concurrency import side_by_side
from itc.types import Candidate, Population


class Local(Strategy):
    """A stage for which ``s(p)`` is the concatenation of ``s({c})`` over the members of ``p``."""

    def pieces(self, candidate: Candidate) -> Sequence[Strategy]:  # noqa: ARG002
        """Local strategies whose pooled results on ``candidate``, in order, are this stage's."""
        return (self,)


@dataclass(frozen=True)
class Chain(Strategy):
    """Local stages run down per draw. Never part of a strategy's text: `fuse` makes it on the way."""

    stages: tuple[Local, ...]

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every draw on its own."""
        return await self._down(pop.members, 0, ctx)

    async def _down(self, members: Sequence[Candidate], at: int, ctx: Context) -> Population:
        if at == len(self.stages):
            return Population(tuple(members))
        paths = []
        runs = []
        for c in members:
            for piece in self.stages[at].pieces(c):
                below = ctx.account.child(UNLIMITED)
                paths.append(below)
                runs.append(self._one(piece, c, at, replace(ctx, account=below)))
        parts = await side_by_side(runs)
        ctx.account.advance(max((a.path for a in paths), default=0))
        # Where the clock refused several draws of one candidate, each left the candidate itself.
        return Population(tuple({c.key: c for part in parts for c in part}.values()))

    async def _one(self, piece: Strategy, c: Candidate, at: int, ctx: Context) -> Population:
        made = await piece(Population((c,)), ctx)
        return await self._down(made.members, at + 1, ctx)


def fuse(stages: Sequence[Strategy], pop: Population, ctx: Context) -> tuple[Strategy, int]:
    """What to run next, and how many of the stages that takes: a chain where one pays, else the first."""
    run: list[Local] = []
    for stage in stages:
        if not isinstance(stage, Local):
            break
        run.append(stage)
    if len(run) < 2 or not len(pop):
        return stages[0], 1
    left = ctx.account.remaining
    if left != UNCAPPED:
        # Draws and their lengths are bounded exactly; prompts that hold texts yet unwritten are not, and
        # under a cap on them the order of replies would decide which draw of a chain is refused.
        if min(left.tokens, left.prompt_tokens, left.flops, left.picodollars, left.picoseconds) != math.inf:
            return stages[0], 1
        live = sum(not c.done for c in pop)
        shape, total = Shape(len(pop), live, max(c.tokens for c in pop)), ZERO
        for stage in run:
            cost, shape = stage.bound(shape, ctx)
            total += cost
        # A path is at most as long as all its draws together.
        if not left.covers(total, total.completion_tokens):
            return stages[0], 1
    return Chain(tuple(run)), len(run)
