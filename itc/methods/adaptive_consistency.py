"""Adaptive-Consistency: draw answers until the most frequent one is unlikely to be overtaken.

Aggarwal et al. 2023, "Let's Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding with
LLMs", arXiv 2305.11860, with its Beta criterion; official code https://github.com/Pranjal2041/AdaptiveConsistency.
Deviation: a draw without an answer is no vote.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.select import vote
from itc.stages.stopping.enough import enough
from itc.stages.stopping.stops import adaptive


@strategy
def adaptive_consistency(
    at_most: int = 40, threshold: float = 0.95, every: int = 1, ahead: int = 0
) -> Strategy:
    """One unit of ``at_most`` costs at most one whole draw: those of ``self_consistency(at_most)``, up to
    where the leader is likelier than the next with probability ``threshold``.

    That is asked after every ``every`` draws, made side by side; ``ahead`` are begun before it is known.
    """
    return enough(sample(at_most), adaptive(threshold=threshold), every, ahead) >> vote()
