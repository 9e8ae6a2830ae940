"""TrimR: a small verifier ends a thought whose passages have begun to repeat the same answer.

Lin et al. 2025, "TrimR: Verifier-based Training-Free Thinking Compression for Efficient Test-Time Scaling",
arXiv 2505.17155. Reconstructed from the abstract and summaries, for there is no official code: a thought is
drawn passage by passage, each up to a word that takes it up anew; the verifier is asked whether the last two
come to one answer. Deviations: a passage ends the thought at once, without a prompt that asks the model to
conclude; thoughts that never converge are cut by their budget and by ``passages``; repetition is not looked
for.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample, step
from itc.stages.draws.splitters import At
from itc.stages.draws.thoughts import opened, reflection, thought
from itc.stages.selection.select import vote
from itc.stages.stopping.trim import settled, trim


@strategy
def trimr(
    thinking_tokens: int = 4096,
    solution_tokens: int = 1024,
    passages: int = 16,
    n: int = 1,
    prompt: Ref | str = settled.name,
    role: str = "judge",
    at: At = reflection.name,
    open: str = "<think>\n",  # noqa: A002
    close: str = "\n</think>\n\n",
) -> Strategy:
    """One unit of ``n`` costs a thought of at most ``passages`` draws, a question about each, and an answer.

    ``at`` says where a passage ends: a splitter, a delimiter, or a number of tokens.
    """
    passage = step(at=at, stop=close.strip(), kind="thought", max_tokens=thinking_tokens)
    think = (passage >> trim(prompt, role=role, max_tokens=8)).until(
        thought, count(passages, "trimr(passages)", 1)
    )
    chain = opened(think, open, close) >> sample(max_tokens=solution_tokens)
    return chain * count(n, "trimr(n)", 1) >> vote()
