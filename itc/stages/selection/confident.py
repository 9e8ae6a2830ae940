"""How sure the model was along an answer: confidence of groups of tokens, and answers chosen by it.

Fu et al. 2025, "Deep Think with Confidence", arXiv 2508.15260; official code
https://github.com/facebookresearch/deepconf. The confidence of a token is the mean of −log p over the
likeliest tokens at its place (`Step.token_confidences`): high where one of them has nearly all probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count, number, one_of
from itc.budget.cost import ZERO, Cost
from itc.errors import StrategyFailed
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population

MEASURES = ("mean", "least", "bottom", "tail")
BOTTOM = 0.1
"""The share of groups, from the least sure, that ``bottom`` is the mean of."""
CONFIDENCE = "confidence"
"""The score that answers are given: confidence as a share of the highest in the population, in [0,1]."""


def groups(confidences: Sequence[float], window: int) -> list[float]:
    """Mean of every run of ``window`` tokens, from the first; of all tokens, where they are fewer."""
    sums = [0.0, *accumulate(confidences)]
    if len(confidences) < window:
        return [sums[-1] / len(confidences)] if confidences else []
    return [(b - a) / window for a, b in zip(sums, sums[window:], strict=False)]


def measured(confidences: Sequence[float], measure: str, window: int) -> float:
    """Confidence of a whole answer, ≥ 0; 0 of one without tokens.

    Its ``mean`` over all tokens, that of its last ``window`` tokens (``tail``), its ``least`` group of
    ``window`` tokens, or the mean of the least tenth of them (``bottom``).
    """
    if not confidences:
        return 0.0
    if measure in ("mean", "tail"):
        some = confidences[-window:] if measure == "tail" else confidences
        return math.fsum(some) / len(some)
    found = sorted(groups(confidences, window))
    some = found[: max(1, int(len(found) * BOTTOM))] if measure == "bottom" else found[:1]
    return math.fsum(some) / len(some)


def percentile(xs: Sequence[float], q: float) -> float:
    """The value below which a share ``q`` of ``xs`` lies, between two of them on a straight line."""
    ranked = sorted(xs)
    place = q * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


def told(c: Candidate) -> list[float]:
    """Confidence at each token of a candidate. StrategyFailed where the engine gave none for some."""
    found = [x for s in c.steps for x in s.token_confidences]
    if len(found) < c.tokens:
        raise StrategyFailed(
            f"{len(found)} confidences for the {c.tokens} tokens of a candidate; expected one for each. Ask "
            "for them where it is drawn: sample(16, confidence=20)."
        )
    return found


def shares(values: Sequence[float]) -> list[float]:
    """Each as a share of the highest, in [0,1]."""
    most = max(values, default=0.0)
    return [x / most if most > 0 else 0.0 for x in values]


@dataclass(frozen=True)
class Confident(Selector):
    """The answers of which the model was surest, a share ``keep`` of those that there are.

    Each is given the score ``confidence``. As many stay as have at least the confidence of that quantile.
    Where there is no answer, everyone stays.
    """

    keep: float = 0.9
    measure: str = "bottom"
    window: int = 2048

    factory: ClassVar[str] = "confident"
    positional: ClassVar[tuple[str, ...]] = ("keep", "measure", "window")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """In their order."""
        able = [c for c in pop if c.answer is not None] or list(pop)
        values = [measured(told(c), self.measure, self.window) for c in able]
        rated = [c.scored(CONFIDENCE, x) for c, x in zip(able, shares(values), strict=True)]
        for c in rated:
            if c.steps:
                ctx.trace.add(c)
        if not rated:
            return Population()
        bar = percentile(values, 1.0 - self.keep)
        return Population(tuple(c for c, x in zip(rated, values, strict=True) if x >= bar))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free."""
        return ZERO, replace(shape, live=min(shape.live, shape.count))


@strategy
def confident(keep: float = 0.9, measure: str = "bottom", window: int = 2048) -> Strategy:
    """Keep the share ``keep`` of the answers of which the model was surest, and score them ``confidence``.

    ``measure`` is mean, tail, least or bottom; ``window`` is the tokens of a group. Draws must carry
    confidences: ``sample(16, confidence=20)``.
    """
    keep = float(number(keep, "confident(keep)", 0.0, 1.0))
    one_of(measure, "confident(measure)", *MEASURES)
    return Confident(keep, measure, count(window, "confident(window)", 1))
