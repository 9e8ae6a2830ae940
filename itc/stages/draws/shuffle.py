"""Draws that each see the options of a multiple-choice question in an order of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import strategy
from itc.algebra.strategy import MANY, Needs, Stage, Strategy, count
from itc.budget.cost import ZERO, Cost
from itc.keys import Key
from itc.stages.draws.path import step_of
from itc.stages.draws.prompted import asked, heated
from itc.types import Candidate, Population

_OPTION = re.compile(r"^([ \t]*\(?)([A-J])([).:][ \t]+)(.*)$", re.MULTILINE)


def reordered(text: str, order: list[int]) -> str:
    """The text with its options in another order under the same letters: the option that stood at place
    ``order[i]`` stands at place i. An option is a line that begins with a letter, as "B) …" or "(B) …"."""
    said = [m[4] for m in _OPTION.finditer(text)]
    new = iter(said[i] for i in order)
    return _OPTION.sub(lambda m: f"{m[1]}{m[2]}{m[3]}{next(new)}", text)


def letters(text: str) -> list[str]:
    """The letters of the options, in order; none unless they are A, B, C … without a gap or repetition."""
    found = [m[2] for m in _OPTION.finditer(text)]
    return found if found == [chr(ord("A") + i) for i in range(len(found))] else []


@dataclass(frozen=True)
class Shuffled(Stage):
    """n answers to the question, with the options of draw i in an order that its key gives; what an answer
    says is read back into the order of the question.

    Only `answer` is: the text keeps the letters that the model saw. A question without options A, B, C … is
    asked as it stands. Finished candidates pass through, and one whose draws are all refused stays as it is.
    """

    n: int = 1
    role: str = "policy"
    temperature: float | None = None

    factory: ClassVar[str] = "shuffled"
    positional: ClassVar[tuple[str, ...]] = ("n",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Children take the place of their parent, in order of draw."""
        sampling = heated(ctx, self.role, self.temperature)
        jobs = [(c, c.key.fold("shuffled", i), i) for c in pop if not c.done for i in range(self.n)]
        requests = [asked(self._prompt(key, ctx), key, ctx, self.role, i, sampling) for _, key, i in jobs]
        made: dict[Key, list[Candidate]] = {}
        drawn = await ctx.generate(requests, self.role)
        for (c, key, _), completion in zip(jobs, drawn, strict=True):
            if completion is None:
                continue
            text = step_of(completion)
            answer = self._meant(ctx.answers.extract(text.text), key, ctx)
            child = replace(c, key=key, parent=c.key, steps=(*c.steps, text), done=True, answer=answer)
            ctx.trace.add(child)
            made.setdefault(c.key, []).append(child)
        return Population(tuple(x for c in pop for x in made.get(c.key, [c])))

    def _order(self, key: Key, ctx: Context) -> list[int]:
        problem = ctx.problem
        known = letters(problem.question) if problem.question in problem.prompt else []
        order = list(range(len(known)))
        Random(key.fold("order").seed64).shuffle(order)
        return order

    def _prompt(self, key: Key, ctx: Context) -> str:
        problem, order = ctx.problem, self._order(key, ctx)
        if not order:
            return problem.prompt
        # The question stands in the prompt, where worked examples may have options of their own.
        before, question, after = problem.prompt.rpartition(problem.question)
        return before + reordered(question, order) + after

    def _meant(self, answer: str | None, key: Key, ctx: Context) -> str | None:
        """The letter in the question's own order; an answer that is no letter of an option is itself."""
        order = self._order(key, ctx)
        said = "" if answer is None else answer.strip().strip("()[].:").upper()
        at = ord(said) - ord("A") if len(said) == 1 else -1
        return chr(ord("A") + order[at]) if 0 <= at < len(order) else answer

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """n draws of every unfinished candidate; an order of the options has as many bytes as another."""
        if not shape.live:
            return ZERO, shape
        role = ctx.role(self.role)
        limit = role.sampling.max_tokens
        request = asked(ctx.problem.prompt, Key(), ctx, self.role)
        draws = shape.live * self.n
        kept = shape.live if shape.capped else 0
        after = replace(shape, count=shape.count - shape.live + draws, live=kept, tokens=shape.tokens + limit)
        return role.price.cost(role.backend.prompt_bound(request), 0, limit).times(draws), after

    def own_needs(self) -> Needs:
        """Its role."""
        return Needs(frozenset({(self.role, "")}))


@strategy
def shuffled(n: int = 1, *, role: str = "policy", temperature: float | None = None) -> Strategy:
    """n answers, each to the question with its options in another order. One unit of n costs one draw."""
    return Shuffled(count(n, "shuffled(n)", 1, MANY), role, temperature)
