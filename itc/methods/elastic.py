"""Elastic reasoning: separate budgets for the thought and for the solution, so that an answer follows.

Xu et al. 2025, "Scalable Chain of Thoughts via Elastic Reasoning", arXiv 2505.05315: where the thought has
used up its budget it is closed, and the solution has its own. Their training of models for such cuts is not
part of this. Written from the abstract and reviews.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.draws.thoughts import opened, thinking
from itc.stages.selection.select import vote


@strategy
def elastic(
    thinking_tokens: int = 1024,
    solution_tokens: int = 1024,
    n: int = 1,
    open: str = "<think>\n",  # noqa: A002
    close: str = "\n</think>\n\n",
) -> Strategy:
    """One unit of ``n`` costs a thought of at most ``thinking_tokens`` and an answer of ``solution_tokens``.

    An ``open`` of "" is for servers that open the thought themselves.
    """
    chain = opened(thinking(thinking_tokens, close), open, close) >> sample(max_tokens=solution_tokens)
    return chain * count(n, "elastic(n)", 1) >> vote()
