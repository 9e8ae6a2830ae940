"""Early-stopping self-consistency: draw in windows, stop when a whole window agrees.

Li et al. 2024, "Escape Sky-high Cost: Early-Stopping Self-Consistency for Multi-step Reasoning", arXiv
2401.10480; official code https://github.com/Yiwei98/ESC. As there, the answer on which a window agrees is
returned; where none does, the most frequent of all. Deviations: draws without an answer neither agree nor
vote, and the last window is shorter where ``window`` does not divide ``at_most``.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.select import vote
from itc.stages.stopping.enough import enough
from itc.stages.stopping.stops import agreed, unanimous


@strategy
def esc(at_most: int = 40, window: int = 5) -> Strategy:
    """One unit of ``at_most`` costs at most one whole draw: those of ``self_consistency(at_most)``, up to the
    end of the first window that agrees."""
    drawn = enough(sample(at_most), unanimous(last=window), window)
    return drawn >> agreed(window) >> vote()
