"""NoThinking: the thought is given, and says that it is over; answers are drawn side by side.

Ma et al. 2025, "Reasoning Models Can Be Effective Without Thinking", arXiv 2504.09858. Theirs selects among
the answers by a verifier of the task, else by confidence or by vote; here it is a vote, or a scorer's.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.draws.write import write
from itc.stages.score import score
from itc.stages.selection.select import vote


@strategy
def no_thinking(
    n: int = 16,
    solution_tokens: int | None = None,
    by: str | None = None,
    agg: str | None = None,
    thought: str = "<think>\nOkay, I think I have finished thinking.\n</think>\n\n",
) -> Strategy:
    """One unit of ``n`` costs one answer; with ``by``, votes weigh that score, and it costs a rating more.

    ``thought`` is what the model finds written, delimiters included.
    """
    drawn = write(thought, kind="thought") >> sample(n, max_tokens=solution_tokens)
    return drawn >> vote() if by is None else drawn >> score(by, agg) >> vote(by)
