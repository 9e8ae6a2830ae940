"""short-m@k: draw k answers side by side, stop once m have finished, vote among those m.

Hassid et al. 2025, "Don't Overthink it. Preferring Shorter Thinking Chains for Improved LLM Reasoning", arXiv
2505.17813: a tie goes to the answer of the shortest chain. Deviation: whole draws are timed, the answer after
the thought included, where theirs stops the others once m thoughts have ended.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.select import vote
from itc.stages.stopping.finish_first import finish_first


@strategy
def short_majority(k: int = 8, m: int = 3) -> Strategy:
    """One unit of ``k`` costs a draw, but beyond ``m`` of them only the tokens that the m-th shortest has."""
    # The shortest comes first, and a tied vote goes to the answer seen first.
    return finish_first(sample(k), m) >> vote()
