"""Voting by the policy's own probabilities: a draw counts as much as the model believes in it.

Wang et al. 2022, arXiv 2203.11171, section 3.1, "weighted sum (normalized)": equal answers add up the
geometric mean of their token probabilities, exp(mean log p), which is 1 over the perplexity. Without
``weighted`` the single draw of lowest perplexity is returned. With ``by=likelihood`` whole probabilities are
taken instead, the paper's "unnormalized", which short draws win.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.select import top, vote


@strategy
def likelihood_vote(n: int = 16, by: str = "normalized_likelihood", weighted: bool = True) -> Strategy:
    """One unit of ``n`` costs one whole draw with its log-probabilities."""
    return sample(n) >> score(by) >> (vote(by) if weighted else top(1, by))
