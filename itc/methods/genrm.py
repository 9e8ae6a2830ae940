"""Generative verification: a judge checks every answer k times in words; the one it accepts most often wins.

Zhang et al. 2024, "Generative Verifiers: Reward Modeling as Next-Token Prediction", arXiv 2408.15240, and
Singhi et al. 2025, "When To Solve, When To Verify: Compute-Optimal Problem Solving and Generative
Verification for LLM Reasoning", arXiv 2504.01005: the score of an answer is the mean over k sampled
verifications of their verdicts, or with ``reading=p_yes`` of P(Yes); a verification without a verdict counts
0. Compare n solutions by k verifications at equal compute. Deviations: the prompt is of our own wording;
equal solutions are judged once.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.judges.judge import judge
from itc.stages.judges.judge_prompts import verify_solution
from itc.stages.selection.select import top, vote


@strategy
def genrm(
    n: int = 16,
    k: int = 8,
    prompt: Ref | str = verify_solution.name,
    reading: str = "verdict",
    role: str = "judge",
    weighted: bool = False,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """One unit of ``n`` costs one whole draw and ``k`` verifications of it.

    With ``weighted`` the scores of equal answers are added first. ``temperature`` and ``max_tokens`` are
    those of a verification.
    """
    verify = judge(
        prompt,
        k,
        reading,
        role=role,
        by="genrm",
        invalid=0.0,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    return sample(n) >> verify >> (vote("genrm") if weighted else top(1, "genrm"))
