"""The draws of a strategy taken apart, so that a stage may run some of them, or stop them under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import NamedTuple

import orjson

from itc.algebra.context import Context, Shape
from itc.algebra.local import Local
from itc.algebra.parallel import Union, budgets
from itc.algebra.sequence import Pipeline
from itc.algebra.strategy import Needs, Strategy
from itc.algebra.trace import Ledger, Trace
from itc.backends.base import Completion, Request, Watch
from itc.budget.account import UNCAPPED
from itc.budget.cost import ZERO, Amount, Cost
from itc.concurrency import side_by_side
from itc.errors import ConfigError
from itc.types import Candidate, Population


def of_its_roles(body: Strategy, *capabilities: str) -> Needs:
    """These capabilities, of whatever roles the draws name."""
    roles = {role for node in body.walk() for role, _ in node.own_needs().capabilities}
    return Needs(frozenset((role, each) for role in roles for each in capabilities))


async def shared(
    body: Strategy,
    pop: Population,
    ctx: Context,
    of: Callable[[Candidate, Context], Awaitable[Sequence[Candidate]]],
) -> Population:
    """What becomes of each candidate by itself: all side by side, on shares of the budget."""
    accounts = budgets([(body, (c,)) for c in pop], ctx)
    runs = [of(c, replace(ctx, account=a)) for c, a in zip(pop, accounts, strict=True)]
    try:
        made = await side_by_side(runs)
    finally:
        ctx.account.advance(max((a.path for a in accounts), default=0))
    return Population(tuple(c for each in made for c in each))


class Copy(NamedTuple):
    """One of the draws, with all that follows it, and the candidate that it starts from."""

    body: Strategy
    start: Candidate


def copies(body: Strategy, c: Candidate) -> list[Copy]:
    """The draws of ``body`` on ``c``, in order; what they yield, pooled, is what ``body`` yields.

    Those of ``sample(n)`` and the like are its n draws, with the keys they have there; those of ``a * n`` or
    ``a | b`` its branches; whatever follows in a pipeline follows each, and sees only what came of it.
    Anything else is one.
    """
    if isinstance(body, Union):
        return [Copy(branch, c.forked("|", i)) for i, branch in enumerate(body.branches)]
    if isinstance(body, Local):
        return [Copy(piece, c) for piece in body.pieces(c)]
    if isinstance(body, Pipeline) and body.stages:
        first, *rest = body.stages
        return [Copy(Pipeline.of(piece, *rest), start) for piece, start in copies(first, c)]
    return [Copy(body, c)]


def drawing(body: object, what: str) -> Strategy:
    """``body``, checked. ConfigError unless it is a strategy that can be taken apart."""
    known = isinstance(body, Strategy)
    begins = body.stages[0] if isinstance(body, Pipeline) and body.stages else body
    if known and isinstance(begins, Union | Local):
        assert isinstance(body, Strategy)
        return body
    raise ConfigError(
        f"{what}: expected draws, as sample(8), sample(8) >> score(prm, last) or (a >> b) * 8; got {body!s}."
    )


def affordable(parts: Sequence[Copy], ctx: Context) -> int:
    """How many of ``parts``, from the first, the budget covers at their worst case together."""
    left = ctx.account.remaining
    if left == UNCAPPED:
        return len(parts)
    total = ZERO
    longest: Amount = 0
    for i, (piece, start) in enumerate(parts):
        cost, _ = piece.bound(_capped(start), ctx)
        total += cost
        longest = max(longest, cost.completion_tokens)
        if not left.covers(total, longest):
            return i
    return len(parts)


def covered(body: Strategy, c: Candidate, ctx: Context) -> bool:
    """Whether the budget covers ``body`` on ``c`` at its worst, even one draw after another."""
    cost, _ = body.bound(_capped(c), ctx)
    return ctx.account.remaining.covers(cost, cost.completion_tokens)


def _capped(c: Candidate) -> Shape:
    return replace(Shape.of((c,)), capped=True)


@dataclass(frozen=True)
class Watched(Context):
    """A context in which draws that no stage watches are followed by a watcher of its own."""

    watch: Callable[[], Watch] | None = None

    @staticmethod
    def of(ctx: Context, watch: Callable[[], Watch]) -> Watched:
        """The same context; ``watch`` makes a watcher for each draw."""
        held = {f.name: getattr(ctx, f.name) for f in fields(Context)}
        return Watched(**held, watch=watch)

    async def generate(
        self, requests: Sequence[Request], role: str = "policy", watch: Callable[[], Watch] | None = None
    ) -> list[Completion | None]:
        """As `Context.generate`."""
        return await super().generate(requests, role, watch or self.watch)


class Losses(NamedTuple):
    """What a race decided, and what draws that it stopped under way had cost by then.

    Recorded, since both depend on the clock: a resumed run decides the same and books the same.
    """

    kept: tuple[int, ...]
    ledger: Ledger
    unknown: Cost = ZERO
    """The most that can have come to it unseen."""

    @staticmethod
    def of(kept: Sequence[int], traces: Sequence[Trace]) -> Losses:
        """Of the draws that left ``traces``, those that are not ``kept`` are lost."""
        lost = [t for i, t in enumerate(traces) if i not in kept]
        unknown = sum((t.unknown for t in lost), ZERO)
        return Losses(tuple(kept), Ledger.joined(t.ledger for t in lost), unknown)

    def encoded(self) -> bytes:
        """Bytes for the record."""
        return orjson.dumps([self.kept, self.ledger.plain(), astuple(self.unknown)])

    @staticmethod
    def decoded(blob: bytes) -> Losses:
        """The inverse of `encoded`."""
        kept, lost, *unknown = orjson.loads(blob)  # records that were made before have no third part
        return Losses(tuple(kept), Ledger.of(lost), Cost(*unknown[0]) if unknown else ZERO)

    def book(self, ctx: Context) -> None:
        """Charge them as they were charged the first time."""
        ctx.account.book(self.ledger.total(), self.unknown)
        ctx.trace.book_recorded(self.ledger)


def moved(out: Population, start: Candidate) -> tuple[Candidate, ...]:
    """What a copy made of its start; nothing where it was left as it was."""
    return tuple(c for c in out if c.key != start.key)
