"""Notes: the critiques, plans, observations and thoughts beside an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, get_args

from itc.algebra.context import Context
from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, one_of
from itc.stages.selection.select import Selector
from itc.types import Candidate, Kind, Population

KINDS = tuple(kind for kind in get_args(Kind) if kind != "solution")


def last_note(c: Candidate) -> str | None:
    """The text of the last step, where that is a note; None where it is part of the answer, or nothing is."""
    return c.steps[-1].text if c.steps and c.steps[-1].kind != "solution" else None


@dataclass(frozen=True)
class Forget(Selector):
    """Candidates without their notes, or those of one kind; the answer is read again from what remains.

    Scores stay: a note may have been asked for only to give one.
    """

    kind: str | None = None

    factory: ClassVar[str] = "forget"
    positional: ClassVar[tuple[str, ...]] = ("kind",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """Without them."""
        return pop.map(lambda c: self._bare(c, ctx))

    def _bare(self, c: Candidate, ctx: Context) -> Candidate:
        kept = tuple(s for s in c.steps if s.kind == "solution" or self.kind not in (None, s.kind))
        if len(kept) == len(c.steps):
            return c
        answers = c.done and kept and kept[-1].kind == "solution"
        text = "".join(s.text for s in kept if s.kind == "solution")
        return replace(c, steps=kept, answer=ctx.answers.extract(text) if answers else None)


@strategy
def forget(kind: str | None = None) -> Strategy:
    """Drop all notes (critiques, plans …) or those of one kind, and read the answer again."""
    return Forget(None if kind is None else one_of(kind, "forget(kind)", *KINDS))
