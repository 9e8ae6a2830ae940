"""Chains of attempts: each sees the ones before it, and may be criticised first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Needs, Stage, Strategy, count, holds, number
from itc.budget.cost import ZERO, Cost
from itc.stages.draws.path import step_of
from itc.stages.draws.prompted import asked, heated, worst
from itc.types import Candidate, Population


@dataclass(frozen=True)
class Revise(Stage):
    """Every member begins a chain of at most ``rounds`` further attempts, each written from
    ``prompt(problem, attempts)``, where attempts are the last ``recent`` of its chain, oldest first.

    With ``critique`` the latest attempt is criticised before each round: the prompt finds the critique as a
    step of that kind at the attempt's end, and ``stop``, asked of the criticised attempt, may end the chain.
    All attempts come out, chain by chain, without critiques, but with any other notes that the first one had;
    with ``last`` only the latest of each chain.
    A round is all or nothing for each chain: where the budget refuses a part of it, the chain ends with what
    it has.
    """

    prompt: Ref
    rounds: int = 1
    recent: int = 4
    critique: Ref | None = None
    stop: Ref | None = None
    last: bool = False
    role: str = "policy"
    critic: str = "policy"
    temperature: float | None = None

    factory: ClassVar[str] = "revise"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "rounds")
    keeps_line = True

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Round after round, the chains side by side."""
        # A fork, so that attempts at what has been through a chain before are new ones.
        chains = [[c.forked("revise", 0)] for c in pop]
        seen = [list(chain) for chain in chains]
        going = list(range(len(chains)))
        for _ in range(self.rounds):
            if self.critique is not None:
                going = await self._criticise(seen, going, ctx)
            going = await self._attempt(chains, seen, going, ctx)
            ctx.note(self._attempts(pop, chains))
            if not going:
                break
        return Population(self._attempts(pop, chains))

    def _attempts(self, pop: Population, chains: list[list[Candidate]]) -> tuple[Candidate, ...]:
        tried = [chain if len(chain) > 1 else [c] for c, chain in zip(pop, chains, strict=True)]
        return tuple(c for chain in tried for c in (chain[-1:] if self.last else chain))

    async def _criticise(self, seen: list[list[Candidate]], going: list[int], ctx: Context) -> list[int]:
        """Attach a critique to the latest attempt of each chain; the chains that go on."""
        assert self.critique is not None
        requests = []
        for c in (seen[i][-1] for i in going):
            text = self.critique.run(ctx.problem, (c,))
            requests.append(asked(text, c.key.fold("critique"), ctx, self.critic))
        on = []
        for i, request, drawn in zip(going, requests, await ctx.generate(requests, self.critic), strict=True):
            if drawn is None:
                continue
            c = seen[i][-1]
            steps = (*c.steps, step_of(drawn, "critique"))
            seen[i][-1] = replace(c, key=request.key, parent=c.key, steps=steps, done=True, answer=None)
            ctx.trace.add(seen[i][-1])
            if self.stop is None or not await holds(self.stop, Population((seen[i][-1],)), ctx):
                on.append(i)
        return on

    async def _attempt(
        self, chains: list[list[Candidate]], seen: list[list[Candidate]], going: list[int], ctx: Context
    ) -> list[int]:
        """A further attempt in each chain; the chains that got one."""
        sampling = heated(ctx, self.role, self.temperature)
        requests = []
        for i in going:
            text = self.prompt.run(ctx.problem, tuple(seen[i][-self.recent :]))
            start = chains[i][0].key.parent
            assert start is not None
            requests.append(asked(text, start.fold(len(chains[i])), ctx, self.role, sampling=sampling))
        on = []
        for i, request, drawn in zip(going, requests, await ctx.generate(requests, self.role), strict=True):
            if drawn is None:
                continue
            before, text = seen[i][-1], step_of(drawn)
            notes = tuple(s for s in before.steps if s.kind not in ("solution", "critique"))
            answer = ctx.answers.extract(text.text)
            child = replace(
                before, key=request.key, parent=before.key, steps=(*notes, text), done=True, answer=answer
            )
            ctx.trace.add(child)
            chains[i].append(child)
            seen[i].append(child)
            on.append(i)
        return on

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """Every chain to its full length, each prompt with ``recent`` attempts at their longest."""
        if not shape.count or not self.rounds:
            return ZERO, shape
        total, longest, noted = ZERO, shape.tokens, 0
        for done in range(self.rounds):
            if self.critique is not None:
                cost, noted = worst(ctx, self.critic, self.critique, 1, longest)
                total += cost.times(shape.count)
            cost, limit = worst(ctx, self.role, self.prompt, min(done + 1, self.recent), longest + noted)
            total += cost.times(shape.count)
            longest = max(longest, shape.tokens + limit)
        attempts = shape.count if self.last else shape.count * (1 + self.rounds)
        return total, replace(shape, count=attempts, tokens=longest)

    def own_needs(self) -> Needs:
        """Its roles."""
        return Needs(frozenset({(self.role, "")} | ({(self.critic, "")} if self.critique else set())))

    @cached_property
    def size(self) -> int:
        """One for every call of a chain."""
        return max(1, self.rounds * (1 if self.critique is None else 2))


@strategy
def revise(
    prompt: Ref | str,
    rounds: int = 1,
    *,
    recent: int = 4,
    critique: Ref | str | None = None,
    stop: Ref | str | None = None,
    last: bool = False,
    role: str = "policy",
    critic: str = "policy",
    temperature: float | None = None,
) -> Strategy:
    """Chains of attempts that see those before them. One unit of ``rounds`` costs a draw for every member,
    and with ``critique`` a second."""
    if temperature is not None:
        number(temperature, "revise(temperature=)", 0.0, 100.0)
    return Revise(
        Ref.of("prompt", prompt),
        count(rounds, "revise(rounds)"),
        count(recent, "revise(recent=)", 1),
        None if critique is None else Ref.of("prompt", critique),
        None if stop is None else Ref.of("predicate", stop),
        last,
        role,
        critic,
        temperature,
    )
