"""Textbook sequential Monte Carlo: weighted answers of the model, tilted by reward, and the evidence.

Del Moral, Doucet & Jasra 2006; for language models Lew et al. 2023, arXiv 2306.03081. The target is
p(x) G(x)^(1/T) / Z, p being the model, G the score of the whole answer in [0,1], T ``temperature``; on the
way the score of a prefix stands in for G. Weights accumulate as G_t / G_{t−1}; resampling comes only where
the effective sample size is below ``ess_below`` n, after which every weight is the mean. The mean weight
estimates Z without bias; its natural log is the potential ``evidence`` of what is returned.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.particles.particles import evidence, particles
from itc.stages.particles.resample import resample, reweight
from itc.stages.score import score
from itc.stages.selection.finished import finished
from itc.stages.selection.select import top, vote


@strategy
def smc(
    n: int = 16,
    by: str = "prm",
    agg: str | None = "last",
    rounds: int = 40,
    scheme: str = "systematic",
    ess_below: float = 0.5,
    temperature: float = 1.0,
    weighted: bool = True,
    at: At = None,
) -> Strategy:
    """One unit of ``n`` costs one step's draw and rating a round, until every particle has finished.

    Returns the answer with most weight, the estimated mode of the target; without ``weighted`` the finished
    answer with the best score, one that resampling dropped included.
    """
    weigh = score(by, agg) >> reweight(by, "log", "ratio", temperature=temperature)
    filtered = particles(step(at=at) >> weigh, resample(ess_below, scheme), rounds) >> evidence()
    chosen = finished() >> (vote("weight") if weighted else top(1, by))
    return identity * count(n, "smc(n)", 1) >> filtered >> chosen
