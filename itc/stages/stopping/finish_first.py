"""Draws side by side, of which the first to finish are kept and the rest are stopped under way."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.parallel import budgets
from itc.algebra.registry import strategy
from itc.algebra.strategy import Needs, Stage, Strategy, count
from itc.backends.base import Watch
from itc.budget.cost import Amount, Cost
from itc.concurrency import side_by_side, stop
from itc.errors import BackendError, StrategyFailed
from itc.keys import Key
from itc.stages.stopping.copies import (
    Copy,
    Losses,
    Watched,
    affordable,
    copies,
    drawing,
    moved,
    of_its_roles,
    shared,
)
from itc.types import Candidate, Population

Outcome = Population | Exception | None


@dataclass(frozen=True)
class FinishFirst(Stage):
    """The ``keep`` draws of ``body`` that finish first, of every candidate, the first to finish first.

    Time is counted in tokens along a draw, as on an engine that advances all draws alike: who comes first
    depends neither on the order of replies nor on what else the engine does, and a tie goes to the draw of
    the lower number. A draw is stopped as soon as it is longer than ``keep`` that have finished, upstream
    too, and costs what it had cost by then. That alone depends on the clock, so it is recorded: a resumed run
    books the same.

    A draw that fails is not among the first; its error is raised where fewer than ``keep`` others finish.
    Where the budget covers only some of the draws at their worst, those are made.
    """

    body: Strategy
    keep: int = 1

    factory: ClassVar[str] = "finish_first"
    positional: ClassVar[tuple[str, ...]] = ("body", "keep")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Candidates side by side, on shares of the budget."""
        return await shared(self.body, pop, ctx, self._of)

    async def _of(self, c: Candidate, ctx: Context) -> Sequence[Candidate]:
        parts = copies(self.body, c)
        if not parts:
            return ()
        able = max(1, affordable(parts, ctx))
        if able < len(parts):
            ctx.account.refuse()
        heat = Heat(parts[:able], self.keep, f"{self.factory}({self.keep} of {able})", ctx)
        token = c.key.fold("finish_first", str(self)).digest
        known = ctx.decisions.get(token) if ctx.decisions else None
        if known is not None:
            losses = Losses.decoded(known)
            won = await heat.again(losses.kept)
            losses.book(ctx)
        else:
            won = await heat.run()
            if ctx.decisions and len(heat.kept) < able:
                # Where none was stopped this time, another time might stop some.
                await ctx.decisions.put(token, Losses.of(heat.kept, heat.traces).encoded())
        # Which of the others ended before they were stopped depends on the clock: only their cost is kept.
        for i in heat.kept:
            ctx.trace.keep(heat.traces[i])
        ctx.account.advance(max((heat.accounts[i].path for i in heat.kept), default=0))
        return won or (c,)

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All draws to their end."""
        cost, after = self.body.bound(shape, ctx)
        one = replace(shape, count=1, live=1)
        made = sorted(piece.bound(one, ctx)[1].count for piece, _ in copies(self.body, Candidate(Key())))
        most = min(after.count, shape.count * max(1, sum(made[-self.keep :])))
        return cost, replace(after, count=most, live=min(after.live, most))

    def own_needs(self) -> Needs:
        """Streams, of whatever role the draws name."""
        return of_its_roles(self.body, "stream")

    def parts(self) -> tuple[Strategy, ...]:
        """The draws."""
        return (self.body,)


class Heat:
    """One candidate's draws, while they run."""

    def __init__(self, parts: Sequence[Copy], keep: int, name: str, ctx: Context) -> None:
        self.parts, self.keep, self.name, self.ctx = parts, keep, name, ctx
        self.accounts = budgets([(piece, (start,)) for piece, start in parts], ctx)
        self.traces = [ctx.trace.branch() for _ in parts]
        self.kept: tuple[int, ...] = ()
        """Which draws are kept, the first to finish first."""
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._done: dict[int, Population] = {}
        self._failed: dict[int, Exception] = {}
        self._drawn: dict[int, Amount] = {}
        """Tokens that a draw is known to have, by number."""
        self._limit: Amount = math.inf
        """Tokens beyond which a draw can no longer be among the first."""

    async def run(self) -> list[Candidate]:
        """All at once, until each has finished or been stopped."""
        self._tasks = {i: asyncio.create_task(self._draw(i)) for i in range(len(self.parts))}
        try:
            await asyncio.wait(self._tasks.values())
        finally:
            await stop(self._tasks.values())
        return self._first()

    async def again(self, kept: Sequence[int]) -> list[Candidate]:
        """Only those that were kept before."""
        await side_by_side([self._draw(i) for i in kept])
        return self._first()

    async def _draw(self, i: int) -> None:
        ctx = replace(self.ctx, account=self.accounts[i], trace=self.traces[i])
        watched = Watched.of(ctx, partial(Pacer, self.name, partial(self.reaches, i)))
        try:
            self._done[i] = await self.parts[i].body(Population((self.parts[i].start,)), watched)
        except (BackendError, StrategyFailed) as error:
            self._failed[i] = error
            return
        self._rank()

    def reaches(self, i: int, tokens: int) -> None:
        """Told while a draw runs: how many tokens it has, of the call under way."""
        self._drawn[i] = self.accounts[i].path + tokens
        if self._drawn[i] > self._limit:
            self._stop(i)

    def _rank(self) -> None:
        over = self._order()
        if len(over) >= self.keep:
            self._limit = self.accounts[over[self.keep - 1]].path
            for i, drawn in self._drawn.items():
                if drawn > self._limit and i not in self._done:
                    self._stop(i)

    def _stop(self, i: int) -> None:
        if i in self._tasks and not self._tasks[i].done():
            self._tasks[i].cancel()

    def _order(self) -> list[int]:
        """Draws that have finished and lack nothing for want of budget, the first first."""
        whole = [i for i in sorted(self._done) if not self.accounts[i].refused]
        return sorted(whole, key=lambda i: self.accounts[i].path)

    def _first(self) -> list[Candidate]:
        for task in self._tasks.values():
            if not task.cancelled():
                task.result()
        over = self._order()
        short = len(over) < self.keep
        if short and self._failed:
            raise self._failed[min(self._failed)]
        # Where the budget ended some, what there is of them comes after what is whole.
        left = sorted(self._done.keys() - set(over)) if short else []
        self.kept = tuple([*over[: self.keep], *left][: self.keep])
        return [x for i in self.kept for x in moved(self._done[i], self.parts[i].start)]


class Pacer(Watch):
    """Tells how many tokens a draw has, as they come."""

    def __init__(self, name: str, told: partial[None]) -> None:
        super().__init__()
        # Whole draws are stored under a name of their own: whether one of them is stopped, and so what it
        # costs, must not depend on what another strategy has left in the journal.
        self.name = name
        self._told = told

    def keep_going(self, logprobs: object) -> bool:  # noqa: ARG002
        """Always: a draw that has lost is cancelled, so that nothing of it is stored."""
        self._told(self.completion_tokens)
        return True


@strategy
def finish_first(body: Strategy, keep: int = 1) -> Strategy:
    """The ``keep`` draws of ``body`` with the fewest tokens; the rest are stopped once they are longer.

    ``body`` is ``sample(8)``, ``(a >> b) * 8`` or the like; what follows the draws in it belongs to each. It
    costs whole draws for those that are kept, and for the others what they had written when they were
    stopped. ConfigError for what has no draws, or ``keep`` below 1.
    """
    return FinishFirst(drawing(body, "finish_first(body)"), count(keep, "finish_first(keep)", 1))
