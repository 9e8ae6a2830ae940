"""A judge that ranks all candidates, and one that chooses one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.budget.cost import Cost
from itc.stages.draws.path import solution
from itc.stages.judges.asking import asking
from itc.stages.judges.panel import Panel
from itc.stages.judges.shown import worth_showing
from itc.stages.selection.select import Vote
from itc.types import Population

_CHAIN = re.compile(r"\[?\d{1,6}\]?(?:\s{0,3}>\s{0,3}\[?\d{1,6}\]?)+")
_PLACE = re.compile(r"\d+")
_CHOSEN = re.compile(
    r"\b(?:choice|most consistent (?:response|answer)(?: is)?)\W{1,5}(?:response|answer)?\W{0,3}(\d{1,6})\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?:response|answer|solution)\W{0,5}#?(\d{1,6})\b", re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\{\s?(?:Response )?(\d{1,6})\s?\}")
_ALONE = re.compile(r"\W{0,10}(\d{1,6})\W{0,10}")


@dataclass(frozen=True)
class Ranked(Panel):
    """The score ``by`` of every candidate: its mean place in k rankings, 1 for the first, 0 for the last
    (Borda), in [0,1].

    A ranking is the last "[3] > [1] > [2]" of a reply; of a number named twice the first place counts, and
    solutions not named share the places left. A reply that names fewer than two, or one that was not shown,
    is left out. Equal solutions are shown once.
    """

    factory: ClassVar[str] = "ranked"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "k")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every candidate with its score; as it was where no reply could be read."""
        shown = worth_showing(pop)
        if len(shown) < 2:
            return pop
        return self.scored(pop, shown, await self.ask(shown, pop, ctx), ctx)

    def read(self, text: str, n: int) -> list[float] | None:
        """Borda points by place."""
        chains = _CHAIN.findall(text)
        named = list(dict.fromkeys(int(x) - 1 for x in _PLACE.findall(chains[-1]))) if chains else []
        if len(named) < 2 or not all(0 <= i < n for i in named):
            return None
        # The places left are len(named) … n − 1, the last of them worth nothing.
        points = [(n - 1 - len(named)) / 2 / (n - 1)] * n
        for place, i in enumerate(named):
            points[i] = (n - 1 - place) / (n - 1)
        return points


@strategy
def ranked(
    prompt: Ref | str,
    k: int = 1,
    *,
    role: str = "judge",
    by: str = "judge",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Score candidates by their mean place in k rankings of all of them by ``prompt(problem, candidates)``.

    One unit of k costs one reply to a prompt that holds every different solution.
    """
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return Ranked(**asking("ranked", prompt, k, **given))


@dataclass(frozen=True)
class Elected(Panel):
    """The one candidate that most of k replies choose; a tie goes to the one seen first.

    Equal solutions are all shown: how many agree is what the choice is made by. The share of readable replies
    that chose it is its score ``by``. Where no reply could be read, or none came, the majority of answers
    decides, as in `vote`; where no two solutions differ, nothing is asked.
    """

    factory: ClassVar[str] = "elected"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "k")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The winner."""
        shown = [c for c in pop if solution(c).strip()]
        read = await self.ask(shown, pop, ctx) if len(worth_showing(shown)) > 1 else []
        if not read:
            return await Vote()(pop, ctx)
        votes = [sum(told.values[i] for told in read) for i in range(len(shown))]
        best = max(range(len(shown)), key=votes.__getitem__)
        return Population((shown[best].scored(self.by, votes[best] / len(read)),))

    def read(self, text: str, n: int) -> list[float] | None:
        """1 for the one chosen: "Choice: Response 3", "\\boxed{3}", the last "Response 3", or a reply that
        is a number."""
        found = [int(x) for form in (_CHOSEN, _BOXED, _NAMED) for x in form.findall(text)[-1:]]
        alone = _ALONE.fullmatch(text.strip())
        chosen = found[0] if found else int(alone[1]) if alone else 0
        return [float(i == chosen) for i in range(1, n + 1)] if 1 <= chosen <= n else None

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """k prompts that hold every candidate; one remains."""
        cost, shape = super().bound(shape, ctx)
        return cost, replace(shape, count=min(shape.count, 1), live=min(shape.live, 1))


@strategy
def elected(
    prompt: Ref | str,
    k: int = 1,
    *,
    role: str = "policy",
    by: str = "elected",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Keep the candidate that most of k replies to ``prompt(problem, candidates)`` choose.

    One unit of k costs one reply to a prompt that holds every candidate.
    """
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return Elected(**asking("elected", prompt, k, **given))
