"""RPC, reasoning-pruning perplexity consistency: drop improbable draws, then add up probabilities by answer.

Zhou et al. 2025, "A Theoretical Study on Bridging Internal Probability and Self-Consistency for LLM
Reasoning", arXiv 2502.00511; code https://github.com/WNJXYK/RPC. The probabilities of draws are fitted by a
mixture of two Weibull distributions; draws of its lower part below the mean are dropped; an answer's
confidence is the sum of the probabilities of its distinct draws. What that code exponentiates is called
``mean_logprob`` in the data it reads, so probabilities are geometric means of token probabilities here;
``by=likelihood`` takes those of whole draws, which is how the paper's formulas read. Deviations: the mixture
is fitted by expectation and maximisation where the code uses a numerical minimiser, from the same start and
within the same bounds of the share; draws of one text count once, whatever their probabilities; ties go to
the answer seen first.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.prune import prune
from itc.stages.selection.select import distinct, vote


@strategy
def rpc(n: int = 16, by: str = "normalized_likelihood") -> Strategy:
    """One unit of ``n`` costs one whole draw with its log-probabilities."""
    return sample(n) >> score(by) >> prune(by) >> distinct() >> vote(by)
