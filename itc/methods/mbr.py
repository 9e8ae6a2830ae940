"""Minimum Bayes risk decoding: return the draw that all others agree with most.

Kumar & Byrne 2004, "Minimum Bayes-Risk Decoding for Statistical Machine Translation", NAACL, equation 1, with
the draws themselves for the posterior; Bertsch et al. 2023, "It's MBR All the Way Down", arXiv 2310.01387,
for language models, where self-consistency is the case ``exact``. It needs no answer to vote on: with ``f1``
and ``edit`` it chooses among free texts. Deviations: a draw is not compared with itself, which changes no
order.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.mbr import least_risk


@strategy
def mbr(n: int = 16, utility: str = "f1") -> Strategy:
    """One unit of ``n`` costs one whole draw. ``utility`` is exact (answers), f1 or edit (words)."""
    return sample(n) >> least_risk(utility)
