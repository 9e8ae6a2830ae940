"""Tree search: a frontier says which nodes to expand, a strategy expands them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from itc.algebra.context import Context, Scorer, Shape
from itc.algebra.registry import FUNCTIONS, Ref, strategy
from itc.algebra.strategy import Stage, Strategy, count
from itc.budget.cost import UNLIMITED, ZERO, Cost
from itc.errors import ConfigError
from itc.frontiers.base import Frontier
from itc.stages.search.descent import families
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Search(Stage):
    """Expand at most ``at_most`` nodes in the order of a frontier, ``width`` of them side by side.

    What comes out is every finished candidate, or if there is none every unfinished leaf, the frontier's own
    choice first: a finished path is never lost. Where the budget refuses a draw, the search ends.

    The nodes of a wave are one population to ``expand``, so that a cap is used up to its last whole draw;
    what regards members together, as ``top`` does, would let one node decide over another's children.
    """

    expand: Strategy
    order_by: Ref
    at_most: int
    width: int = 1

    factory: ClassVar[str] = "search"
    positional: ClassVar[tuple[str, ...]] = ("expand", "order_by", "at_most", "width")
    keeps_line = True

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Wave after wave: a wave's expansions are told in the order in which they were asked."""
        frontier: Frontier = self.order_by.run(pop, ctx)
        found = {c.key: c for c in pop if c.done}
        left = self.at_most
        while left:
            wave = self._wave(frontier, min(self.width, left))
            if not wave:
                break
            left -= len(wave)
            inner = ctx.aside().within(UNLIMITED)
            made = await self.expand(Population(tuple(wave)), inner)
            ctx.account.advance(inner.account.path)
            born = families(wave, made, ctx.trace)
            for node in wave:
                children = born[node.key]
                frontier.tell(node, children)
                found.update((c.key, c) for c in children if c.done)
            if ctx.anytime is not None:
                # Unfinished leaves, which are returned where nothing has finished, have no answer.
                ctx.note(frontier.ranked(tuple(found.values())))
            if inner.account.refused:
                break
        over = tuple(frontier.ranked(tuple(found.values())))
        return Population(over or tuple(frontier.leaves()) or pop.members)

    def _wave(self, frontier: Frontier, most: int) -> list[Candidate]:
        wave: list[Candidate] = []
        while len(wave) < most and (node := frontier.ask()) is not None:
            wave.append(node)
        return wave

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """``at_most`` expansions of one node, each at most a step longer than the one before."""
        if not shape.count:
            return ZERO, shape
        total, count_, one = ZERO, shape.count, replace(shape, count=1, live=1)
        for done in range(self.at_most):
            cost, after = self.expand.bound(one, ctx)
            total, count_ = total + cost, count_ + after.count
            longer = replace(one.join(after), count=1, live=1)
            if longer == one:
                rest = self.at_most - done - 1
                total, count_ = total + cost.times(rest), count_ + after.count * rest
                break
            one = longer
        return total, replace(one, count=count_, live=count_)

    def check(self, scorers: Mapping[str, Scorer]) -> None:  # noqa: ARG002
        """ConfigError when the frontier goes by a score that the expansion never gives."""
        parameters = inspect.signature(FUNCTIONS["frontier"][self.order_by.name]).parameters
        default = parameters["by"].default if "by" in parameters else None
        by, given = dict(self.order_by.arguments).get("by", default), self.expand.needs.scorers
        if by is not None and by not in given:
            raise ConfigError(
                f"search: {self.order_by} goes by the score {by!r}, and the expansion "
                f"{'gives ' + ', '.join(sorted(given)) if given else 'rates nothing'}. Write "
                f"{self.order_by.name}(by={min(given, default='prm')!r}) after score(…) of the same name."
            )

    @cached_property
    def size(self) -> int:
        """The expansion's, ``at_most`` times."""
        return self.expand.size * self.at_most

    def parts(self) -> tuple[Strategy, ...]:
        """The expansion."""
        return (self.expand,)


@strategy
def search(expand: Strategy, order_by: Ref | str, at_most: int = 64, width: int = 1) -> Strategy:
    """Expand nodes with ``expand`` in the order of the frontier ``order_by``: by_score, by_drops, puct …

    One unit of ``at_most`` costs one expansion; ``width`` of them run side by side, which takes less time and
    costs the same. ConfigError for an expansion that is no strategy.
    """
    if not isinstance(expand, Strategy):
        raise ConfigError(
            f"search(expand): expected a strategy, as step(4) >> score(prm, last); got {expand!r}."
        )
    at_most, width = count(at_most, "search(at_most)", 1), count(width, "search(width)", 1)
    return Search(expand, Ref.of("frontier", order_by), at_most, width)
