"""Particle Gibbs: particle filters in a chain, each beside a path retained from the one before.

Andrieu, Doucet & Holenstein 2010, "Particle Markov chain Monte Carlo methods"; for language models Puri et
al. 2025, arXiv 2502.01618, as in https://github.com/Red-Hat-AI-Innovation-Team/its_hub, whose ancestor
sampling is a gap. Deviations from the latter: weights accumulate as ratios of the
reward, as in `itc.methods.smc`, so that a sweep leaves p(x) G(x)^(1/T) invariant; and the particles of all
sweeps are candidates, those that resampling dropped included. ``splice`` adds ancestor sampling (Lindsten,
Jordan & Schön 2014), by a scorer of whole paths: see `itc.stages.particles.gibbs` for when that is exact.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.particles.gibbs import gibbs
from itc.stages.particles.resample import reweight
from itc.stages.score import score
from itc.stages.selection.finished import finished
from itc.stages.selection.select import top, vote


@strategy
def particle_gibbs(
    n: int = 8,
    sweeps: int = 4,
    by: str = "prm",
    agg: str | None = "last",
    rounds: int = 40,
    temperature: float = 1.0,
    splice: str | None = None,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """One unit of ``sweeps`` costs n − 1 steps' draws and ratings a round, of the first sweep n.

    Returns the finished answer with the best score, or with ``weighted`` that with most weight over all
    sweeps. With ``splice``, a round rates up to 2 n paths more by that scorer.
    """
    weigh = score(by, agg) >> reweight(by, "log", "ratio", temperature=temperature)
    chain = gibbs(step(at=at), weigh, n, sweeps, rounds, splice=splice)
    return chain >> finished() >> (vote("weight") if weighted else top(1, by))
