"""Self-Refine: an answer, feedback on it, a better answer, until the feedback finds nothing to improve.

Madaan et al. 2023, "Self-Refine: Iterative Refinement with Self-Feedback", arXiv 2303.17651, algorithm 1;
https://github.com/madaan/self-refine. The same model writes the feedback and refines, and a refinement sees
all earlier answers with their feedback; the last answer is returned. Deviations: prompts are instructions
without examples; the feedback ends the loop by saying "no flaws", in words that the prompt asks for.
"""

from __future__ import annotations

from itc.algebra.context import Context
from itc.algebra.registry import predicate, strategy
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import sample
from itc.stages.layers.layer_prompts import CONTENT, feedback, refine
from itc.stages.layers.revise import revise
from itc.stages.selection.select import first
from itc.types import Population


@predicate
def content(pop: Population, ctx: Context) -> bool:  # noqa: ARG001
    """The latest critique of every candidate finds nothing to improve."""
    return all(CONTENT in c.steps[-1].text.lower() for c in pop if c.steps)


@strategy
def self_refine(rounds: int = 4, role: str = "policy") -> Strategy:
    """One unit of ``rounds`` costs two draws, feedback and answer. Whoever plays ``role`` writes both."""
    count(rounds, "self_refine(rounds)")
    refined = revise(
        refine,
        rounds,
        recent=max(1, rounds),
        critique=feedback,
        stop=content,
        last=True,
        role=role,
        critic=role,
    )
    return sample(role=role) >> refined >> first(1)
