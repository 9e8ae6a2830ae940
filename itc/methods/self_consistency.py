"""Self-consistency: draw n answers, return the most frequent one.

Wang et al. 2022, "Self-Consistency Improves Chain of Thought Reasoning in Language Models", arXiv
2203.11171.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.select import vote


@strategy
def self_consistency(n: int = 16, by: str | None = None, agg: str | None = None) -> Strategy:
    """One unit of ``n`` costs one whole draw; with ``by``, votes weigh that score, and it a rating more."""
    return sample(n) >> vote() if by is None else sample(n) >> score(by, agg) >> vote(by)
