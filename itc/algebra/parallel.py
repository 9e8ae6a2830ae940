"""``a | b``, ``a * n``, ``a.grow(stop, n)`` and ``race``: things side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import orjson

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.sequence import Lazy, repeats
from itc.algebra.strategy import ATOM, TIMES, UNION, Strategy, argument, holds
from itc.algebra.trace import Ledger
from itc.budget.account import UNCAPPED, Account
from itc.budget.cost import UNLIMITED, ZERO, Cost
from itc.concurrency import side_by_side, stop
from itc.errors import BackendError, ConfigError, StrategyFailed
from itc.types import Candidate, Population


def _forked(pop: Population, branch: int) -> Population:
    return pop.map(lambda c: c.forked("|", branch))


def _pooled(parts: list[Population]) -> Population:
    return Population(tuple(c for part in parts for c in part))


def _beside(bounds: list[tuple[Cost, Shape]], shape: Shape) -> tuple[Cost, Shape]:
    cost = reduce(Cost.__add__, (c for c, _ in bounds), ZERO)
    count, live = sum(s.count for _, s in bounds), sum(s.live for _, s in bounds)
    longest = max((s.tokens for _, s in bounds), default=0)
    apart = max((s.apart for _, s in bounds), default=0)
    return cost, Shape(count, live, longest, shape.capped, apart)


@dataclass(frozen=True)
class Union(Strategy):
    """``a | b | …``; with no branches, ``empty``. Nested unions are flattened.

    What remains of the budget is split before launch, so that no branch can take what another would have got
    had its replies come sooner: each gets its worst case where there is enough for all, and else none gets
    more than it can use while another lacks something.
    """

    branches: tuple[Strategy, ...] = ()

    @staticmethod
    def of(*parts: Strategy) -> Strategy:
        """The flat union; a single branch is itself."""
        flat = tuple(s for p in parts for s in (p.branches if isinstance(p, Union) else (p,)))
        return flat[0] if len(flat) == 1 else Union(flat)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every branch on a fork of the population."""
        return await side(self.branches, pop, ctx, 0)

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """The sum."""
        known: dict[Strategy, tuple[Cost, Shape]] = {}
        for branch in self.branches:
            if branch not in known:
                known[branch] = branch.bound(shape, ctx)
        return _beside([known[branch] for branch in self.branches], shape)

    def parts(self) -> tuple[Strategy, ...]:
        """The branches."""
        return self.branches

    def text(self) -> tuple[str, int]:
        """Repetitions print as multiples."""
        if not self.branches:
            return "empty", ATOM
        shown = [_multiple(Union.of(*unit), n) for unit, n in repeats(self.branches)]
        return (" | ".join(shown), UNION) if len(shown) > 1 else (shown[0], TIMES)


empty = Union()
"""The unit of ``|``: yields nothing."""


def _multiple(unit: Strategy, n: int) -> str:
    return f"{unit.wrapped(TIMES)} * {n}" if n > 1 else unit.wrapped(UNION + 1)


def budgets(parts: Sequence[tuple[Strategy, Sequence[Candidate]]], ctx: Context) -> list[Account]:
    """Shares of what remains for strategies that will run side by side, each on its candidates.

    They are fixed before any starts: each gets its worst case, where there is enough for all.
    """
    first = parts[0] if parts else None
    if ctx.account.remaining == UNCAPPED or all(part == first for part in parts):
        return ctx.account.split([ZERO] * len(parts))
    known: dict[tuple[Strategy, Shape], Cost] = {}
    worst = []
    for part, pop in parts:
        shape = Shape.of(pop)
        if (part, shape) not in known:
            known[part, shape], _ = part.bound(shape, ctx)
        worst.append(known[part, shape])
    return ctx.account.split(worst)


async def side(branches: tuple[Strategy, ...], pop: Population, ctx: Context, first: int) -> Population:
    """Branches numbered from ``first`` on forks of the population, their results pooled in order."""
    if not branches:
        return Population()
    accounts = budgets([(branch, pop.members) for branch in branches], ctx)
    runs = [
        branch(_forked(pop, first + i), replace(ctx, account=account, anytime=None))
        for i, (branch, account) in enumerate(zip(branches, accounts, strict=True))
    ]
    try:
        return _pooled(await side_by_side(runs))
    finally:
        ctx.account.advance(max(a.path for a in accounts))


@dataclass(frozen=True)
class Grow(Lazy):
    """``a * at_most``, one copy after another, until ``stop`` holds of the pool so far.

    Copies fork with the same indices as in ``a * n``, so stopping late only adds to what stopping early
    had. One copy costs what ``a`` costs.
    """

    operator = "grow"

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Copy after copy."""
        flat = self.body.branches if isinstance(self.body, Union) else (self.body,)
        out = Population()
        for i in range(self.at_most):
            inner = ctx.within(UNLIMITED)
            out += await side(flat, pop, inner, i * len(flat))
            ctx.account.advance(inner.account.path)
            ctx.note(out.members)
            if inner.account.refused or await holds(self.stop, out, ctx):
                break
        return out

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All copies."""
        cost, after = self.body.bound(shape, ctx)
        return cost.times(self.at_most), Shape(
            after.count * self.at_most, after.live * self.at_most, after.tokens, shape.capped, after.apart
        )


@dataclass(frozen=True)
class Race(Strategy):
    """The first branch whose result is acceptable; the others are cancelled, upstream too.

    Which one that is depends on the clock: the winner is recorded, so that a resumed run has the same.
    Where none is acceptable, all results are pooled.
    """

    branches: tuple[Strategy, ...]
    accept: Ref

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Run all; cancel what is left once one is accepted."""
        token = pop.key.fold("race", str(self)).digest
        known = ctx.decisions.get(token) if ctx.decisions else None
        accounts = budgets([(branch, pop.members) for branch in self.branches], ctx)
        traces = [ctx.trace.branch() for _ in self.branches]
        inner = [
            replace(ctx, account=a, trace=t, cancellable=True, anytime=None)
            for a, t in zip(accounts, traces, strict=True)
        ]
        forks = [_forked(pop, i) for i in range(len(self.branches))]
        if known is not None:
            winner: int
            winner, path, lost = orjson.loads(known)
            losses = Ledger.of(lost)
            won = await self.branches[winner](forks[winner], inner[winner])
            ctx.trace.keep(traces[winner])
            ctx.account.book(losses.total())
            ctx.trace.book_recorded(losses)
            ctx.account.advance(path)
            return won
        results: dict[int, Population] = {}

        async def run(i: int) -> int:
            try:
                results[i] = await self.branches[i](forks[i], inner[i])
            except (BackendError, StrategyFailed):
                results[i] = Population()
            return i

        running = [asyncio.create_task(run(i)) for i in range(len(self.branches))]
        pending = set(running)
        accepted: int | None = None
        try:
            while pending and accepted is None:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for i in sorted(task.result() for task in done):
                    if accepted is None and len(results[i]) and await holds(self.accept, results[i], ctx):
                        accepted = i
        finally:
            await stop(running)
        longest = max(a.path for a in accounts)
        ctx.account.advance(longest)
        if accepted is None:
            for trace in traces:
                ctx.trace.keep(trace)
            return _pooled([results[i] for i in sorted(results)])
        # What the losers made by then depends on the clock: only what they cost is kept.
        ctx.trace.keep(traces[accepted])
        if ctx.decisions:
            losses = Ledger.joined(t.ledger for i, t in enumerate(traces) if i != accepted)
            await ctx.decisions.put(token, orjson.dumps([accepted, longest, losses.plain()]))
        return results[accepted]

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All branches to their end."""
        return _beside([b.bound(shape, ctx) for b in self.branches], shape)

    def parts(self) -> tuple[Strategy, ...]:
        """The branches."""
        return self.branches

    def text(self) -> tuple[str, int]:
        """``race(a, b, accept=…)``."""
        return f"race({', '.join(map(argument, self.branches))}, accept={self.accept})", ATOM


@strategy
def race(*branches: Strategy, accept: Ref | str) -> Strategy:
    """The first of the branches whose result ``accept`` holds of; the rest are cancelled.

    ConfigError without branches.
    """
    if not branches or not all(isinstance(b, Strategy) for b in branches):
        raise ConfigError("race(a, b, …, accept=predicate): expected one or more strategies.")
    return Race(branches, Ref.of("predicate", accept))
