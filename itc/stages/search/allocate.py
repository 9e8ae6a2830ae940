"""Shares of a width: the better a path, the more of its continuations are drawn.

Wu et al. 2024, "Inference Scaling Laws", arXiv 2408.00724, section 3.2 (REBASE).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count, number
from itc.budget.cost import ZERO, Cost
from itc.stages.selection.select import Selector
from itc.types import Population


@dataclass(frozen=True)
class Allocate(Selector):
    """``width`` places, one less for every finished member, shared among the unfinished by their score: each
    becomes as many forks of itself as it gets places, and is dropped where it gets none.
    """

    width: int
    by: str
    temperature: float = 0.2

    factory: ClassVar[str] = "allocate"
    positional: ClassVar[tuple[str, ...]] = ("width", "by")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Members keep their order; fork i of a candidate is the same however many there are."""
        live = [c for c in pop if not c.done]
        values = [c.score(self.by) if c.has_score(self.by) else 0.0 for c in live]
        given = shares(values, self.width - (len(pop) - len(live)), self.temperature)
        places = {c.key: n for c, n in zip(live, given, strict=True)}
        return Population(
            tuple(
                one
                for c in pop
                for one in ((c,) if c.done else (c.forked("copy", i) for i in range(places[c.key])))
            )
        )

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; places and finished members together are ``width``, or there are no places."""
        live = self.width if shape.live else 0
        return ZERO, replace(shape, count=max(shape.count, live), live=live)


def shares(values: Sequence[float], width: int, temperature: float) -> list[int]:
    """``width`` places among ``values``, exactly: from the highest on, W_i = ⌈B e^{v_i/T} / Σ_{j≥i}
    e^{v_j/T}⌉ of the B places left. Equal values keep their order; a width below 1 is none.
    """
    order = sorted(range(len(values)), key=lambda i: -values[i])
    weights = [math.exp((values[i] - values[order[0]]) / temperature) for i in order]
    given, left = [0] * len(values), max(0, width)
    for at, i in enumerate(order):
        if not left:
            break
        rest = math.fsum(weights[at:])
        # A ratio that is whole but for rounding must not be rounded up to the next.
        exact = left * (weights[at] / rest) if rest else left
        given[i] = min(left, max(1, math.ceil(exact - 1e-9)))
        left -= given[i]
    return given


@strategy
def allocate(width: int, by: str = "prm", *, temperature: float = 0.2) -> Strategy:
    """Share ``width`` places by softmax of the score ``by``; every finished member takes one off."""
    return Allocate(
        count(width, "allocate(width)", 1), by, number(temperature, "allocate(temperature=)", 1e-6, 1e6)
    )
