"""Choice shuffling: the options of a multiple-choice question in a new order for every draw, and a vote.

Nori et al. 2023, "Can Generalist Foundation Models Outcompete Special-Purpose Tuning? Case Study in
Medicine", arXiv 2311.16452, section 4.3 (Medprompt); https://github.com/microsoft/promptbase. A place among
the options that a model favours is another answer each time. Deviation: their worked examples, chosen by
nearest neighbours, are the task's prompt here.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.shuffle import shuffled
from itc.stages.selection.select import vote


@strategy
def choice_shuffle(n: int = 5, role: str = "policy", temperature: float | None = None) -> Strategy:
    """One unit of ``n`` costs one draw. Meant for tasks with the answer rule ``choice``."""
    return shuffled(n, role=role, temperature=temperature) >> vote()
