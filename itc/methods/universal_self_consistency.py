"""Universal self-consistency: the model is shown its own answers and says which agrees best with the others.

Chen et al. 2023, "Universal Self-Consistency for Large Language Model Generation", arXiv 2311.17311. It
needs no extracted answers, so it serves free text too. Deviations: each of ``k`` choices sees the answers in
another order, and the answer chosen most often wins, where theirs is one greedy choice in the order drawn;
where no reply names an answer, the majority of extracted answers decides.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.judges.judge_prompts import most_consistent
from itc.stages.judges.listwise import elected


@strategy
def universal_self_consistency(
    n: int = 8,
    k: int = 1,
    prompt: Ref | str = most_consistent.name,
    role: str = "policy",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """One unit of ``n`` costs one whole draw and its place in ``k`` prompts that hold all answers.

    ``temperature`` and ``max_tokens`` are those of a choice.
    """
    choice = elected(prompt, k, role=role, by="usc", temperature=temperature, max_tokens=max_tokens)
    return sample(n) >> choice
