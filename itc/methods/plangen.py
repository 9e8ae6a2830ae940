"""PlanGEN: constraints first, answers verified against them, and an algorithm chosen by how it does.

Parmar et al. 2025, "PlanGEN: A Multi-Agent Framework for Generating Planning and Reasoning Trajectories for
Complex Problem Solving", arXiv 2502.16111. One agent lists what an answer must satisfy, one grades answers by
that from −100 to 100, and one picks by UCB which algorithm writes the next, until a grade is high enough.
Their index, as far as remembered and not verified, is R/N + √(2 ln(T + 1)/N) + a prior + α/(N + 1) + a bonus
for recovery. Deviations: no prior and no recovery; grades go from 0 to 10; the algorithms are best-of-N and
refinement by feedback, and others (their tree of thoughts, REBASE) are arms of `bandit` in an expression.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import annotate
from itc.stages.judges.judge import judge
from itc.stages.layers.layer_prompts import (
    constrain,
    find_violations,
    grade_by_constraints,
    mend_violations,
    satisfy,
)
from itc.stages.layers.revise import revise
from itc.stages.layers.solve import solve
from itc.stages.routing.bandit import bandit
from itc.stages.selection.select import top


@strategy
def plangen(
    runs: int = 4, n: int = 4, refinements: int = 2, enough: float = 0.95, verifier: str = "policy"
) -> Strategy:
    """``runs`` of the arms ``wide``, the best of ``n`` answers, and ``deep``, one refined ``refinements``
    times, until the ``verifier`` grades one ``enough``. A run of ``wide`` costs 2 ``n`` draws."""
    rate = judge(grade_by_constraints, reading="grade", role=verifier, by="grade")
    refine = revise(
        mend_violations, refinements, recent=1, critique=find_violations, last=True, critic=verifier
    )
    wide, deep = solve(satisfy, n) >> rate, solve(satisfy) >> refine >> rate
    algorithms = bandit("grade", runs, enough=enough, variety=0.5, wide=wide, deep=deep)
    return annotate(constrain, kind="thought") >> algorithms >> top(1, "grade")
