"""First-finish search: draw n answers side by side, return the first to finish, stop the others.

Agarwal, Sengupta & Chakraborty 2025, "First Finish Search: Efficient Test-Time Scaling in Large Language
Models", arXiv 2505.18149, in its synchronous form: the first to finish is the one with the fewest tokens.
Written from the abstract and reviews of it; no official code was found.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.stopping.finish_first import finish_first


@strategy
def first_finish(n: int = 8) -> Strategy:
    """One unit of ``n`` costs a draw, but for one of them only as many tokens as the shortest has."""
    return finish_first(sample(n), 1)
