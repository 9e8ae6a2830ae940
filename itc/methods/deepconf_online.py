"""DeepConf, online: draws are stopped where the model grows unsure, and all of them once the votes agree.

Fu et al. 2025, "Deep Think with Confidence", arXiv 2508.15260, algorithm 2; official code
https://github.com/facebookresearch/deepconf, which has the bar, the cut and the weights, and leaves out the
consensus. Deviations: votes are counted after every ``every`` draws, made side by side, and the first draws
below the bar count there too, though not in the last vote; the draw that crosses the bar is cut there, where
theirs is made to end by itself. Of the consensus only a summary was read.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.select import vote
from itc.stages.stopping.online import online


@strategy
def deepconf_online(
    n: int = 64,
    warmup: int = 16,
    keep: float = 0.9,
    window: int = 2048,
    share: float = 0.95,
    every: int = 8,
    k: int = 20,
) -> Strategy:
    """One unit of ``n`` costs at most one whole draw; the first ``warmup`` are whole, and set the bar.

    Confidence is over the ``k`` likeliest tokens.
    """
    drawn = online(sample(n, confidence=k), warmup, keep, window, share, every)
    return drawn >> vote("confidence")
