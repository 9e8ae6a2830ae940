"""Answers before fragments: what is finished, if anything is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.selection.select import Selector
from itc.types import Population


@dataclass(frozen=True)
class Finished(Selector):
    """The finished members in order; all of them where none is finished.

    Where a cap or a limit of rounds ends a search, a fragment may have a higher score than every answer: this
    keeps the fragment from being returned in place of one.
    """

    factory: ClassVar[str] = "finished"

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """What is finished, if anything."""
        return Population(tuple(c for c in pop if c.done) or pop.members)


@strategy
def finished() -> Strategy:
    """Drop unfinished candidates, unless all are."""
    return Finished()
