"""Tree of thoughts: breadth first, keeping the best states of each level, or depth first with pruning.

Yao et al. 2023, "Tree of Thoughts: Deliberate Problem Solving with Large Language Models", arXiv 2305.10601,
algorithms 1 and 2; https://github.com/princeton-nlp/tree-of-thought-llm. A thought is a step, drawn on its
own (their "sample" generator); its value is the score ``by``, meant to be a judge's. Deviations: a level or a
path ends where the model ends it, not after a fixed number of thoughts, so a finished state keeps its place
in the level; depth first ends at the first finished state that passes the bar, where theirs goes on to its
limit of steps.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count, number, one_of
from itc.frontiers.by_level import by_level
from itc.frontiers.depth_first import depth_first
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import top

ORDERS = ("breadth", "depth")


@strategy
def tree_of_thoughts(
    k: int = 5,
    b: int = 5,
    by: str = "prm",
    agg: str | None = "last",
    order: str = "breadth",
    above: float = 0.0,
    at_most: int = 100,
    at: At = None,
) -> Strategy:
    """Up to ``at_most`` states are expanded by ``k`` thoughts each, and none scored below ``above``.

    In ``breadth`` the ``b`` best of each level are expanded side by side; in ``depth`` the ``b`` best
    children of a state one after another, the best first. One unit of ``at_most`` costs ``k`` steps' draws
    and ratings.
    """
    above, b = number(above, "tree_of_thoughts(above=)", 0.0, 1.0), count(b, "tree_of_thoughts(b)", 1)
    expand = step(k, at=at) >> merge() >> score(by, agg)
    if one_of(order, "tree_of_thoughts(order=)", *ORDERS) == "breadth":
        levels = by_level(by=by, keep=b, rounds=at_most, above=above)
        return search(expand, levels, at_most, width=b) >> top(1, by)
    return search(expand, depth_first(by=by, above=above, keep=b), at_most) >> top(1, by)
