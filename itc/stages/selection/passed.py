"""A bar that candidates must pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, number
from itc.stages.selection.select import Selector, rank
from itc.types import Population


@dataclass(frozen=True)
class Passed(Selector):
    """The members whose score ``by`` is ``at_least`` so high; all of them where none is, for an answer that
    failed is better than none."""

    by: str
    at_least: float = 0.5

    factory: ClassVar[str] = "passed"
    positional: ClassVar[tuple[str, ...]] = ("by", "at_least")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Those that pass, if any does."""
        return Population(tuple(c for c in pop if rank(c, self.by) >= self.at_least) or pop.members)


@strategy
def passed(by: str, at_least: float = 0.5) -> Strategy:
    """Drop candidates with a score ``by`` below ``at_least``, and the unscored, unless all would go."""
    return Passed(by, number(at_least, "passed(at_least)", 0.0, 1.0))
