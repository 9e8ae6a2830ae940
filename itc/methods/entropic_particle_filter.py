"""Entropic particle filtering: flatten the weights while few particles would take over early.

Giannone et al. 2025, "Mitigating Premature Exploitation in Particle-based Monte Carlo for Inference-Time
Scaling", arXiv 2510.05825, with the ESS schedule of https://github.com/Red-Hat-AI-Innovation-Team/its_hub:
where the effective share of particles ESS/N is below ``ess_below`` and less than ``before`` of the ``rounds``
are over, the resampling temperature rises to max(1, (N/ESS)(1 − t/T)). Particle filtering otherwise, as in
`itc.methods.particle_filter`, with its deviations. Not done: the paper's look-ahead modulation of rewards.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.particles.anneal import anneal
from itc.stages.particles.particles import particles
from itc.stages.particles.resample import reweight
from itc.stages.score import score
from itc.stages.selection.finished import finished
from itc.stages.selection.select import top, vote


@strategy
def entropic_particle_filter(
    n: int = 16,
    by: str = "prm",
    agg: str | None = "last",
    rounds: int = 40,
    scheme: str = "systematic",
    ess_below: float = 0.5,
    before: float = 0.5,
    temperature: float = 1.0,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """One unit of ``n`` costs one step's draw and rating a round, until every particle has finished.

    ``rounds`` is also the T of the schedule: about twice the steps of an answer, so that it reaches its end.
    Returns the finished answer with the best reward, or with ``weighted`` that with most reward in all.
    """
    weigh = score(by, agg) >> reweight(by, "logit", "set", temperature=temperature)
    choose = anneal(rounds, scheme, ess_below=ess_below, before=before)
    filtered = particles(step(at=at) >> weigh, choose, rounds)
    chosen = finished() >> (vote(by) if weighted else top(1, by))
    return identity * count(n, "entropic_particle_filter(n)", 1) >> filtered >> chosen
