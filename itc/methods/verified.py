"""Resampling until accepted: draw answers one after another and return the first that a verifier accepts.

Brown et al. 2024, "Large Language Monkeys", arXiv 2407.21787, on tasks with a verifier; Stroebl, Kapoor &
Narayanan 2024, "Inference Scaling fLaws: The Limits of LLM Resampling with Imperfect Verifiers", arXiv
2411.17501, on what its false positives cost: each rejection makes it likelier that the problem is too hard
and the next acceptance a mistake, so more attempts than a certain number do harm. `itc.analysis.imperfect`
says how many are worth while for a verifier's false-positive rate. Deviation: where none is accepted, the
answer with the highest score is returned; its score says that it was not.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, number
from itc.stages.draws.extend import sample
from itc.stages.score import score
from itc.stages.selection.select import top
from itc.stages.selection.temper import accepted


@strategy
def verified(n: int = 8, by: str = "prm", agg: str | None = "last", above: float = 0.5) -> Strategy:
    """Up to ``n`` answers; one unit costs one whole draw and one rating, and those after the first answer
    with a score ``by`` of at least ``above`` are saved."""
    stop = accepted(by=by, above=number(above, "verified(above=)", 0.0, 1.0))
    return (sample() >> score(by, agg)).grow(stop, n) >> top(1, by)
