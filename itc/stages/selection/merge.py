"""Equal siblings are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.keys import Key
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Merge(Selector):
    """The first of every group of candidates with one parent and one text, all finished or none.

    `distinct`, without regard to the parent, would let two trees that are expanded side by side take each
    other's nodes, and an unfinished text take the place of the same text finished.
    """

    factory: ClassVar[str] = "merge"

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Without twins."""
        seen: dict[tuple[Key | None, str, bool], Candidate] = {}
        for c in pop:
            seen.setdefault((c.parent, c.text, c.done), c)
        return Population(tuple(seen.values()))


@strategy
def merge() -> Strategy:
    """Drop candidates whose text a sibling before them has: after a draw, before they are rated."""
    return Merge()
