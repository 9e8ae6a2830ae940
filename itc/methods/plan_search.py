"""PlanSearch: search over combinations of observations about a problem, not over answers.

Wang et al. 2024, "Planning In Natural Language Improves LLM Search For Code Generation", arXiv 2409.03733,
section 4; https://github.com/scaleapi/plansearch. Observations are listed; each combination of at most two of
them gives rise to further ones; each combination of either is made a plan, and each plan an answer.
Deviations: one call lists observations, where theirs also reformats and filters the list; a plan leads to the
answer directly, without pseudocode; answers vote, or the best by a score is taken, where theirs run tests.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import annotate
from itc.stages.layers.layer_prompts import follow_plan, make_plan, observe
from itc.stages.layers.solve import solve
from itc.stages.layers.subsets import subsets
from itc.stages.score import score
from itc.stages.selection.select import top, vote


@strategy
def plan_search(
    size: int = 2, of: int = 3, most: int | None = None, by: str | None = None, agg: str | None = None
) -> Strategy:
    """Combinations of up to ``size`` of the first ``of`` observations (theirs: 10), at most ``most`` a list.

    With m combinations a list it costs 1 + m lists, and m + m² plans and answers: 120 draws as it stands.
    ``by`` takes the answer of highest score instead of a vote.
    """
    listed = annotate(observe, kind="observation") >> subsets(size, of, most)
    plans = listed >> (identity | listed) >> annotate(make_plan, kind="plan")
    solved = plans >> solve(follow_plan)
    return solved >> vote() if by is None else solved >> score(by, agg) >> top(1, by)
