"""As many of a strategy's draws as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.parallel import budgets
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Stage, Strategy, count, holds
from itc.budget.account import Account
from itc.budget.cost import Amount, Cost
from itc.concurrency import side_by_side, stop
from itc.errors import BackendError, StrategyFailed
from itc.stages.stopping.copies import (
    Copy,
    Losses,
    affordable,
    copies,
    covered,
    drawing,
    moved,
    of_its_roles,
    shared,
)
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Enough(Stage):
    """The first draws of ``body``, in their order, up to where ``stop`` holds of them; all, if it never does.

    It is asked after every ``every`` draws, which are made side by side; draws are those of ``body`` itself,
    so that what stops early and what does not share them. With ``ahead`` so many more are begun before it is
    known whether they are needed: what is under way when ``stop`` holds is cancelled, upstream too, and costs
    what it had cost by then. Which draws come out depends on no clock; what the surplus cost does, and is
    recorded. Draws are begun ahead only where the budget covers the worst case of them all.

    Candidates are drawn from side by side, each until ``stop`` holds of its own draws, on equal shares of the
    budget.
    """

    body: Strategy
    stop: Ref
    every: int = 1
    ahead: int = 0

    factory: ClassVar[str] = "enough"
    positional: ClassVar[tuple[str, ...]] = ("body", "stop", "every", "ahead")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Round after round."""
        return await shared(self.body, pop, ctx, self._of)

    async def _of(self, c: Candidate, ctx: Context) -> Sequence[Candidate]:
        parts = copies(self.body, c)
        if not parts:
            return ()
        if self.ahead and covered(self.body, c, ctx):
            return await self._ahead(c, parts, ctx) or (c,)
        return await in_rounds(parts, self.every, ctx, partial(holds, self.stop)) or (c,)

    async def _ahead(self, c: Candidate, parts: Sequence[Copy], ctx: Context) -> list[Candidate]:
        rush = Rush(parts, self.every, self.ahead, ctx)
        token = c.key.fold("enough", str(self)).digest
        known = ctx.decisions.get(token) if ctx.decisions else None
        if known is not None:
            losses = Losses.decoded(known)
            made = await rush.again(len(losses.kept))
            losses.book(ctx)
        else:
            made = await rush.run(self.stop)
            if ctx.decisions and rush.judged < rush.begun:
                # Where none was stopped this time, another time might stop some.
                await ctx.decisions.put(token, Losses.of(range(rush.judged), rush.traces).encoded())
        for trace in rush.traces[: rush.judged]:
            ctx.trace.keep(trace)
        ctx.account.advance(rush.path)
        return made

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All draws to their end; ``stop`` may leave any number of them out."""
        return self.body.bound(shape, ctx)

    def own_needs(self) -> Needs:
        """A stream, where draws may be cancelled."""
        if not self.ahead:
            return Needs()
        return of_its_roles(self.body, "stream")

    def parts(self) -> tuple[Strategy, ...]:
        """The draws."""
        return (self.body,)


async def in_rounds(
    parts: Sequence[Copy],
    every: int,
    ctx: Context,
    over: Callable[[Population, Context], Awaitable[bool]],
) -> list[Candidate]:
    """What comes of ``parts``, ``every`` of them side by side, until ``over`` holds of what there is.

    A round that the budget does not cover at its worst is made in as many as it takes.
    """
    made: list[Candidate] = []
    at = 0
    while at < len(parts):
        due = min(len(parts), at + every - at % every)
        now = parts[at : at + max(1, affordable(parts[at:due], ctx))]
        accounts = budgets([(piece, (start,)) for piece, start in now], ctx)
        runs = [
            piece(Population((start,)), replace(ctx, account=account))
            for (piece, start), account in zip(now, accounts, strict=True)
        ]
        try:
            drawn = await side_by_side(runs)
        finally:
            ctx.account.advance(max(a.path for a in accounts))
        for (_, start), out in zip(now, drawn, strict=True):
            made += moved(out, start)
        at += len(now)
        if any(a.refused for a in accounts):
            break
        if at == due and at < len(parts) and await over(Population(tuple(made)), ctx):
            break
    return made


class Rush:
    """One candidate's draws, some of them begun before it is known whether they are needed."""

    def __init__(self, parts: Sequence[Copy], every: int, ahead: int, ctx: Context) -> None:
        self.parts, self.every, self.ahead = parts, every, ahead
        self.ctx = replace(ctx, cancellable=True)
        self.accounts: list[Account] = [ctx.account.child() for _ in parts]
        self.traces = [ctx.trace.branch() for _ in parts]
        self.judged = 0
        """Draws that were looked at: those that come out."""
        self._tasks: list[asyncio.Task[Population | Exception]] = []
        self._begun: list[Amount] = []
        """When each draw began, in sequential tokens."""
        self.path: Amount = 0
        """When the last of those looked at had finished."""

    @property
    def begun(self) -> int:
        """Draws that were made or under way."""
        return len(self._tasks)

    async def run(self, enough: Ref) -> list[Candidate]:
        """In order, until ``enough`` holds."""
        made: list[Candidate] = []
        try:
            while self.judged < len(self.parts):
                made += await self._look(len(self.parts))
                if self.judged < len(self.parts) and await holds(enough, Population(tuple(made)), self.ctx):
                    break
            for task in self._tasks:
                if task.done():
                    task.result()  # raises what is no failed draw
        finally:
            await stop(self._tasks)
        return made

    async def again(self, judged: int) -> list[Candidate]:
        """So many of them, as they were looked at before."""
        made: list[Candidate] = []
        try:
            while self.judged < judged:
                made += await self._look(judged)
        finally:
            await stop(self._tasks)
        return made

    async def _look(self, most: int) -> list[Candidate]:
        """Wait for the next ``every`` draws, while ``ahead`` more are under way, of ``most`` altogether.

        Raises the first error among them.
        """
        due = min(most, self.judged + self.every)
        for i in range(len(self._tasks), min(most, due + self.ahead)):
            self._tasks.append(asyncio.create_task(self._draw(i)))
            self._begun.append(self.path)
        made: list[Candidate] = []
        for i in range(self.judged, due):
            await asyncio.wait([self._tasks[i]])
            out = self._tasks[i].result()
            if isinstance(out, Exception):
                raise out
            self.judged = i + 1
            self.path = max(self.path, self._begun[i] + self.accounts[i].path)
            made += moved(out, self.parts[i].start)
        return made

    async def _draw(self, i: int) -> Population | Exception:
        piece, start = self.parts[i]
        try:
            ctx = replace(self.ctx, account=self.accounts[i], trace=self.traces[i])
            return await piece(Population((start,)), ctx)
        except (BackendError, StrategyFailed) as error:
            return error


@strategy
def enough(body: Strategy, stop: Ref | str, every: int = 1, ahead: int = 0) -> Strategy:
    """The draws of ``body``, as ``sample(40)``, up to where ``stop`` holds of them.

    It is asked after every ``every`` draws. ``ahead`` more are begun before it is asked: less time, and the
    cost of those that turn out not to be needed, up to where they are cancelled. ConfigError for what has no
    draws.
    """
    every, ahead = count(every, "enough(every)", 1), count(ahead, "enough(ahead)")
    return Enough(drawing(body, "enough(body)"), Ref.of("predicate", stop), every, ahead)
