"""Scorers: named functions of a candidate, and models that rate steps.

A function scorer is registered once and may be named by any strategy; a model scorer is bound to a role
by the configuration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import BYTES_PER_TOKEN, Context, Scorer, Shape
from itc.backends.base import Request
from itc.budget.cost import ZERO, Cost
from itc.errors import ConfigError
from itc.keys import Key
from itc.types import Candidate


@dataclass(frozen=True)
class FunctionScorer:
    """``f(candidate)`` in [0,1], or one score in [0,1] for each step; free of charge."""

    f: Callable[[Candidate], float | tuple[float, ...]]
    stepwise: bool = False
    needs: frozenset[tuple[str, str]] = frozenset()
    reads_text: bool = False

    @property
    def fingerprint(self) -> str:
        """Where the function is defined."""
        return f"{self.f.__module__}.{self.f.__qualname__}"

    async def __call__(self, candidates: Sequence[Candidate], ctx: Context) -> Sequence[tuple[float, ...]]:  # noqa: ARG002
        """A score for each candidate; 0 for one without steps."""
        return [self._scores(c) if c.steps else (0.0,) for c in candidates]

    def _scores(self, c: Candidate) -> tuple[float, ...]:
        value = self.f(c)
        return value if isinstance(value, tuple) else (value,)

    def bound(self, shape: Shape, ctx: Context) -> Cost:  # noqa: ARG002
        """Free."""
        return ZERO

    @property
    def about(self) -> str:
        """What it says of itself."""
        return inspect.getdoc(self.f) or ""


SCORERS: dict[str, Scorer] = {}
"""Registered scorers by name: functions, and judges (`itc.scorers.judge`)."""


def scorer(
    *, stepwise: bool = False, needs: frozenset[tuple[str, str]] = frozenset()
) -> Callable[[Callable[[Candidate], float | tuple[float, ...]]], FunctionScorer]:
    """Register ``f(candidate)`` under its name, for ``score(name)``. ConfigError if the name is taken."""

    def register(f: Callable[[Candidate], float | tuple[float, ...]]) -> FunctionScorer:
        name = f.__name__
        old = SCORERS.get(name)
        made = FunctionScorer(f, stepwise, needs)
        if old is not None and old.fingerprint != made.fingerprint:
            raise ConfigError(f"scorer {name!r} is already registered, as {old.fingerprint}.")
        SCORERS[name] = made
        return made

    return register


@dataclass(frozen=True)
class ModelScorer:
    """A reward model behind ``role``: one request rates all steps of a path, or with an outcome model, which
    is not ``stepwise``, the whole.

    A path whose steps all have scores of this name is not sent again, nor is one whose last step has that of
    the whole. Only solution steps are rated.
    """

    role: str
    stepwise: bool = True
    reads_text: ClassVar[bool] = True

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """An engine that scores."""
        return frozenset({(self.role, "score")})

    @property
    def fingerprint(self) -> str:
        """The role; its engine has a fingerprint of its own."""
        return f"model:{self.role}:{self.stepwise}"

    async def __call__(
        self, candidates: Sequence[Candidate], ctx: Context
    ) -> Sequence[tuple[float, ...] | None]:
        """Step scores, None where refused or where there is nothing to rate."""
        known = [self._known(c) for c in candidates]
        asked = [i for i, c in enumerate(candidates) if known[i] is None and c.solution]
        rated = await ctx.generate([self._request(candidates[i], ctx) for i in asked], self.role)
        for i, completion in zip(asked, rated, strict=True):
            if completion is not None:
                known[i] = completion.scores
        return known

    def _known(self, c: Candidate) -> tuple[float, ...] | None:
        found = [dict(s.scores).get(self.role) for s in c.solution][0 if self.stepwise else -1 :]
        if not found or None in found:
            return None
        return tuple(x for x in found if x is not None)

    def _request(self, c: Candidate, ctx: Context) -> Request:
        steps = tuple(s.text for s in c.solution)
        return Request(ctx.problem.question, c.key, max_tokens=0, score_steps=steps)

    def bound(self, shape: Shape, ctx: Context) -> Cost:
        """A rating of every candidate at its longest."""
        role = ctx.role(self.role)
        request = Request(ctx.problem.question, Key(), max_tokens=0, score_steps=())
        prompt = role.backend.prompt_bound(request) + shape.tokens * BYTES_PER_TOKEN
        return role.price.cost(prompt, 0, 0).times(shape.count)
