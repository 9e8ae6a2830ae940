"""Steps drafted by one model and graded by another, which writes those that it does not let stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Stage, Strategy, number
from itc.backends.base import Completion, Request
from itc.budget.cost import ZERO, Cost
from itc.keys import Key
from itc.stages.draws.asked import prompt_bytes
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At, checked
from itc.types import Candidate, Population

HIGHEST = 9
TOLD = 10
"""Likeliest tokens asked for: as many as there are digits."""


@dataclass(frozen=True)
class Speculate(Stage):
    """One step of every unfinished candidate: the role ``draft`` writes it, ``base`` grades it with one token
    from 0 to 9, asked by ``prompt(problem, (candidate,))``, and writes the step itself where the grade is
    below ``at_least``.

    With ``mean`` the grade is the mean over the digits among the likeliest tokens, by their probabilities;
    else the token drawn at temperature 0. Another token is no grade, and the draft does not stand. Where the
    budget refuses the grade, or the step instead of the draft, the candidate stays as it was.
    """

    prompt: Ref
    at_least: float = 7.0
    draft: str = "draft"
    base: str = "policy"
    at: At = None
    mean: bool = False

    factory: ClassVar[str] = "speculate"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "at_least")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Drafts, then grades, then the steps instead; each for all candidates together."""
        drafting, writing = self.parts()
        live = Population(tuple(c for c in pop if not c.done))
        drafts = {c.key: d for c, d in zip(live, await drafting(live, ctx), strict=True) if d.key != c.key}
        asked = [self._request(drafts[c.key], ctx) for c in live if c.key in drafts]
        stands: dict[Key, Candidate] = {}
        fallen = []
        graded = zip(drafts.items(), await ctx.generate(asked, self.base), strict=True)
        for (key, drafted), reply in graded:
            if reply is not None and self._passes(reply):
                stands[key] = drafted
            elif reply is not None:
                fallen.append(key)
        # A fork: the base's step is not the draft's draw, should one model play both roles.
        again = Population(tuple(c.forked("base") for c in live if c.key in fallen))
        written = zip(fallen, again, await writing(again, ctx), strict=True)
        stands |= {key: own for key, start, own in written if own.key != start.key}
        return pop.map(lambda c: stands.get(c.key, c))

    def _request(self, c: Candidate, ctx: Context) -> Request:
        text = self.prompt.run(ctx.problem, (c,))
        told = TOLD if self.mean else 0
        key = c.key.fold("grade")
        return Request(text, key, ctx.problem.system, temperature=0.0, max_tokens=1, alternatives=told)

    def _passes(self, reply: Completion) -> bool:
        grade = self._grade(reply)
        return grade is not None and grade >= self.at_least

    def _grade(self, reply: Completion) -> float | None:
        if not self.mean:
            return _digit(reply.text)
        told = reply.alternatives[0] if reply.alternatives else ()
        found = [(digit, math.exp(p)) for text, p in told if (digit := _digit(text)) is not None]
        mass = math.fsum(p for _, p in found)
        return math.fsum(digit * p for digit, p in found) / mass if mass else None

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """Every draft falls, and all steps are as long as they may be."""
        if not shape.live:
            return ZERO, shape
        drafting, writing = self.parts()
        draft, one = drafting.bound(shape, ctx)
        own, other = writing.bound(shape, ctx)
        role = ctx.role(self.base)
        empty = Request("", Key(), ctx.problem.system, max_tokens=1)
        sent = role.backend.prompt_bound(empty) + prompt_bytes(self.prompt, ctx.problem, 1, one.tokens)
        return draft + own + role.price.cost(sent, 0, 1).times(shape.live), one.join(other).join(shape)

    def parts(self) -> tuple[Strategy, Strategy]:
        """The draft's step, and the base's."""
        return step(at=self.at, role=self.draft), step(at=self.at, role=self.base)

    def own_needs(self) -> Needs:
        """The likeliest tokens, for a mean of them."""
        return Needs(frozenset({(self.base, "alternatives")} if self.mean else ()))


def _digit(text: str) -> int | None:
    said = text.strip()
    return int(said) if len(said) == 1 and said in "0123456789" else None


@strategy
def speculate(
    prompt: Ref | str,
    at_least: float = 7.0,
    *,
    draft: str = "draft",
    base: str = "policy",
    at: At = None,
    mean: bool = False,
) -> Strategy:
    """One step of every unfinished candidate, by ``draft`` where ``base`` grades it ``at_least`` so high (0
    to 9), else by ``base``. It costs a step, a grade of one token, and perhaps another step."""
    number(at_least, "speculate(at_least)", 0, HIGHEST)
    return Speculate(Ref.of("prompt", prompt), at_least, draft, base, checked(at, "speculate(at=)"), mean)
