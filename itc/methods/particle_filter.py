"""Particle filtering: keep n partial answers alive in proportion to their reward, not the best alone.

Puri et al. 2025, "A Probabilistic Inference Approach to Inference-Time Scaling of LLMs using
Particle-Based Monte Carlo Methods", arXiv 2502.01618, algorithm 1. As there, the weight of a particle is
the odds of its latest reward (softmax of logits at temperature ``temperature``), not a product over steps;
``agg=model`` rates the whole partial answer as one step, the best in their ablation. Deviations:
resampling comes before a step and not after the last; finished particles are neither extended nor rated
again; and those that resampling drops stand by for the final choice, which in the paper loses the best
finished particle in 1–8 % of cases (n = 32–4).
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.particles.particles import particles
from itc.stages.particles.resample import resample, reweight
from itc.stages.score import score
from itc.stages.selection.finished import finished
from itc.stages.selection.select import top, vote


@strategy
def particle_filter(
    n: int = 16,
    by: str = "prm",
    agg: str | None = "last",
    rounds: int = 40,
    scheme: str = "systematic",
    ess_below: float = 1.0,
    temperature: float = 1.0,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """One unit of ``n`` costs one step's draw and rating a round, until every particle has finished.

    Returns the finished answer with the best reward, or with ``weighted`` that with most reward in all, which
    is as good where the scorer is good and better where it errs (``docs/quality.md``).
    """
    weigh = score(by, agg) >> reweight(by, "logit", "set", temperature=temperature)
    filtered = particles(step(at=at) >> weigh, resample(ess_below, scheme), rounds)
    chosen = finished() >> (vote(by) if weighted else top(1, by))
    return identity * count(n, "particle_filter(n)", 1) >> filtered >> chosen
