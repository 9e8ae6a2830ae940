"""Minimum Bayes risk: the candidate that the others agree with most."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, one_of
from itc.budget.cost import ZERO, Cost
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population

_WORD = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> tuple[str, ...]:
    """Words and punctuation marks, in lower case."""
    return tuple(_WORD.findall(text.casefold()))


def f1(a: Sequence[str], b: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of words, repetitions counted, in [0,1]; 1 for two empty
    texts."""
    if not a or not b:
        return float(not a and not b)
    shared = sum((Counter(a) & Counter(b)).values())
    return 2.0 * shared / (len(a) + len(b))


def edit(a: Sequence[str], b: Sequence[str]) -> float:
    """1 − Levenshtein distance in words over the length of the longer, in [0,1]; 1 for two empty texts."""
    import numpy as np

    if not a or not b:
        return float(not a and not b)
    known: dict[str, int] = {}
    across = np.array([known.setdefault(w, len(known)) for w in b])
    places = np.arange(len(b) + 1)
    row = places
    for i, word in enumerate(a, start=1):
        near = np.minimum(row[1:] + 1, row[:-1] + (across != known.get(word, -1)))
        # What is left is to come from the left, one insertion a place: a running minimum, shifted.
        row = np.minimum.accumulate(np.concatenate(([i], near)) - places) + places
    return 1.0 - float(row[-1]) / max(len(a), len(b))


UTILITIES: Mapping[str, Callable[[Sequence[str], Sequence[str]], float]] = {"f1": f1, "edit": edit}


@dataclass(frozen=True)
class LeastRisk(Selector):
    """The candidate with the highest mean utility against all others; ties go to the first.

    exact: 1 where the answers are equal by the task's rule, else 0, so that it is a plurality vote; f1 and
    edit compare the texts of solutions (`f1`, `edit`). Candidates with an answer stand; without any, all do.
    Each pair is compared once, in time that grows with the product of their lengths for edit.
    """

    utility: str = "f1"

    factory: ClassVar[str] = "least_risk"
    positional: ClassVar[tuple[str, ...]] = ("utility",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The winner; an empty population stays empty."""
        standing = [c for c in pop if c.answer is not None]
        if not standing:
            if self.utility == "exact" or not len(pop):
                return Population(pop.members[:1])
            standing = list(pop)
        gains = await self._gains(standing, ctx)
        return Population((standing[max(range(len(standing)), key=gains.__getitem__)],))

    async def _gains(self, standing: list[Candidate], ctx: Context) -> list[float]:
        """The sum over the others: the same order as the mean."""
        if self.utility == "exact":
            names = list(await ctx.answers.classes([c.answer or "" for c in standing]))
            return [float(names.count(name)) for name in names]
        compare = UTILITIES[self.utility]
        texts = [words("".join(s.text for s in c.solution)) for c in standing]
        known: dict[tuple[int, int], float] = {}
        first: dict[tuple[str, ...], int] = {}
        same = [first.setdefault(text, i) for i, text in enumerate(texts)]
        gains = []
        for i, a in enumerate(same):
            pairs = [tuple(sorted((a, b))) for j, b in enumerate(same) if j != i]
            for x, y in set(pairs) - set(known):
                known[x, y] = 1.0 if x == y else compare(texts[x], texts[y])
            gains.append(math.fsum(known[x, y] for x, y in pairs))
        return gains

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; one remains."""
        return ZERO, replace(shape, count=min(shape.count, 1), live=min(shape.live, 1))


@strategy
def least_risk(utility: str = "f1") -> Strategy:
    """The candidate most like all others by ``utility``: exact (their answers), f1 or edit (their words)."""
    return LeastRisk(one_of(utility, "least_risk(utility)", "exact", *UTILITIES))
