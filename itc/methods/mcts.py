"""Monte Carlo tree search over steps, with the PUCT rule.

Silver et al. 2018 (AlphaZero); over steps of a language model with a value model in place of rollouts, Chen
et al. 2024, "AlphaMath Almost Zero", arXiv 2405.03553, as run by
https://github.com/MARIO-Math-Reasoning/Super_MARIO (mcts.py, with update_leaf_value). A simulation descends
by Q + [log((N_p + c_base + 1) / c_base) + c_init] √N_p / (1 + N) · P to a leaf, which is expanded by ``m``
steps; their ratings go up. Deviations: the value is any scorer's, not a head of the policy; a finished leaf
may be visited again, which costs nothing, where theirs is passed by; the best finished path by score is
returned.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count, number, one_of
from itc.frontiers.puct import PRIORS, puct
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import top, vote


@strategy
def mcts(
    sims: int = 40,
    m: int = 5,
    by: str = "prm",
    agg: str = "last",
    c_base: float = 19652.0,
    c_init: float = 1.25,
    prior: str = "uniform",
    width: int = 1,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """``sims`` simulations, ``width`` of them side by side under virtual loss.

    One unit of ``sims`` costs ``m`` steps' draws and ratings, or nothing where it reaches a finished path.
    ``prior`` P is uniform or, by likelihood, in proportion to exp of the mean log-probability of a step's
    tokens. ``weighted`` votes among the finished instead of taking the best.
    """
    expand = step(m, at=at) >> merge() >> score(by, agg)
    order = puct(
        by=by,
        sims=count(sims, "mcts(sims)", 1),
        c_base=number(c_base, "mcts(c_base=)", 1.0, 1e9),
        c_init=number(c_init, "mcts(c_init=)", 0.0, 1e6),
        prior=one_of(prior, "mcts(prior=)", *PRIORS),
    )
    return search(expand, order, sims, width) >> (vote(by) if weighted else top(1, by))
