"""Small combinations of a list that a candidate wrote down."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.budget.cost import ZERO, Cost
from itc.stages.layers.notes import last_note
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population

_MARK = re.compile(r"^\s*(?:[-*•]|\(?\d{1,3}[.):])\s*")


def items(text: str, most: int) -> list[str]:
    """The first ``most`` different items of a list: its lines, without bullets and numbers."""
    lines = (_MARK.sub("", line).strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))[:most]


@dataclass(frozen=True)
class Subsets(Selector):
    """A copy of every member for each combination of at most ``size`` of the first ``of`` items in its last
    note, which the combination replaces: none first, then each item alone, then pairs, in order.

    The smaller combinations come first, so the first ``most`` of them are kept. A member without a note
    stays as it is.
    """

    size: int = 2
    of: int = 10
    most: int | None = None

    factory: ClassVar[str] = "subsets"
    positional: ClassVar[tuple[str, ...]] = ("size", "of", "most")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Copies with randomness of their own."""
        return Population(tuple(copy for c in pop for copy in self._copies(c)))

    def _copies(self, c: Candidate) -> Iterator[Candidate]:
        note = last_note(c)
        if note is None:
            yield c
            return
        *before, listed = c.steps
        chosen = items(note, self.of)
        every = (each for k in range(self.size + 1) for each in combinations(chosen, k))
        for i, some in enumerate(islice(every, self.most)):
            # Its tokens are those of the whole list, of which this is a part.
            text = "".join(f"- {item}\n" for item in some)
            part = replace(listed, text=text, token_logprobs=(), token_ids=())
            yield replace(c, key=c.key.fold("subset", i), steps=(*before, part))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; so many copies. The bullets of a copy may be longer than those of the list."""
        copies = sum(math.comb(self.of, k) for k in range(self.size + 1))
        copies = max(1, copies if self.most is None else min(copies, self.most))
        return ZERO, replace(
            shape,
            count=shape.count * copies,
            live=shape.live * copies,
            tokens=shape.tokens + self.size,
            apart=shape.apart + self.size,
        )


@strategy
def subsets(size: int = 2, of: int = 10, most: int | None = None) -> Strategy:
    """A copy of every candidate for each combination of up to ``size`` items of the list in its last note.

    At most ``of`` items are read, and at most ``most`` copies made of each candidate.
    """
    kept = None if most is None else count(most, "subsets(most)", 1)
    return Subsets(count(size, "subsets(size)"), count(of, "subsets(of)", 1), kept)
