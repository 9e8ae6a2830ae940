"""Draws that are stopped where the model is less sure than it was in most of the first ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Needs, Stage, Strategy, count, number
from itc.backends.base import Watch
from itc.budget.cost import Cost
from itc.stages.selection.confident import CONFIDENCE, groups, percentile, shares, told
from itc.stages.stopping.copies import Watched, copies, drawing, of_its_roles, shared
from itc.stages.stopping.enough import in_rounds
from itc.stages.stopping.stops import consensus
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Online(Stage):
    """Of every candidate: ``warmup`` whole draws of ``body``, then the rest of them in rounds of ``every``,
    each ended where a group of ``window`` tokens is below a bar; until one answer has a share of the votes.

    The bar is the (1 − keep) quantile of the least group of each of the first draws. The score ``confidence``
    is a draw's least group, as a share of the highest, and 0 below the bar; an answer read off a draw that
    was cut is none. Whether the votes agree is asked of all whole draws, those of the first below the bar
    too: of the one or two above it alone, most would agree at once.

    The cut is the watcher's, whose name is part of the journal key with the bar, so that it is where it was
    in every run: nothing here depends on the clock.
    """

    body: Strategy
    warmup: int = 16
    keep: float = 0.9
    window: int = 2048
    share: float = 0.95
    every: int = 8

    factory: ClassVar[str] = "online"
    positional: ClassVar[tuple[str, ...]] = ("body", "warmup", "keep", "window", "share", "every")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Candidates side by side, on shares of the budget."""
        return await shared(self.body, pop, ctx, self._of)

    async def _of(self, c: Candidate, ctx: Context) -> Sequence[Candidate]:
        parts = copies(self.body, c)
        first = await in_rounds(parts[: self.warmup], self.warmup, ctx, _never)
        if not first:
            return (c,) if parts else ()
        bar = percentile([self._least(x) for x in first], 1.0 - self.keep)

        async def agreed(pop: Population, ctx: Context) -> bool:
            votes = self._rated([*first, *pop], [0.0] * len(first) + [bar] * len(pop))
            return bool(await consensus(share=self.share, by=CONFIDENCE).run(Population(votes), ctx))

        rest: list[Candidate] = []
        if not ctx.account.refused and not await agreed(Population(), ctx):
            watched = Watched.of(ctx, partial(Falling, bar, self.window))
            rest = await in_rounds(parts[self.warmup :], self.every, watched, agreed)
        made = self._rated([*first, *rest], [bar] * (len(first) + len(rest)))
        for rated in made:
            ctx.trace.add(rated)
        return made

    def _least(self, c: Candidate) -> float:
        return min(groups(told(c), self.window), default=0.0)

    def _rated(self, made: Sequence[Candidate], bars: Sequence[float]) -> tuple[Candidate, ...]:
        worth = [x if (x := self._least(c)) >= bar else 0.0 for c, bar in zip(made, bars, strict=True)]
        return tuple(
            replace(c.scored(CONFIDENCE, x), answer=None if c.finish == "cut" else c.answer)
            for c, x in zip(made, shares(worth), strict=True)
        )

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """All draws to their end."""
        return self.body.bound(shape, ctx)

    def own_needs(self) -> Needs:
        """A stream that tells how sure the model is."""
        return of_its_roles(self.body, "stream", "confidence")

    def parts(self) -> tuple[Strategy, ...]:
        """The draws."""
        return (self.body,)


async def _never(pop: Population, ctx: Context) -> bool:  # noqa: ARG001
    return False


class Falling(Watch):
    """Ends a draw once the mean confidence of its last ``window`` tokens is below ``bar``."""

    def __init__(self, bar: float, window: int) -> None:
        super().__init__()
        self.bar, self.window = bar, window
        self.name = f"falling({bar!r}, {window})"
        self._sums = [0.0]

    def keep_going(self, logprobs: Sequence[float]) -> bool:  # noqa: ARG002
        """Until then; the sums are those of `groups`, so that both find the same group."""
        for x in self.confidences[len(self._sums) - 1 :]:
            self._sums.append(self._sums[-1] + x)
            last = len(self._sums) - 1
            if last >= self.window and self._mean(last) < self.bar:
                return False
        return True

    def _mean(self, last: int) -> float:
        return (self._sums[last] - self._sums[last - self.window]) / self.window


@strategy
def online(
    body: Strategy,
    warmup: int = 16,
    keep: float = 0.9,
    window: int = 2048,
    share: float = 0.95,
    every: int = 8,
) -> Strategy:
    """``warmup`` draws of ``body``, then more, each stopped where the model is less sure than in ``keep`` of
    the first; until one answer has ``share`` of the votes, weighted by ``confidence``.

    ``body`` is ``sample(64, confidence=20)`` or the like; it costs no more. ``window`` is the tokens of a
    group; votes are counted after every ``every`` draws.
    """
    body = drawing(body, "online(body)")
    number(keep, "online(keep)", 0.0, 1.0)
    number(share, "online(share)", 0.0, 1.0)
    sizes = (
        count(x, f"online({name})", 1)
        for x, name in ((warmup, "warmup"), (window, "window"), (every, "every"))
    )
    warmup, window, every = sizes
    return Online(body, warmup, float(keep), window, float(share), every)
