"""Critique and revise: every answer is criticised and rewritten, all or nothing, and the answers vote.

Saunders et al. 2022, "Self-critiquing models for assisting human evaluators", arXiv 2206.05802; Bai et al.
2022, "Constitutional AI", arXiv 2212.08073, section 3.1, where a revision sees the critique of the answer it
revises. A critique is no part of an answer and has no vote. Deviations: instructions without examples or
principles; the critic may be another model.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.layers.revise import revise
from itc.stages.score import score
from itc.stages.selection.select import vote
from itc.types import Candidate, Problem


@prompt
def criticise(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for the errors of an answer."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    return f"{problem.prompt}\n\nAn answer:\n{answer}\n\nPoint out every error in it, if there is one:\n"


@prompt
def heed(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for the answer again, corrected."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    critique = "".join(s.text for c in candidates for s in c.steps if s.kind == "critique")
    return (
        f"{problem.prompt}\n\nAn answer:\n{answer}\n\nA critique of it:\n{critique}\n\n"
        "Write the answer again, in full, and correct what the critique is right about:\n"
    )


@strategy
def critique_revise(
    n: int = 4, rounds: int = 1, by: str | None = None, agg: str | None = None, critic: str = "policy"
) -> Strategy:
    """n answers, each revised ``rounds`` times. One unit of ``n`` costs 1 + 2 ``rounds`` draws.

    The role ``critic`` writes the critiques; ``by`` weighs the votes with a score.
    """
    revised = sample(n) >> revise(heed, rounds, recent=1, critique=criticise, last=True, critic=critic)
    return revised >> vote() if by is None else revised >> score(by, agg) >> vote(by)
