"""Scores as weights that add up to one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context
from itc.algebra.registry import predicate, strategy
from itc.algebra.strategy import Strategy, number
from itc.errors import ConfigError
from itc.stages.selection.select import Selector, rank
from itc.types import Population


@dataclass(frozen=True)
class Temper(Selector):
    """The score ``by`` of every candidate becomes exp(score / T) over its sum (softmax), in [0,1].

    As T grows the weights become equal, as it falls the best has all. A candidate without the score, whose
    rating the budget refused or nobody could read, takes part with the mean of the others', so that a vote
    counts it as an ordinary one; without any score all weigh the same.
    """

    by: str
    temperature: float = 1.0

    factory: ClassVar[str] = "temper"
    positional: ClassVar[tuple[str, ...]] = ("by", "temperature")

    async def __call__(self, pop: Population, ctx: Context) -> Population:  # noqa: ARG002
        """Every candidate with its weight."""
        known = [c.score(self.by) for c in pop if c.has_score(self.by)]
        usual = math.fsum(known) / len(known) if known else 0.0
        highest = max(known, default=0.0)
        values = [c.score(self.by) if c.has_score(self.by) else usual for c in pop]
        weights = [math.exp((x - highest) / self.temperature) for x in values]
        total = math.fsum(weights)
        return Population(
            tuple(c.scored(self.by, min(1.0, w / total)) for c, w in zip(pop, weights, strict=True))
        )


@strategy
def temper(by: str, temperature: float = 1.0) -> Strategy:
    """Turn the scores ``by`` into softmax weights at a temperature > 0, for a vote."""
    if not number(temperature, "temper(temperature)", 0.0, 1e6):
        raise ConfigError(
            "temper(temperature=0): expected a number > 0. For the best alone write top(1, by)."
        )
    return Temper(by, temperature)


@predicate
def accepted(pop: Population, ctx: Context, by: str = "prm", above: float = 0.5) -> bool:  # noqa: ARG001
    """Some finished candidate's score ``by`` is at least ``above``."""
    return any(c.done and rank(c, by) >= above for c in pop)
