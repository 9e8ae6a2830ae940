"""Listwise ranking: a judge orders all answers at once, k times in other orders; the mean place decides.

The prompt and the "[2] > [3] > [1]" of a reply follow Sun et al. 2023, "Is ChatGPT Good at Search?"
(RankGPT), arXiv 2304.09542; averaging over permutations of what is shown is Tang et al. 2023, "Found in the
Middle: Permutation Self-Consistency", arXiv 2310.07712. Deviations: places are averaged (Borda), where
theirs seek the Kemeny-optimal order; all answers stand in one window; a reply that names an answer that was
not shown is left out, where RankGPT mends it.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.judges.judge_prompts import rank_solutions
from itc.stages.judges.listwise import ranked
from itc.stages.selection.select import top


@strategy
def listwise(
    n: int = 8,
    k: int = 4,
    prompt: Ref | str = rank_solutions.name,
    role: str = "judge",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """One unit of ``k`` costs one reply to a prompt that holds all ``n`` answers.

    ``temperature`` and ``max_tokens`` are those of a reply.
    """
    order = ranked(prompt, k, role=role, by="rank", temperature=temperature, max_tokens=max_tokens)
    return sample(n) >> order >> top(1, "rank")
