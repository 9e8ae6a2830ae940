"""How hard a problem is, as far as a few draws tell; and routers that go by it."""

from __future__ import annotations

import math
from bisect import bisect_right

from itc.algebra.context import Context
from itc.algebra.registry import router
from itc.errors import ConfigError
from itc.stages.selection.select import rank
from itc.types import Population


async def agreement(pop: Population, ctx: Context) -> float:
    """The share of the members, in [0,1], that give the most frequent answer; no answer agrees with none."""
    answers = [c.answer for c in pop if c.answer is not None]
    if not answers:
        return 0.0
    classes = list(await ctx.answers.classes(answers))
    return max(map(classes.count, set(classes))) / len(pop)


async def ease(pop: Population, ctx: Context, by: str | None) -> float:
    """The mean score ``by`` of the members in [0,1], the unscored counting 0; without it their agreement."""
    if by is None:
        return await agreement(pop, ctx)
    return math.fsum(max(0.0, rank(c, by)) for c in pop) / max(1, len(pop))


def edges_of(text: str) -> tuple[float, ...]:
    """Ascending numbers in [0,1], apart by spaces. ConfigError for anything else."""
    try:
        found = tuple(float(x) for x in text.split())
    except (AttributeError, ValueError):
        found = (math.nan,)
    if not all(0 <= x <= 1 for x in found) or list(found) != sorted(set(found)):
        raise ConfigError(f"edges={text!r}: expected ascending numbers in [0, 1], as '0.4 0.7'.")
    return found


@router
async def difficulty(pop: Population, ctx: Context, by: str | None = None, edges: str = "0.5") -> str:
    """The bin of the members' mean score ``by``, or without it of their agreement.

    ``bin0``, the hardest, lies below the first of the ``edges``; ``bin1`` begins there, and so forth.
    """
    return f"bin{bisect_right(edges_of(edges), await ease(pop, ctx, by))}"


@router
async def certain(pop: Population, ctx: Context, by: str | None = None, at_least: float = 0.7) -> str:
    """``sure`` where some member has the score ``by``, or without it so great a share of the members agree;
    else ``unsure``."""
    if by is None:
        return "sure" if await agreement(pop, ctx) >= at_least else "unsure"
    return "sure" if any(rank(c, by) >= at_least for c in pop) else "unsure"
