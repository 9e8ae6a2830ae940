"""Pairwise comparison: which of two answers is better, asked in both orders, until one is left or all met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Strategy
from itc.budget.cost import Amount, Cost
from itc.stages.draws.path import solution
from itc.stages.judges.asking import Asking, asking, noted
from itc.stages.judges.judge import marked
from itc.stages.judges.shown import text_key, worth_showing
from itc.stages.judges.verdicts import reading_named
from itc.types import Candidate, Population

Pair = tuple[Candidate, Candidate]


@dataclass(frozen=True)
class Tournament(Asking):
    """The score ``by`` of every candidate, in [0,1], from matches of two different solutions.

    A match is k pairs of questions, the answers shown once in either order, so that a judge who likes the
    first place best decides nothing. A reading is 1 where the answer shown first is better, 0 where the
    second is; a match goes to the answer with the larger mean over the pairs of which both replies could be
    read, and is drawn without such a pair.

    In a ``knockout`` the solutions are paired at random, by the population's key; the winner goes on, of a
    draw the one seen first, and a score is the share of rounds that a solution came through. In a
    ``round_robin`` all meet, and a score is the share of points: 1 for a match won, ½ for one drawn
    (Copeland's rule, which finds the Condorcet winner where there is one). Questions about two texts are
    keyed by the problem and the texts alone. Where no reply came at all, the population stays as it is.
    """

    form: str = "knockout"
    reading: str = "winner"

    positional: ClassVar[tuple[str, ...]] = ("prompt", "k", "reading")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Every candidate with its score."""
        players = worth_showing(pop)
        if len(players) < 2:
            return pop
        if self.form == "knockout":
            scores = await self._knockout(players, Random(pop.key.fold("bracket").seed64), ctx)
        else:
            scores = await self._round_robin(players, ctx)
        if scores is None:
            return pop
        of = {solution(c): x for c, x in zip(players, scores, strict=True)}
        judged = [marked(c, self.by, of[solution(c)]) if solution(c) in of else c for c in pop]
        for c in judged:
            if c.steps:
                ctx.trace.add(c)
        return Population(tuple(judged))

    async def _knockout(self, players: list[Candidate], rng: Random, ctx: Context) -> list[float] | None:
        left = list(range(len(players)))
        rng.shuffle(left)
        rounds, won, any_reply = (len(players) - 1).bit_length(), [0] * len(players), False
        while len(left) > 1:
            pairs = [(min(p), max(p)) for p in zip(left[::2], left[1::2], strict=False)]
            results = await self._matches([(players[a], players[b]) for a, b in pairs], ctx)
            if results is not None:
                any_reply = True
            ahead = results or [0.0] * len(pairs)
            bye = left[-1:] if len(left) % 2 else []
            left = [*(a if x >= 0 else b for (a, b), x in zip(pairs, ahead, strict=True)), *bye]
            for i in left:
                won[i] += 1
        return [w / rounds for w in won] if any_reply else None

    async def _round_robin(self, players: list[Candidate], ctx: Context) -> list[float] | None:
        pairs = list(combinations(range(len(players)), 2))
        results = await self._matches([(players[a], players[b]) for a, b in pairs], ctx)
        if results is None:
            return None
        points = [0.0] * len(players)
        for (a, b), x in zip(pairs, results, strict=True):
            points[a] += 0.5 + 0.5 * ((x > 0) - (x < 0))
            points[b] += 0.5 - 0.5 * ((x > 0) - (x < 0))
        return [p / (len(players) - 1) for p in points]

    async def _matches(self, pairs: Sequence[Pair], ctx: Context) -> list[float] | None:
        """How far the first of each pair is ahead, in [−1, 1]; None where no reply came."""
        read = reading_named(self.reading)
        told = read.alternatives
        requests = []
        for i in range(self.k):
            for pair in pairs:
                for shown in (pair, pair[::-1]):
                    key = text_key("match", ctx.problem, *map(solution, shown))
                    requests.append(self.request(shown, key, ctx, told, i))
        replies = await ctx.generate(requests, self.role)
        if all(reply is None for reply in replies):
            return None
        values = [None if reply is None else read(reply) for reply in replies]
        for request, reply, value in zip(requests, replies, values, strict=True):
            if reply is not None:
                self.note(ctx, request, reply, noted(value))
        ahead: list[list[float]] = [[] for _ in pairs]
        for at, (one, other) in enumerate(zip(values[::2], values[1::2], strict=True)):
            if one is not None and other is not None:
                ahead[at % len(pairs)].append(one - other)
        return [math.fsum(x) / len(x) if x else 0.0 for x in ahead]

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """2 k questions a match; n − 1 matches of n solutions in a knockout, else n (n − 1) / 2."""
        n = shape.count
        matches: Amount = max(0, n - 1) * (1 if self.form == "knockout" else n / 2)
        asked = math.ceil(matches) if matches < math.inf else matches
        return self.reply_cost(2, shape.tokens, ctx).times(asked * 2 * self.k), shape

    def own_needs(self) -> Needs:
        """Its role, and the likeliest tokens where a probability is read."""
        told = {(self.role, "alternatives")} if reading_named(self.reading).alternatives else set()
        return super().own_needs() | Needs(frozenset(told))

    def name(self) -> str:
        """knockout or round_robin."""
        return self.form

    def hidden(self) -> tuple[str, ...]:
        """What the form implies."""
        return ("form",)


def _tournament(form: str, prompt: Ref | str, k: int, reading: str, **given: object) -> Tournament:
    reading_named(reading)
    return Tournament(**asking(form, prompt, k, **given), form=form, reading=reading)


@strategy
def knockout(
    prompt: Ref | str,
    k: int = 1,
    reading: str = "winner",
    *,
    role: str = "judge",
    by: str = "judge",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Score candidates by how far each comes when two meet at a time and one goes on.

    ``prompt(problem, (a, b))`` asks which is better. One unit of k costs two replies for each different
    solution but one; the rounds follow one another.
    """
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return _tournament("knockout", prompt, k, reading, **given)


@strategy
def round_robin(
    prompt: Ref | str,
    k: int = 1,
    reading: str = "winner",
    *,
    role: str = "judge",
    by: str = "judge",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """Score candidates by the share of matches each wins when every two meet.

    ``prompt(problem, (a, b))`` asks which is better. One unit of k costs two replies for every two different
    solutions; all are asked side by side.
    """
    given = {"role": role, "by": by, "temperature": temperature, "max_tokens": max_tokens}
    return _tournament("round_robin", prompt, k, reading, **given)
