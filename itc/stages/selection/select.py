"""Selectors: free, pure functions of the population (a vote may ask whether two answers are equal)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import ClassVar

from itc.algebra.context import Context, Scorer, Shape
from itc.algebra.registry import predicate, strategy
from itc.algebra.strategy import Stage, Strategy, count
from itc.budget.cost import ZERO, Cost
from itc.errors import ConfigError
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Selector(Stage):
    """Costs nothing and makes no text."""

    def check(self, scorers: Mapping[str, Scorer]) -> None:
        """ConfigError for a score that is called nearly as a scorer is: it would be found nowhere, and every
        candidate would count the same. Other names are left to the stages that write them."""
        by = getattr(self, "by", None)
        if isinstance(by, str) and by not in scorers and (near := get_close_matches(by, scorers, 1, 0.85)):
            raise ConfigError(f"{self}: no scorer is called {by!r}. Did you mean {near[0]!r}?")

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free."""
        return ZERO, shape


def rank(c: Candidate, by: str) -> float:
    """The candidate's score, −inf where it was never computed."""
    return c.score(by) if c.has_score(by) else -math.inf


@dataclass(frozen=True)
class Top(Selector):
    """The k best by a score, best first; ties keep their order, the unscored come last.

    With ``live``, finished candidates are kept and hold no place: the k best of the unfinished remain
    beside them.
    """

    k: int
    by: str
    live: bool = False

    factory: ClassVar[str] = "top"
    positional: ClassVar[tuple[str, ...]] = ("k", "by")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """The best."""
        ranked = sorted(pop, key=lambda c: -rank(c, self.by))
        if not self.live:
            return Population(tuple(ranked[: self.k]))
        running = [c for c in ranked if not c.done][: self.k]
        return Population((*(c for c in ranked if c.done), *running))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; k remain, and with ``live`` whatever is finished."""
        live = min(shape.live, self.k)
        return ZERO, replace(shape, count=shape.count if self.live else min(shape.count, self.k), live=live)


@strategy
def top(k: int = 1, by: str = "prm", *, live: bool = False) -> Strategy:
    """Keep the k candidates with the highest score ``by``; with ``live``, k beside the finished ones."""
    return Top(count(k, "top(k)", 1), by, live)


@dataclass(frozen=True)
class First(Selector):
    """The first k, as they stand: after a search, its own choice."""

    k: int = 1

    factory: ClassVar[str] = "first"
    positional: ClassVar[tuple[str, ...]] = ("k",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """The first."""
        return Population(pop.members[: self.k])

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; k remain."""
        return ZERO, replace(shape, count=min(shape.count, self.k), live=min(shape.live, self.k))


@strategy
def first(k: int = 1) -> Strategy:
    """Keep the first k candidates."""
    return First(count(k, "first(k)", 1))


@dataclass(frozen=True)
class Vote(Selector):
    """One candidate of the answer with most votes (self-consistency, Wang et al. 2022, arXiv 2203.11171).

    Votes are counted over equivalence classes of answers, not texts; each weighs 1, or its score ``by``, or
    with ``by="weight"`` its particle weight. No answer, no vote; a tie goes to the answer seen first. The
    winner is its class's best by ``by``, else its first; without any answer, the population's first.
    """

    by: str | None = None

    factory: ClassVar[str] = "vote"
    positional: ClassVar[tuple[str, ...]] = ("by",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The winner."""
        voters = [c for c in pop if c.answer is not None]
        if not voters:
            return Population(pop.members[:1])
        classes = await ctx.answers.classes([c.answer for c in voters if c.answer is not None])
        weights = self._weights(voters)
        tally: dict[int, float] = {}
        for name, weight in zip(classes, weights, strict=True):
            tally[name] = tally.get(name, 0.0) + weight
        won = max(tally, key=tally.__getitem__)
        backers = [i for i, name in enumerate(classes) if name == won]
        return Population((voters[max(backers, key=lambda i: weights[i])],))

    def _weights(self, voters: list[Candidate]) -> list[float]:
        if self.by is None:
            return [1.0] * len(voters)
        if self.by == "weight":
            top_weight = max(c.log_weight for c in voters)
            return [math.exp(c.log_weight - top_weight) if top_weight > -math.inf else 1.0 for c in voters]
        return [max(0.0, rank(c, self.by)) for c in voters]

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; one remains."""
        return ZERO, replace(shape, count=min(shape.count, 1), live=min(shape.live, 1))


@strategy
def vote(by: str | None = None) -> Strategy:
    """The answer with most votes; weighted by the score ``by``, or by particle ``weight``, if given."""
    return Vote(by)


@dataclass(frozen=True)
class Distinct(Selector):
    """The first of every group of candidates with the same text, finished ones and others apart."""

    factory: ClassVar[str] = "distinct"

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Without repetitions."""
        seen: dict[tuple[str, bool], Candidate] = {}
        for c in pop:
            seen.setdefault((c.text, c.done), c)
        return Population(tuple(seen.values()))


@strategy
def distinct() -> Strategy:
    """Drop candidates whose text stands there already."""
    return Distinct()


@predicate
def done(pop: Population, ctx: Context) -> bool:  # noqa: ARG001
    """Every candidate is finished."""
    return pop.done


@predicate
def answered(pop: Population, ctx: Context) -> bool:  # noqa: ARG001
    """Some candidate has an answer."""
    return any(c.answer is not None for c in pop)


@predicate
async def majority(pop: Population, ctx: Context, share: float = 0.5, floor: int = 3) -> bool:
    """One answer has more than ``share`` of at least ``floor`` votes."""
    answers = [c.answer for c in pop if c.answer is not None]
    if len(answers) < floor:
        return False
    classes = list(await ctx.answers.classes(answers))
    return max(map(classes.count, set(classes))) > share * len(classes)
