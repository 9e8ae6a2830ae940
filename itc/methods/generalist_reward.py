"""Generalist reward voting: a judge states principles, criticises all answers by them and grades each; the
sum of k such replies decides.

Liu et al. 2025, "Inference-Time Scaling for Generalist Reward Modeling" (DeepSeek-GRM), arXiv 2504.02495:
the k replies are sampled in parallel and the grades of an answer summed; a meta reward model may keep the
best k_meta of them. Deviations: the mean is taken in place of the sum, which orders answers alike; answers
stand in an order of its own in each reply; a reply without a grade for every answer is left out; the prompt
is of our own wording, and any instruction model can play the judge, trained for it or not.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.judges.appraised import appraised
from itc.stages.judges.judge_prompts import principles_and_critiques
from itc.stages.selection.select import top


@strategy
def generalist_reward(
    n: int = 8,
    k: int = 8,
    prompt: Ref | str = principles_and_critiques.name,
    role: str = "judge",
    meta: str | None = None,
    keep: int | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """One unit of ``k`` costs one reply to a prompt that holds all ``n`` answers, and with ``meta`` a rating.

    ``meta`` is the role of a reward model that rates replies, ``keep`` how many of the k then count.
    ``temperature`` and ``max_tokens`` are those of a reply.
    """
    grade = appraised(
        prompt,
        k,
        role=role,
        by="reward",
        meta=meta,
        keep=keep,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    return sample(n) >> grade >> top(1, "reward")
