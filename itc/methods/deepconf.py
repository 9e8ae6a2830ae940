"""DeepConf, offline: drop the answers of which the model was least sure, weigh the votes of the rest.

Fu et al. 2025, "Deep Think with Confidence", arXiv 2508.15260; official code
https://github.com/facebookresearch/deepconf, whose quantile and measures these are: ``keep`` is 0.1 in its
DeepConf-low, 0.9 in -high. Deviation: equal answers are those that the task calls equal, not equal texts.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.confident import confident
from itc.stages.selection.select import vote


@strategy
def deepconf(
    n: int = 64, keep: float = 0.9, measure: str = "bottom", window: int = 2048, k: int = 20
) -> Strategy:
    """One unit of ``n`` costs one whole draw. Confidence is over the ``k`` likeliest tokens."""
    return sample(n, confidence=k) >> confident(keep, measure, window) >> vote("confidence")
