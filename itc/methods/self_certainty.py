"""Self-certainty: draws rank themselves by how far from chance the model chose, and ranks vote.

Kang, Zhao & Song 2025, "Scalable Best-of-N Selection for Large Language Models via Self-Certainty", arXiv
2502.18581, equation 11; code https://github.com/backprop07/Self-Certainty. The r-th most certain of n draws
has (n − r + 1)^power votes; 0.5 is that code's default. The paper's choice of the power for each n was not
verified. Without ``weighted`` the most certain draw is returned. Deviations: answers are equal by the task's
rule, not as text; ties go to the answer seen first; without ``weighted`` a draw without an answer may win.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.borda import borda_vote
from itc.stages.selection.select import top


@strategy
def self_certainty(n: int = 16, power: float = 0.5, weighted: bool = True) -> Strategy:
    """One unit of ``n`` costs one whole draw with the log-probabilities of the whole vocabulary."""
    chosen = borda_vote("certainty", power) if weighted else top(1, "certainty")
    return sample(n, confidence=-1) >> score("certainty") >> chosen
