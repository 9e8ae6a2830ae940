"""SpecReason: a small model drafts each step, and the large one lets it stand or writes it itself.

Pan et al. 2025, "SpecReason: Fast and Accurate Inference-Time Compute via Speculative Reasoning", arXiv
2504.07891, section 4.1; https://github.com/ruipeterpan/specreason. The large model grades a step with a
single token from 0 to 9, and it stands from ``at_least`` on (theirs: 7, by the token drawn at temperature 0,
or by the mean over the digits' probabilities). Deviations: the grade is asked for in a prompt that holds the
steps, where theirs goes on in the conversation; token-level speculation is the engine's affair; no first
steps are the large model's alone.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.speculate import speculate
from itc.stages.draws.splitters import At
from itc.stages.selection.select import done
from itc.types import Candidate, Problem


@prompt
def rate_step(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a digit that grades the last step."""
    told = "".join(s.text for c in candidates for s in c.steps)
    return (
        f"{problem.prompt}{told}\n\nGrade the last step above by nothing but whether it is right and follows "
        "from what stands before it, with one digit from 0 (wrong) to 9 (certainly right).\nGrade: "
    )


@strategy
def spec_reason(
    at_least: float = 7.0, rounds: int = 40, draft: str = "draft", mean: bool = False, at: At = None
) -> Strategy:
    """One path of at most ``rounds`` steps; one unit of ``rounds`` costs a step of ``draft``, a grade of one
    token, and where that is low a step of the policy. ``mean`` needs an engine that tells alternatives."""
    return speculate(rate_step, at_least, draft=draft, at=at, mean=mean).until(done, rounds)
