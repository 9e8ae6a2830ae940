"""Adaptive-branching Monte Carlo tree search: at every answer, draw whether to try anew or to refine.

Inoue et al. 2025, "Wider or Deeper?", arXiv 2503.04412, AB-MCTS-A; as run by
https://github.com/SakanaAI/treequest (ab_mcts_a). Thompson sampling from the root down: the arm of new
children against the arm of those there are, and among these the one whose draw is highest. Deviation:
refinements that are under way count as rewards of 0 until they are rated (virtual loss), where the original
asks a batch blindly.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, count, one_of
from itc.frontiers.ab_mcts import PRIORS, thompson
from itc.stages.draws.extend import rewrite
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.select import top
from itc.types import Candidate, Problem


@prompt
def answer_or_improve(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """The problem itself where there is no answer yet, else a request for a better one."""
    answer = "".join(c.text for c in candidates)
    if not answer:
        return problem.prompt
    return f"{problem.prompt}\n\nAn earlier answer:\n{answer}\n\nWrite a better one, in full:\n"


@strategy
def ab_mcts(
    n: int = 16,
    by: str = "prm",
    agg: str | None = "last",
    prior: str = "gaussian",
    width: int = 1,
) -> Strategy:
    """n answers, each new or a rewriting of another, ``width`` of them made side by side.

    One unit of ``n`` costs one whole draw and one rating. ``prior`` is gaussian (with inverse-χ² variance) or
    beta.
    """
    order = thompson(by=by, prior=one_of(prior, "ab_mcts(prior=)", *PRIORS))
    answer = rewrite(answer_or_improve) >> score(by, agg)
    return search(answer, order, count(n, "ab_mcts(n)", 1), width) >> top(1, by)
