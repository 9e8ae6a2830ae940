"""Tournament: a judge compares two answers at a time, in both orders, until the best is found.

Comparison by a language model as in Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot
Arena", arXiv 2306.05685, with each pair asked in both orders against position bias; knockout as in Chen et
al. 2024, "Simple and Provable Scaling Laws for the Test-Time Compute of Large Language Models", arXiv
2411.19477, whose error falls with n and k as long as the judge is right more often than not. Deviations: a
pair is compared an even number of times, once in either order for each of k; a drawn match goes to the
answer seen first; equal solutions do not meet.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy, one_of
from itc.stages.draws.extend import sample
from itc.stages.judges.judge_prompts import which_is_better
from itc.stages.judges.tournament import knockout, round_robin
from itc.stages.selection.select import top

FORMS = {"knockout": knockout, "round_robin": round_robin}


@strategy
def tournament(
    n: int = 8,
    k: int = 1,
    form: str = "knockout",
    prompt: Ref | str = which_is_better.name,
    reading: str = "winner",
    role: str = "judge",
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Strategy:
    """One unit of ``n`` costs one whole draw and in a ``knockout`` 2 ``k`` comparisons; a ``round_robin`` of
    ``n`` costs n (n − 1) ``k`` comparisons, all side by side.

    ``temperature`` and ``max_tokens`` are those of a comparison.
    """
    play = FORMS[one_of(form, "tournament(form=)", *FORMS)]
    meet = play(prompt, k, reading, role=role, by="wins", temperature=temperature, max_tokens=max_tokens)
    return sample(n) >> meet >> top(1, "wins")
