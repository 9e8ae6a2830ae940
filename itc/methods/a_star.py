"""A*-decoding: expand the path of least f = g + h, where a step costs what it gains and h is what is missing.

Chatziveroglou 2025, "A*-Decoding: Token-Efficient Inference Scaling", arXiv 2505.13672. Reconstructed, as
there is no official code: h(s) = 1 − v(s) with v the rating of the last step, c(s, s′) = max(0, v(s′) −
v(s)). Then f is 1 − v of the first step plus all later drops of v, and never falls along a path. Deviation:
the search is over once ``enough`` finished paths have the least f of all, where the paper spends the whole
budget: with 1, no path that is still open could become better by f, so the answer is the same.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.frontiers.best_first import by_drops
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import first, vote


@strategy
def a_star(
    m: int = 4,
    by: str = "prm",
    at_most: int = 64,
    enough: int = 1,
    width: int = 1,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """Up to ``at_most`` times, the path of least f is expanded by ``m`` steps.

    One unit of ``at_most`` costs ``m`` steps' draws and ratings. ``width`` paths are expanded side by side,
    which is quicker and may expand some that one after another would not. ``weighted`` votes among the
    finished, of which a larger ``enough`` makes more, instead of taking that of least f.
    """
    expand = step(m, at=at) >> merge() >> score(by, "last")
    order = by_drops(by=by, enough=count(enough, "a_star(enough)", 1))
    return search(expand, order, at_most, width) >> (vote(by) if weighted else first())
