"""Rating: attach a scorer's score to every candidate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Scorer, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Needs, Stage, Strategy, one_of
from itc.budget.cost import Cost
from itc.errors import ConfigError, StrategyFailed
from itc.types import Candidate, Population

AGGREGATIONS = ("last", "min", "prod", "mean")


@dataclass(frozen=True)
class Score(Stage):
    """The score ``by`` of every candidate, its step scores aggregated by ``agg``.

    Candidates with the same text are rated once. One whose rating is refused keeps the score it had.
    """

    by: str
    agg: str | None = None

    factory: ClassVar[str] = "score"
    positional: ClassVar[tuple[str, ...]] = ("by", "agg")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """StrategyFailed when a score is not a number in [0,1]."""
        scorer = ctx.scorer(self.by)
        self.check(ctx.scorers)
        distinct: dict[tuple[object, ...], int] = {}
        unique: list[Candidate] = []
        for c in pop:
            if _content(c) not in distinct:
                distinct[_content(c)] = len(unique)
                unique.append(c)
        ratings = await scorer(unique, ctx)
        rated = pop.map(lambda c: self._rated(c, ratings[distinct[_content(c)]]))
        for c in rated:
            if c.steps:
                ctx.trace.add(c)
        return rated

    def check(self, scorers: Mapping[str, Scorer]) -> None:
        """ConfigError when step scores come without an aggregation: which one is never a default."""
        if scorers[self.by].stepwise and self.agg is None:
            raise ConfigError(
                f"score({self.by}): this scorer rates every step; say how they add up: "
                f"score({self.by}, last), or {', '.join(AGGREGATIONS[1:])}."
            )

    def _rated(self, c: Candidate, scores: tuple[float, ...] | None) -> Candidate:
        if not scores:
            return c
        for value in scores:
            if not 0.0 <= value <= 1.0:
                raise StrategyFailed(f"scorer {self.by} gave {value!r}; expected a number in [0, 1].")
        value = aggregate(scores, self.agg) if self.agg else scores[-1]
        if len(scores) == len(c.steps):
            named = zip(c.steps, scores, strict=True)
            steps = [replace(s, scores=_with(s.scores, self.by, x)) for s, x in named]
            c = replace(c, steps=tuple(steps))
        return c.scored(self.by, value)

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """The scorer's."""
        return ctx.scorer(self.by).bound(shape, ctx), shape

    def own_needs(self) -> Needs:
        """The scorer."""
        return Needs(scorers=frozenset({self.by}))


def _content(c: Candidate) -> tuple[object, ...]:
    return tuple((s.text, s.kind, s.logprob, s.tokens) for s in c.steps)


def _with(scores: tuple[tuple[str, float], ...], name: str, value: float) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((*(s for s in scores if s[0] != name), (name, value))))


def aggregate(scores: tuple[float, ...], agg: str) -> float:
    """Step scores as one: the ``last``, the ``min``, their ``prod`` or their ``mean``; all in [0,1]."""
    if agg == "last":
        return scores[-1]
    if agg == "min":
        return min(scores)
    return math.prod(scores) if agg == "prod" else math.fsum(scores) / len(scores)


@strategy
def score(by: str, agg: str | None = None) -> Strategy:
    """Rate every candidate with the scorer ``by``; ``agg`` is last, min, prod or mean of its step scores."""
    return Score(by, None if agg is None else one_of(agg, "score(agg)", *AGGREGATIONS))
