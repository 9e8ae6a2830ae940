"""A judge that grades all candidates side by side; a reward model may say which of its replies count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from itc.algebra.context import BYTES_PER_TOKEN, Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Strategy, count
from itc.backends.base import Request
from itc.budget.cost import Cost
from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.judges.asking import asking
from itc.stages.judges.panel import Panel, Told
from itc.stages.judges.shown import shown_bytes, worth_showing
from itc.types import Population

FULL = 10.0
"""The best grade."""
_NUMBERS = r"-?\d{1,4}(?:\.\d{1,4})?(?:\s{0,3},\s{0,3}-?\d{1,4}(?:\.\d{1,4})?)*"
_LIST = re.compile(_NUMBERS)
_BOXED = re.compile(rf"\\boxed\{{\W{{0,3}}({_NUMBERS})")


@dataclass(frozen=True)
class Appraised(Panel):
    r"""The score ``by`` of every candidate: the mean of its grades in k replies, out of ten, in [0,1].

    The grades of a reply are its last list of as many numbers as were shown, each from 0 to 10:
    "\boxed{7, 4, 9}"; a reply without one is left out. Equal solutions are shown once. With ``meta``, the
    role of a reward model, each readable reply is rated as an answer to its own prompt, and only the ``keep``
    best count; a reply whose rating the budget refused comes after those rated.
    """

    meta: str | None = None
    keep: int | None = None

    factory: ClassVar[str] = "appraised"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "k")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every candidate with its score; as it was where no reply could be read."""
        shown = worth_showing(pop)
        if not shown:
            return pop
        return self.scored(pop, shown, await self._best(await self.ask(shown, pop, ctx), ctx), ctx)

    async def _best(self, read: list[Told], ctx: Context) -> list[Told]:
        if self.meta is None or self.keep is None or len(read) <= self.keep:
            return read
        requests = [
            Request(told.request.prompt, told.request.key, max_tokens=0, score_steps=(told.reply.text,))
            for told in read
        ]
        ratings = await ctx.generate(requests, self.meta)
        worth = [-1.0 if rating is None else rating.scores[-1] for rating in ratings]
        best = sorted(range(len(read)), key=lambda i: -worth[i])[: self.keep]
        return [read[i] for i in sorted(best)]

    def read(self, text: str, n: int) -> list[float] | None:
        """The grades as shares of ten."""
        found = _BOXED.findall(text) or _LIST.findall(text)
        lists = ([float(x) for x in each.split(",")] for each in reversed(found))
        grades = next((xs for xs in lists if len(xs) == n), None)
        if grades is None or not all(0.0 <= x <= FULL for x in grades):
            return None
        return [x / FULL for x in grades]

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """k prompts that hold every candidate, and with ``meta`` a rating of each reply at its longest."""
        if not shape.count:
            return super().bound(shape, ctx)
        cost = self.reply_cost(shape.count, shape.tokens, ctx)
        if self.meta is not None:
            role = ctx.role(self.meta)
            bare = role.backend.prompt_bound(Request("", Key(), max_tokens=0, score_steps=()))
            asked = shown_bytes(self.prompt, ctx.problem, shape.count, shape.tokens)
            cost += role.price.cost(bare + asked + self.limit(ctx) * BYTES_PER_TOKEN, 0, 0)
        return cost.times(self.k), shape

    def own_needs(self) -> Needs:
        """Its role, and one that rates."""
        rates = set() if self.meta is None else {(self.meta, "score")}
        return super().own_needs() | Needs(frozenset(rates))


@strategy
def appraised(
    prompt: Ref | str,
    k: int = 1,
    *,
    role: str = "judge",
    by: str = "judge",
    meta: str | None = None,
    keep: int | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Score candidates by the mean of the grades that k replies to ``prompt(problem, candidates)`` give them.

    One unit of k costs one reply to a prompt that holds every different solution, and with ``meta`` a rating.
    """
    if (meta is None) != (keep is None):
        raise ConfigError(
            f"appraised(meta={meta!r}, keep={keep!r}): a reward model, and how many of the replies it keeps, "
            "go together. Give both, as meta=meta, keep=4, or neither."
        )
    if keep is not None and count(keep, "appraised(keep=)", 1) > k:
        raise ConfigError(f"appraised(keep={keep}): expected at most k={k}, the number of replies.")
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return Appraised(**asking("appraised", prompt, k, **given), meta=meta, keep=keep)
