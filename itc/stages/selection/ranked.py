"""Votes over ranked answers: instant run-off, Borda count, mean reciprocal rank."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, one_of
from itc.budget.cost import ZERO, Cost
from itc.stages.selection.select import Selector
from itc.types import Candidate, Population, Problem

Ballot = tuple[int, ...]
"""Classes of answers, best first, each once."""

_ITEM = re.compile(r"^[ \t]*(?:\d{1,3}[.):]|[-*•])[ \t]+(.+?)[ \t]*$", re.MULTILINE)


def listed(text: str) -> tuple[str, ...]:
    """The items of a ranked list, best first: of the lines "1. X" or "- X", else of a line "X > Y > Z"."""
    if items := tuple(_ITEM.findall(text)):
        return items
    chain = next((line for line in reversed(text.strip().splitlines()) if ">" in line), text.strip())
    return tuple(item.strip() for item in chain.split(">") if item.strip())


def run_off(ballots: Sequence[Ballot]) -> int:
    """Whoever comes first on more than half of the ballots; until then whoever is first on fewest leaves.

    An answer that left is struck from every ballot, so that the next on it counts. Of those first on
    fewest, the one that came up last leaves.
    """
    gone: set[int] = set()
    while True:
        firsts: dict[int, int] = {}
        for ballot in ballots:
            best = next((a for a in ballot if a not in gone), None)
            if best is not None:
                firsts[best] = firsts.get(best, 0) + 1
        leader = max(firsts, key=firsts.__getitem__)
        if 2 * firsts[leader] > sum(firsts.values()) or len(firsts) == 1:
            return leader
        gone.add(min(reversed(firsts), key=firsts.__getitem__))


def borda(ballots: Sequence[Ballot]) -> int:
    """Place r of a ballot of n answers counts n − r + 1."""
    return _most(ballots, lambda place, size: size - place)


def reciprocal(ballots: Sequence[Ballot]) -> int:
    """Place r counts 1/r."""
    return _most(ballots, lambda place, size: 1.0 / (place + 1))  # noqa: ARG005


def _most(ballots: Sequence[Ballot], points: Callable[[int, int], float]) -> int:
    tally: dict[int, float] = {}
    for ballot in ballots:
        for place, answer in enumerate(ballot):
            tally[answer] = tally.get(answer, 0.0) + points(place, len(ballot))
    return max(tally, key=tally.__getitem__)


RULES: Mapping[str, Callable[[Sequence[Ballot]], int]] = {"irv": run_off, "borda": borda, "mrr": reciprocal}


@dataclass(frozen=True)
class RankVote(Selector):
    """One candidate, whose answer is the winner of a vote in which every candidate ranks several.

    Its text is a ranked list (`listed`); an item counts as the task's rule reads it, and one in which the
    rule finds no answer is skipped. Equal answers are one, at the better place. Ties go to the answer seen
    first. The winner is told by the first candidate that ranks it highest. Without a ballot, the population's
    first.
    """

    rule: str = "irv"

    factory: ClassVar[str] = "rank_vote"
    positional: ClassVar[tuple[str, ...]] = ("rule",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The winner."""
        voters = [(c, answers) for c in pop if c.done and (answers := _answers(c, ctx))]
        if not voters:
            return Population(pop.members[:1])
        flat = [a for _, answers in voters for a in answers]
        names = iter(await ctx.answers.classes(flat))
        ranked = [[next(names) for _ in answers] for _, answers in voters]
        ballots = [tuple(dict.fromkeys(ranks)) for ranks in ranked]
        won = RULES[self.rule](ballots)
        backer = min((i for i, b in enumerate(ballots) if won in b), key=lambda i: ballots[i].index(won))
        chosen, answers = voters[backer]
        return Population((replace(chosen, answer=answers[ranked[backer].index(won)]),))

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; one remains."""
        return ZERO, replace(shape, count=min(shape.count, 1), live=min(shape.live, 1))


def _answers(c: Candidate, ctx: Context) -> list[str]:
    read = [ctx.answers.extract(item) for item in listed("".join(s.text for s in c.solution))]
    return [a for a in read if a is not None]


@strategy
def rank_vote(rule: str = "irv") -> Strategy:
    """The winner of a vote over the ranked lists that candidates wrote: irv, borda or mrr."""
    return RankVote(one_of(rule, "rank_vote(rule)", *RULES))


@prompt
def ranked_answers(problem: Problem, candidates: tuple[Candidate, ...]) -> str:  # noqa: ARG001
    """Asks for several answers in order of preference."""
    return (
        f"{problem.prompt}\n\nThink it through, then end with a list of the answers that you hold "
        "possible, the most likely first, one a line, each with its number: 1. 2. 3. "
        "Write nothing else on those lines.\n"
    )
