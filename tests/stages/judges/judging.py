"""A judge made for tests: knows how good each text is, and errs as it is told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from itc.algebra.context import Context, Role
from itc.algebra.registry import prompt
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Sampling, Usage, byte_bound
from itc.backends.function import FunctionBackend
from itc.budget.account import Account
from itc.budget.cost import UNLIMITED, Budget
from itc.keys import Key
from itc.types import Candidate, Population, Problem, Step

PROBLEM = Problem("judged", "Which?", prompt="the policy's own prompt", system="the policy's own system turn")


@prompt
def bare(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Nothing but the texts."""
    return "".join(f"<{''.join(s.text for s in c.solution)}>" for c in candidates)


def shown(r: Request) -> list[str]:
    return re.findall(r"<([^>]*)>", r.prompt)


@dataclass
class Judged:
    """What a run of a stage came to."""

    population: Population
    ctx: Context
    asked: list[Request] = field(default_factory=list)

    def scores(self, by: str = "judge") -> list[float | None]:
        return [c.score(by) if c.has_score(by) else None for c in self.population]


def candidates(*texts: str) -> Population:
    made = ((Key("c", i), Step(t, len(t))) for i, t in enumerate(texts))
    return Population(tuple(Candidate(k, (s,), done=True, answer=s.text[-1:] or None) for k, s in made))


def judged(
    stage: Strategy,
    pop: Population,
    says: Callable[[Request, Random], Completion | str],
    cap: Budget = UNLIMITED,
    rates: Callable[[Request], float] = lambda r: 0.5,
) -> Judged:
    """The stage on a population, with ``says(request, randomness of the request)`` as the judge's reply."""
    asked: list[Request] = []

    def engine(r: Request) -> Completion:
        asked.append(r)
        if r.score_steps is not None:
            return Completion(scores=(rates(r),), usage=Usage(1))
        said = says(r, Random(r.key.seed64))
        if isinstance(said, str):
            said = Completion(said, usage=Usage(1, 0, 2))
        return said

    role = Role(
        FunctionBackend(engine, capabilities=frozenset(("alternatives", "score", "seed"))), Sampling()
    )
    ctx = Context(PROBLEM, dict.fromkeys(("policy", "judge", "meta"), role), Account(cap))
    return Judged(asyncio.run(stage(pop, ctx)), ctx, asked)


def worst_bytes(requests: Sequence[Request]) -> int:
    """The longest prompt that was asked, in the bytes it is reserved by."""
    return max(map(byte_bound, requests))
