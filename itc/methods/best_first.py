"""Greedy best-first search over steps: always expand the path with the highest score.

Pearl 1984, "Heuristics", chapter 2; over steps of a language model, Koh et al. 2024, "Tree Search for
Language Model Agents", arXiv 2407.01476. Deviation: the search is over once ``enough`` finished paths had the
highest score of all that was left, where Koh et al. stop at a threshold.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.frontiers.best_first import by_score
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import first, vote


@strategy
def best_first(
    m: int = 4,
    by: str = "prm",
    agg: str = "last",
    at_most: int = 64,
    enough: int = 1,
    width: int = 1,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """Up to ``at_most`` times, the path with the highest score is expanded by ``m`` steps.

    One unit of ``at_most`` costs ``m`` steps' draws and ratings. ``width`` paths are expanded side by side,
    which is quicker and may expand some that one after another would not. ``weighted`` votes among the
    finished, of which a larger ``enough`` makes more, instead of taking the best.
    """
    expand = step(m, at=at) >> merge() >> score(by, agg)
    order = by_score(by=by, enough=count(enough, "best_first(enough)", 1))
    return search(expand, order, at_most, width) >> (vote(by) if weighted else first())
