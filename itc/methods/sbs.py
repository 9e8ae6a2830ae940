"""Step-level beam search.

Chen et al. 2024, "AlphaMath Almost Zero", arXiv 2405.03553, section 3.3 (SBS); as run by
https://github.com/MARIO-Math-Reasoning/Super_MARIO (step_beam.py): one root, and a finished path among the
best retires with its place. Deviations: the value is any scorer's, not a head of the policy; finished paths
that were not among the best of their level stay candidates for the answer.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.frontiers.by_level import by_level
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import top, vote


@strategy
def sbs(
    b1: int = 3,
    b2: int = 5,
    by: str = "prm",
    agg: str = "last",
    rounds: int = 40,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """Of each level the ``b1`` best paths are expanded by ``b2`` steps each, for at most ``rounds`` levels.

    A level costs ``b1`` × ``b2`` steps' draws and ratings, the first of them ``b2``. ``weighted`` votes among
    the finished instead of taking the best.
    """
    expand = step(b2, at=at) >> merge() >> score(by, agg)
    level = by_level(by=by, keep=count(b1, "sbs(b1)", 1), rounds=count(rounds, "sbs(rounds)", 1))
    return search(expand, level, at_most=b1 * rounds, width=b1) >> (vote(by) if weighted else top(1, by))
