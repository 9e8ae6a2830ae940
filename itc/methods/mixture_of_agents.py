"""Mixture of agents: layers of models that each see all answers of the layer before, and one that aggregates.

Wang et al. 2024, "Mixture-of-Agents Enhances Large Language Model Capabilities", arXiv 2406.04692, section
2.2; https://github.com/togethercomputer/MoA. The first layer answers the question alone; the last is one
aggregator. Deviations: the instruction stands before the question in the prompt, not in a system turn; where
the budget refuses an aggregation, the answers there are vote.
"""

from __future__ import annotations

from itertools import groupby

from itc.algebra.parallel import empty
from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.layers.fuse import fuse
from itc.stages.layers.roles import roles
from itc.stages.selection.select import vote
from itc.types import Candidate, Problem


@prompt
def synthesize(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Shows the answers of several models and asks for one that is better than each."""
    told = "".join(f"Answer:\n{''.join(s.text for s in c.solution)}\n\n" for c in candidates)
    return (
        "Several models answered the question below. Weigh their answers: some may be wrong. Then write one "
        f"answer of your own, complete and correct.\n\n{told}{problem.prompt}"
    )


@strategy
def mixture_of_agents(
    layers: int = 3, proposers: str = "policy policy policy", aggregator: str = "policy"
) -> Strategy:
    """``layers`` of which the last is the ``aggregator``; ``proposers`` are roles, apart by spaces.

    A role may stand there several times: that is the paper's single-proposer setting, and its draws may share
    a call. One unit of ``layers`` costs a draw of every proposer. ConfigError for fewer than two layers.
    """
    count(layers, "mixture_of_agents(layers)", 2)
    asked = roles(proposers, "mixture_of_agents(proposers)")
    first: Strategy = empty
    layer: Strategy = empty
    for role, turns in groupby(asked):
        n = len(list(turns))
        first |= sample(n, role=role)
        layer |= fuse(synthesize, n, role=role)
    return first >> layer ** (layers - 2) >> fuse(synthesize, role=aggregator) >> vote()
