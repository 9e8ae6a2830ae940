"""Reasoning pruning: drop the draws that the model itself holds improbable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.selection.select import Selector
from itc.stages.selection.weibull import fit
from itc.types import Population


@dataclass(frozen=True)
class Prune(Selector):
    """Those whose score belongs to the upper part of all scores, or is at least their mean.

    The scores are taken for a mixture of two Weibull distributions (`fit` in `weibull.py`). A candidate is
    dropped where P(upper | score) < ½ and its score is below the mean; so one at least always stays.
    Candidates without the score stay.
    """

    by: str = "normalized_likelihood"

    factory: ClassVar[str] = "prune"
    positional: ClassVar[tuple[str, ...]] = ("by",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """The others, in order."""
        values = [c.score(self.by) for c in pop if c.has_score(self.by)]
        if not values:
            return pop
        # Rounding may lift the mean of equal numbers above them.
        mean = min(math.fsum(values) / len(values), max(values))
        high = iter(fit(values).belongs_high(values))
        kept = [not c.has_score(self.by) or next(high) >= 0.5 or c.score(self.by) >= mean for c in pop]
        return Population(tuple(c for c, stays in zip(pop, kept, strict=True) if stays))


@strategy
def prune(by: str = "normalized_likelihood") -> Strategy:
    """Drop candidates whose score ``by`` lies in the lower of two heaps and below the mean."""
    return Prune(by)
