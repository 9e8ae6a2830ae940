"""Best-of-N: draw n answers, return the one a scorer likes best.

Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems", arXiv 2110.14168, section 4.2. With
``weighted``, the scores of equal answers are added first (Li et al. 2023, arXiv 2206.02336).
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.select import top, vote


@strategy
def best_of_n(n: int = 16, by: str = "prm", agg: str | None = "last", weighted: bool = False) -> Strategy:
    """One unit of ``n`` costs one whole draw and one rating.

    ``agg`` says how step scores of ``by`` become one; None for a scorer that gives one score.
    """
    select = vote(by) if weighted else top(1, by)
    return sample(n) >> score(by, agg) >> select
