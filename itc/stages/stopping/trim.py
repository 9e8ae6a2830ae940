"""A verifier that ends a thought once it goes round in circles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref, prompt, strategy
from itc.algebra.strategy import Strategy
from itc.budget.cost import Cost
from itc.stages.judges.asking import Asking, asking, noted
from itc.stages.judges.verdicts import reading_named
from itc.types import Candidate, Population, Problem

NAME = "trim"


@prompt
def settled(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks whether two passages of a thought come to the same answer; read by verdict."""
    passages = [s.text.strip() for c in candidates for s in c.steps if s.kind == "thought"][-2:]
    shown = "\n\n".join(f"Passage {i}:\n{text}" for i, text in enumerate(passages, 1))
    return (
        f"Problem:\n{problem.question}\n\nTwo passages of someone's reasoning about it:\n\n{shown}\n\n"
        "Does each of them arrive at an answer to the problem, and is it the same answer in both? Reply with "
        "one word, Yes or No.\n"
    )


@dataclass(frozen=True)
class Trim(Asking):
    """Ends the thought of every candidate whose last two passages a verifier finds to agree.

    It is asked about every passage once, from the second on. The thought is over where its reply is read as
    at least ``above``: it counts as ended by itself, so that nothing more of it is drawn. An unreadable or
    refused reply ends nothing. The verifier sees thoughts, the question and nothing else.
    """

    by: str = NAME
    reading: str = "verdict"
    above: float = 0.5

    factory: ClassVar[str] = "trim"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "reading")

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """The same candidates, some with an end to their thought."""
        due = [c for c in pop if _due(c)]
        read = reading_named(self.reading)
        requests = [self.request((c,), c.key.fold(NAME), ctx, read.alternatives) for c in due]
        value: dict[object, float] = {}
        for c, request, reply in zip(due, requests, await ctx.generate(requests, self.role), strict=True):
            if reply is not None:
                said = read(reply)
                self.note(ctx, request, reply, noted(said))
                value[c.key] = 0.0 if said is None else said
        return pop.map(lambda c: self._marked(c, value[c.key], ctx) if c.key in value else c)

    def _marked(self, c: Candidate, value: float, ctx: Context) -> Candidate:
        last = replace(c.steps[-1], scores=((NAME, value),))
        if value >= self.above:
            last = replace(last, finish="eos")
        marked = replace(c, steps=(*c.steps[:-1], last))
        ctx.trace.add(marked)
        return marked

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:
        """A question about every unfinished candidate."""
        return self.reply_cost(1, shape.tokens, ctx).times(shape.live), shape


def _due(c: Candidate) -> bool:
    passages = [s for s in c.steps if s.kind == "thought" and s.tokens]
    if c.done or len(passages) < 2 or c.steps[-1] is not passages[-1]:
        return False
    return c.finish != "eos" and all(name != NAME for name, _ in c.steps[-1].scores)


@strategy
def trim(
    prompt: Ref | str = settled.name,
    reading: str = "verdict",
    *,
    role: str = "judge",
    above: float = 0.5,
    max_tokens: int | None = None,
) -> Strategy:
    """Ask ``role`` about the last two passages of every thought, and end those that it finds to agree.

    One reply for each candidate whose thought has a new passage. ``reading`` says how it becomes a number.
    """
    reading_named(reading)
    options = asking("trim", prompt, 1, role=role, by=NAME, temperature=None, max_tokens=max_tokens)
    return Trim(**options, reading=reading, above=above)
