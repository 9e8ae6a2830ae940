"""Beam search over steps, guided by a process reward model.

Snell et al. 2024, "Scaling LLM Test-Time Compute Optimally", arXiv 2408.03314, section 5; as run by
https://github.com/huggingface/search-and-learn. With ``ahead`` it is their look-ahead search: a step is
judged by the rating at the end of a greedy rollout of so many steps, whose text is not kept. Deviations:
finished beams leave the beam and hold no place in it; a round expands what is live by ``m`` even when fewer
than ``n / m`` beams are left, so no text is drawn for the sake of a full batch.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy, count
from itc.errors import ConfigError
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.lookahead import lookahead
from itc.stages.selection.finished import finished
from itc.stages.selection.merge import merge
from itc.stages.selection.select import done, top, vote


@strategy
def beam(
    n: int = 16,
    m: int = 4,
    by: str = "prm",
    agg: str = "last",
    rounds: int = 40,
    weighted: bool = False,
    ahead: int = 0,
    at: At = None,
) -> Strategy:
    """n paths are live; the best ``n / m`` are expanded by ``m`` steps each, for at most ``rounds``.

    One unit of ``n`` costs one step's draw and rating a round, and one of ``ahead`` a greedy step's draw for
    each of them; longer texts are rated. ``weighted`` votes among the finished instead of taking the best.
    ConfigError unless m divides n.
    """
    if m < 1 or n % m:
        raise ConfigError(f"beam(n={n}, m={m}): expected m to divide n. Try n={max(1, n // max(m, 1)) * m}.")
    rate = score(by, agg)
    if count(ahead, "beam(ahead)"):
        rate = lookahead(step(at=at, temperature=0.0) ** ahead >> rate, by)
    keep = merge() >> rate >> top(n // m, by, live=True)
    search = step(n, at=at) >> keep >> (step(m, at=at) >> keep).until(done, rounds)
    return search >> finished() >> (vote(by) if weighted else top(1, by))
