"""Budget forcing: a thought is cut at its budget, or lengthened with "Wait" where the model would end it.

Muennighoff et al. 2025, "s1: Simple test-time scaling", arXiv 2501.19393; official code
https://github.com/simplescaling/s1. All pieces of the thought share one budget, as there. Deviations: the
delimiters of the thought are parameters, and what follows the thought is an answer of its own budget.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.draws.thoughts import opened, thinking
from itc.stages.draws.write import write
from itc.stages.selection.select import vote


@strategy
def budget_forcing(
    thinking_tokens: int = 4096,
    solution_tokens: int = 1024,
    waits: int = 1,
    wait: str = "Wait",
    n: int = 1,
    open: str = "<think>\n",  # noqa: A002
    close: str = "\n</think>\n\n",
) -> Strategy:
    """One unit of ``n`` costs a thought and an answer; one of ``waits`` a draw more in the same budget.

    ``wait`` is written where the model ended its thought, up to ``waits`` times. An ``open`` of "" is for
    servers that open the thought themselves.
    """
    think = thinking(thinking_tokens, close)
    longer = (write(wait, kind="thought", after="eos") >> think) ** count(waits, "budget_forcing(waits)")
    chain = opened(think >> longer, open, close) >> sample(max_tokens=solution_tokens)
    return chain * count(n, "budget_forcing(n)", 1) >> vote()
