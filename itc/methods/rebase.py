"""REBASE: reward-balanced search, a beam whose width is shared in proportion to reward.

Wu et al. 2024, "Inference Scaling Laws", arXiv 2408.00724, section 3.2; as run by
https://github.com/thu-wyz/inference_scaling (rebase.py): from the best path on, W_i = ⌈B e^{R_i/T} / Σ
e^{R_j/T}⌉ of the places left, and every path that finishes takes one place off. Deviation: it stops when all
are finished or after ``rounds`` steps, not at a length of its own.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.allocate import allocate
from itc.stages.selection.finished import finished
from itc.stages.selection.select import done, top, vote


@strategy
def rebase(
    n: int = 16,
    by: str = "prm",
    agg: str = "last",
    rounds: int = 40,
    temperature: float = 0.2,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """n steps are drawn a round, one less for every path that has finished, for at most ``rounds``.

    One unit of ``n`` costs one step's draw and rating a round until one of them finishes. ``temperature`` is
    that of the shares: at 0 the best path gets all, at ∞ all get the same. ``weighted`` votes among the
    finished instead of taking the best.
    """
    grow = allocate(n, by, temperature=temperature) >> step(at=at) >> score(by, agg)
    return grow.until(done, rounds) >> finished() >> (vote(by) if weighted else top(1, by))
