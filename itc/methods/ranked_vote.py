"""Ranked voting: each draw ranks several answers, and an election over the rankings decides.

Wang et al. 2025, "Ranked Voting based Self-Consistency of Large Language Models", arXiv 2505.10772; code
https://github.com/szu-tera/RankedVotingSC. Deviations: an answer that leaves the instant run-off hands its
ballots on to their next choice, as an instant run-off does; the official code drops those ballots, so that
its winner is the plurality's. Lists without an answer do not vote, as there. The wording of the prompt is
ours.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import sample
from itc.stages.selection.ranked import rank_vote


@strategy
def ranked_vote(n: int = 8, rule: str = "irv", prompt: str | None = "ranked_answers") -> Strategy:
    """One unit of ``n`` costs one whole draw, a list of answers. ``rule`` is irv, borda or mrr.

    ``prompt`` names what asks for the list; None where the task's own prompt does.
    """
    return sample(n, prompt=prompt) >> rank_vote(rule)
