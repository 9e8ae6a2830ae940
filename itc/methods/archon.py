"""Archon: layers of models that generate, criticise, rank, fuse and verify.

Saad-Falcon et al. 2024, "Archon: An Architecture Search Framework for Inference-Time Techniques", arXiv
2409.15254, section 3; https://github.com/ScalingIntelligence/Archon. Which layers there are, and who plays
them, is the configuration: a part whose role is null is left out, and any other architecture is an expression
of the same stages. Deviations: the critic is asked about one answer at a time, so that a critique stays with
its answer; a ranker may be a scorer; the verifier reasons and judges in one reply; unit tests are left out;
where the budget refuses a layer, the one before it stands; what is left at the end votes.
"""

from __future__ import annotations

from itc.algebra.parallel import empty
from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import annotate, sample
from itc.stages.judges.judge import judge
from itc.stages.judges.judge_prompts import rank_solutions, verify_solution
from itc.stages.judges.listwise import ranked
from itc.stages.layers.fuse import fuse
from itc.stages.layers.layer_prompts import blend, strengths_and_weaknesses
from itc.stages.layers.notes import forget
from itc.stages.layers.roles import roles
from itc.stages.score import score
from itc.stages.selection.passed import passed
from itc.stages.selection.select import top, vote


@strategy
def archon(
    generators: str = "policy",
    samples: int = 4,
    critic: str | None = "policy",
    ranker: str | None = "policy",
    by: str | None = None,
    agg: str | None = None,
    keep: int = 4,
    fusers: str | None = "policy",
    fusions: int = 1,
    layers: int = 1,
    verifier: str | None = None,
) -> Strategy:
    """``samples`` of each of the ``generators``; ``layers`` times a critique of each, the ``keep`` best, and
    ``fusions`` of those by each of the ``fusers``; then those that the ``verifier`` lets pass; and a vote.

    Generators and fusers are roles, apart by spaces. The ranking is the score ``by`` if given, else the
    ``ranker``'s. One unit of ``samples`` costs a draw of every generator and a critique of it.
    """
    made: Strategy = empty
    fused: Strategy = empty
    for role in roles(generators, "archon(generators)"):
        made |= sample(samples, role=role)
    for role in roles(fusers, "archon(fusers)") if fusers else ():
        fused |= fuse(blend, fusions, role=role)
    layer: Strategy = annotate(strengths_and_weaknesses, role=critic) if critic else identity
    if by is not None:
        layer >>= score(by, agg) >> top(keep, by)
    elif ranker is not None:
        layer >>= ranked(rank_solutions, role=ranker, by="rank") >> top(keep, "rank")
    layer >>= fused if fusers else identity
    chosen = made >> (layer >> forget()) ** count(layers, "archon(layers)")
    if verifier is not None:
        chosen >>= judge(verify_solution, role=verifier, by="verified") >> passed("verified")
    return chosen >> vote()
