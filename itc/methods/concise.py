"""Length limits: the model is asked for few words, and given few tokens.

Nayab et al. 2024, "Concise Thoughts: Impact of Output Length on LLM Reasoning and Cost", arXiv 2407.19825:
the question is followed by a limit in words. The wording is our own, and so is the limit in tokens that holds
where the model does not keep to it.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.selection.select import vote
from itc.types import Candidate, Problem


@prompt
def briefly(problem: Problem, candidates: tuple[Candidate, ...], words: int = 45) -> str:  # noqa: ARG001
    """The problem, and a limit on the length of its answer."""
    return (
        f"{problem.prompt}\n\nReason step by step in at most {words} words in all, then state the answer.\n"
    )


@strategy
def concise(n: int = 1, words: int = 45, max_tokens: int | None = None) -> Strategy:
    """One unit of ``n`` costs one answer, of at most ``max_tokens`` tokens; ``words`` is only asked for."""
    asked = briefly(words=count(words, "concise(words)", 1))
    return sample(n, prompt=asked, max_tokens=max_tokens) >> vote()
