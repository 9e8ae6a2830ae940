"""Sequential revisions: chains of attempts, each seeing the last few of its own chain.

Snell et al. 2024, "Scaling LLM Test-Time Compute Optimally", arXiv 2408.03314, section 6: at an equal number
of draws, ``chains`` side by side and ``length`` one after another are traded against each other, and easy
problems gain from length. An answer is chosen among all attempts of all chains, by votes that may weigh a
score. Deviations: their revision model is trained on such chains, ours is asked by a prompt; they choose
within a chain and then among chains, where this is one vote.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.layers.revise import revise
from itc.stages.score import score
from itc.stages.selection.select import vote
from itc.types import Candidate, Problem


@prompt
def try_again(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Shows the attempts of a chain, oldest first, and asks for another."""
    told = "".join(f"An attempt:\n{''.join(s.text for s in c.solution)}\n\n" for c in candidates)
    return f"{problem.prompt}\n\n{told}These may be wrong. Write a better attempt, in full:\n"


@strategy
def revisions(
    chains: int = 4,
    length: int = 4,
    recent: int = 4,
    by: str | None = None,
    agg: str | None = None,
    temperature: float | None = None,
) -> Strategy:
    """``chains`` of ``length`` attempts: a unit of either costs the other's number of draws.

    An attempt sees the last ``recent`` of its chain; ``by`` weighs the votes with a score.
    """
    count(length, "revisions(length)", 1)
    drawn = sample(chains, temperature=temperature)
    tried = drawn >> revise(try_again, length - 1, recent=recent, temperature=temperature)
    return tried >> vote() if by is None else tried >> score(by, agg) >> vote(by)
