"""Diverse verifier tree search: several greedy trees side by side instead of one beam.

Beeching, Tunstall & Rush 2024, "Scaling test-time compute with open models" (Hugging Face); as run by
https://github.com/huggingface/search-and-learn. A tree goes on with the best of its ``m`` steps, and ends
when that is finished. Deviations: every finished path of a tree is a candidate, not those of its last level
alone; a tree's identical steps are rated once; unfinished leaves are no answers.
"""

from __future__ import annotations

from itc.algebra.registry import strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count
from itc.errors import ConfigError
from itc.frontiers.by_level import by_level
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import At
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import top, vote


@strategy
def dvts(
    n: int = 16,
    m: int = 4,
    by: str = "prm",
    agg: str = "last",
    rounds: int = 40,
    weighted: bool = False,
    at: At = None,
) -> Strategy:
    """``n / m`` independent trees; each is expanded by ``m`` steps a level, for at most ``rounds`` levels.

    One unit of ``n`` costs one step's draw and rating a level. ``weighted`` votes among the finished instead
    of taking the best. ConfigError unless m divides n.
    """
    if m < 1 or n < 1 or n % m:
        raise ConfigError(f"dvts(n={n}, m={m}): expected m to divide n. Try n={max(1, n // max(m, 1)) * m}.")
    trees = n // m
    expand = step(m, at=at) >> merge() >> score(by, agg)
    level = by_level(by=by, keep=1, rounds=count(rounds, "dvts(rounds)", 1))
    grown = identity * trees >> search(expand, level, at_most=trees * rounds, width=trees)
    return grown >> (vote(by) if weighted else top(1, by))
