"""A judge's verdict on each candidate by itself: k replies, read as numbers in [0,1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Strategy, number
from itc.budget.cost import Cost
from itc.stages.draws.path import solution
from itc.stages.judges.asking import Asking, asking, noted
from itc.stages.judges.shown import text_key, worth_showing
from itc.stages.judges.verdicts import reading_named
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Verdict:
    """What the replies about one text came to."""

    value: float | None
    """Their mean in [0,1]; None where none counts."""
    invalid: float
    """The share of them that could not be read, in [0,1]."""


@dataclass(frozen=True)
class Judge(Asking):
    """The score ``by`` of every candidate: the mean of k readings of the judge's replies, in [0,1].

    A reply that cannot be read counts as ``invalid``, or with None is left out of the mean; the share of such
    replies is the score ``<by>_invalid``, where there are any. A candidate of which no reply counts keeps
    the score it had, as does one whose replies the budget refused; where it refused some, those that came
    count. Under a cap every text gets its first reply before any gets its second.

    Equal solutions are judged once, and a path whose last solution step has a score of this name is not
    judged again. Reply i about a text is keyed by the problem, the text and i alone, so a verdict is the same
    whatever is judged beside it, and the first 4 of 32 verdicts are the 4 of 4.
    """

    reading: str = "verdict"
    invalid: float | None = None

    factory: ClassVar[str] = "judge"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "k", "reading")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every candidate with its score."""
        verdicts = await self.verdicts(pop.members, ctx)
        judged = [self._judged(c, v) for c, v in zip(pop, verdicts, strict=True)]
        for c in judged:
            if c.steps:
                ctx.trace.add(c)
        return Population(tuple(judged))

    async def verdicts(self, candidates: Sequence[Candidate], ctx: Context) -> list[Verdict | None]:
        """For each candidate; None where no reply came, or where there is no text to judge."""
        known = [self._known(c) for c in candidates]
        unknown = worth_showing(c for c, v in zip(candidates, known, strict=True) if v is None)
        keys = [text_key("judge", ctx.problem, solution(c)) for c in unknown]
        read = reading_named(self.reading)
        told = read.alternatives
        pairs = list(zip(unknown, keys, strict=True))
        requests = [self.request((c,), key, ctx, told, i) for i in range(self.k) for c, key in pairs]
        found: list[list[float | None]] = [[] for _ in unknown]
        for at, reply in enumerate(await ctx.generate(requests, self.role)):
            if reply is not None:
                value = read(reply)
                self.note(ctx, requests[at], reply, noted(value))
                found[at % len(unknown)].append(value)
        new = {solution(c): self._verdict(f) for c, f in zip(unknown, found, strict=True)}
        return [new.get(solution(c)) if v is None else v for c, v in zip(candidates, known, strict=True)]

    def _known(self, c: Candidate) -> Verdict | None:
        value = dict(c.solution[-1].scores).get(self.by) if c.solution else None
        return None if value is None else Verdict(value, 0.0)

    def _verdict(self, found: list[float | None]) -> Verdict | None:
        if not found:
            return None
        values = [self.invalid if x is None else x for x in found]
        counted = [x for x in values if x is not None]
        mean = math.fsum(counted) / len(counted) if counted else None
        return Verdict(mean, found.count(None) / len(found))

    def _judged(self, c: Candidate, verdict: Verdict | None) -> Candidate:
        if verdict is None:
            return c
        if verdict.invalid:
            c = c.scored(f"{self.by}_invalid", verdict.invalid)
        return c if verdict.value is None else marked(c, self.by, verdict.value)

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """k replies about every candidate at its longest."""
        return self.cost(shape, ctx), shape

    def cost(self, shape: Shape, ctx: Context) -> Cost:
        """The most that judging such a population can cost."""
        return self.reply_cost(1, shape.tokens, ctx).times(shape.count * self.k)

    def own_needs(self) -> Needs:
        """Its role, and the likeliest tokens where a probability is read."""
        told = {(self.role, "alternatives")} if reading_named(self.reading).alternatives else set()
        return super().own_needs() | Needs(frozenset(told))


def marked(c: Candidate, by: str, value: float) -> Candidate:
    """The candidate with the score, kept also as that of the path up to its last step."""
    if c.steps and c.steps[-1].kind == "solution":
        rest = tuple(s for s in c.steps[-1].scores if s[0] != by)
        last = replace(c.steps[-1], scores=tuple(sorted((*rest, (by, value)))))
        c = replace(c, steps=(*c.steps[:-1], last))
    return c.scored(by, value)


@strategy
def judge(
    prompt: Ref | str,
    k: int = 1,
    reading: str = "verdict",
    *,
    role: str = "judge",
    by: str = "judge",
    invalid: float | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Score every candidate by the mean of k replies to ``prompt(problem, (candidate,))``.

    One unit of k costs one reply of the judge for each different solution. ``reading`` says how a reply
    becomes a number: verdict, p_yes, p_no, grade, likeliness, or a registered one.
    """
    reading_named(reading)
    if invalid is not None:
        invalid = float(number(invalid, "judge(invalid=)", 0.0, 1.0))
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return Judge(**asking("judge", prompt, k, **given), reading=reading, invalid=invalid)
