"""Strategies as the arms of a bandit: the one that does best on this very problem is run more often."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from keyword import iskeyword

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import ATOM, Strategy, argument, count, number
from itc.budget.cost import UNLIMITED, ZERO, Cost
from itc.errors import ConfigError
from itc.stages.selection.select import rank
from itc.types import Population


@dataclass(frozen=True)
class Bandit(Strategy):
    """At most ``at_most`` runs of an arm, each on a fork of the population; all that they make is pooled.

    The reward of a run is the best score ``by`` in [0,1] of what it made, 0 for none. Next is the arm of
    greatest mean reward + ``c`` √(2 ln(T + 1) / N) + ``variety`` / (N + 1), with T runs so far and N of the
    arm; one not yet run comes first, in the order given. A reward of ``enough`` ends it, and so does a draw
    that the budget refuses.
    """

    by: str
    at_most: int
    arms: tuple[tuple[str, Strategy], ...]
    enough: float = 1.0
    c: float = 1.0
    variety: float = 0.0

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Run after run."""
        rewards: dict[str, list[float]] = {name: [] for name, _ in self.arms}
        out = Population()
        for run in range(self.at_most):
            name = max(rewards, key=lambda name: self._worth(rewards[name], run))
            inner = ctx.aside().within(UNLIMITED)
            made = await dict(self.arms)[name](pop.map(lambda c: c.forked("arm", run)), inner)  # noqa: B023
            ctx.account.advance(inner.account.path)
            out += made
            ctx.note(out.members)
            rewards[name].append(max((max(0.0, rank(c, self.by)) for c in made), default=0.0))
            if inner.account.refused or rewards[name][-1] >= self.enough:
                break
        return out

    def _worth(self, rewards: list[float], runs: int) -> float:
        n = len(rewards)
        if not n:
            return math.inf
        bonus = self.c * math.sqrt(2 * math.log(runs + 1) / n) + self.variety / (n + 1)
        return math.fsum(rewards) / n + bonus

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """Every run of the dearest arm, unit by unit."""
        bounds = [arm.bound(shape, ctx) for _, arm in self.arms]
        dearest = reduce(Cost.__or__, (cost for cost, _ in bounds), ZERO)
        after = reduce(Shape.join, (one for _, one in bounds))
        many = Shape(
            after.count * self.at_most, after.live * self.at_most, after.tokens, shape.capped, after.apart
        )
        return dearest.times(self.at_most), many

    def parts(self) -> tuple[Strategy, ...]:
        """The arms."""
        return tuple(arm for _, arm in self.arms)

    @cached_property
    def size(self) -> int:
        """The largest arm's, ``at_most`` times."""
        return max(arm.size for _, arm in self.arms) * self.at_most

    def text(self) -> tuple[str, int]:
        """``bandit(by, at_most, first=a, second=b)``."""
        told = {"enough": self.enough, "c": self.c, "variety": self.variety}
        usual = {"enough": 1.0, "c": 1.0, "variety": 0.0}
        options = [f"{name}={value!r}" for name, value in told.items() if value != usual[name]]
        arms = [f"{name}={argument(arm)}" for name, arm in self.arms]
        return f"bandit({', '.join([argument(self.by), str(self.at_most), *options, *arms])})", ATOM


@strategy
def bandit(
    by: str,
    at_most: int,
    /,
    *,
    enough: float = 1.0,
    c: float = 1.0,
    variety: float = 0.0,
    **arms: Strategy,
) -> Strategy:
    """Run the arm that looks best so far, ``at_most`` times in all: ``bandit(prm, 4, wide=a, deep=b)``.

    One unit of ``at_most`` costs what an arm costs. ConfigError without arms.
    """
    if not arms or not all(isinstance(arm, Strategy) for arm in arms.values()):
        raise ConfigError("bandit(by, at_most, name=strategy, …): expected one or more named strategies.")
    for name in arms:
        if not name.isascii() or not name.isidentifier() or iskeyword(name):
            raise ConfigError(f"bandit: the arm {name!r} needs a name that can be written in an expression.")
    return Bandit(
        by,
        count(at_most, "bandit(at_most)", 1),
        tuple(arms.items()),
        number(enough, "bandit(enough=)", 0.0, 1.0),
        number(c, "bandit(c=)", 0.0, 1e6),
        number(variety, "bandit(variety=)", 0.0, 1e6),
    )
