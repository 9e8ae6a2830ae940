"""Text that is given, not drawn: the opening of a thought, the word that lengthens it, its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, cast, get_args

from itc.algebra.context import BYTES_PER_TOKEN, Context, Shape
from itc.algebra.local import Local
from itc.algebra.registry import strategy
from itc.algebra.strategy import Needs, Stage, Strategy, one_of
from itc.budget.cost import ZERO, Cost
from itc.errors import ConfigError
from itc.types import Candidate, Finish, Kind, Population, Step


@dataclass(frozen=True)
class Write(Stage, Local):
    """Appends a text to every unfinished candidate, as a step of no tokens.

    It costs nothing itself: later draws send it as part of their prompt and pay for it there. It has no token
    ids, so what is drawn after it is continued by text.
    """

    written: str
    kind: str = "solution"
    reopen: bool = False
    after: str | None = None

    factory: ClassVar[str] = "write"
    positional: ClassVar[tuple[str, ...]] = ("written",)

    async def __call__(self, pop: Population, ctx: Context) -> Population:
        """A child in place of each, in the same order."""
        return pop.map(lambda c: self._written(c, ctx) if self._concerns(c) else c)

    def _concerns(self, c: Candidate) -> bool:
        return (self.reopen or not c.done) and (self.after is None or c.finish == self.after)

    def _written(self, c: Candidate, ctx: Context) -> Candidate:
        piece = Step(self.written, kind=cast(Kind, self.kind), finish="step")
        key = c.key.fold("write")
        child = replace(c, key=key, parent=c.key, steps=(*c.steps, piece), done=False, answer=None)
        ctx.trace.add(child)
        return child

    def bound(self, shape: Shape, ctx: Context) -> tuple[Cost, Shape]:  # noqa: ARG002
        """Free; it lengthens what later draws send by its UTF-8 bytes."""
        longer = math.ceil(len(self.written.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN)
        live = shape.count if self.reopen else shape.live
        if not live:
            return ZERO, shape
        return ZERO, replace(shape, live=live, tokens=shape.tokens + longer, apart=shape.apart + longer)

    def own_needs(self) -> Needs:
        """A policy that goes on from a given text."""
        return Needs(frozenset({("policy", "continue")}))


@strategy
def write(
    written: str, *, kind: str = "solution", reopen: bool = False, after: str | None = None
) -> Strategy:
    """Append ``written`` to every unfinished candidate. Free; later draws pay for it in prompt tokens.

    Args:
        written: the text, as ``write("Wait", kind="thought")``.
        kind: what it is part of: ``solution``, ``thought``, ``plan``, ``critique`` or ``observation``.
        reopen: whether finished candidates get it too, and are unfinished then.
        after: how the last step must have ended, for a candidate to get it: ``eos`` where the model ended by
            itself, ``length`` at the token limit, ``step``, ``cut``, or ``open`` where there is no step yet;
            None: however it did.

    ConfigError for an empty text, an unknown kind or an unknown ending.
    """
    if not isinstance(written, str) or not written:
        raise ConfigError(f"write(written): expected a text, got {written!r}.")
    one_of(kind, "write(kind=)", *get_args(Kind))
    if after is not None:
        one_of(after, "write(after=)", *get_args(Finish))
    return Write(written, kind, reopen, after)
