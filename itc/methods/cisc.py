"""Confidence-informed self-consistency: the model says how sure it is of each answer, and votes weigh as
much.

Taubenfeld et al. 2025, "Confidence Improves Self-Consistency in LLMs", arXiv 2502.06233: votes weigh
softmax(c / T) over the n answers, c = P(True) of Kadavath et al. 2022, arXiv 2207.05221: the model's
probability that its own answer is right, read off one token. T is the paper's only parameter and was tuned
for each model. Deviations: it is asked for Yes or No about the question and the solution in a prompt of its
own, where theirs goes on from the solution's own context; equal solutions are asked about once.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.judges.judge import judge
from itc.stages.judges.judge_prompts import is_correct
from itc.stages.selection.select import vote
from itc.stages.selection.temper import temper


@strategy
def cisc(
    n: int = 16,
    t: float = 1.0,
    prompt: Ref | str = is_correct.name,
    reading: str = "p_yes",
    role: str = "policy",
    max_tokens: int | None = 1,
) -> Strategy:
    """One unit of ``n`` costs one whole draw and one token of confidence.

    ``t`` is the temperature of the softmax: as it grows this becomes self-consistency, as it falls best-of-N
    by confidence. With ``reading=grade`` and more ``max_tokens`` the model states its confidence in words.
    """
    sure = judge(prompt, 1, reading, role=role, by="p_true", max_tokens=max_tokens)
    return sample(n) >> sure >> temper("p_true", t) >> vote("p_true")
