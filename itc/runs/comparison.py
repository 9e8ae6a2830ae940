"""Methods compared pair by pair: at equal compute, at equal accuracy, best against best, by difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from itc.analysis.axes import Axis
from itc.analysis.difficulty import strata
from itc.analysis.equal_compute import Gap, Multiplier, best, gap_at_most, gap_over_range, multiplier
from itc.analysis.frontier import Frontier, pareto
from itc.analysis.paired import Paired, holm, paired
from itc.runs.methods import Compared, compared
from itc.runs.result import Result


@dataclass(frozen=True)
class Pair:
    """Two methods, a and b, on the same problems. Differences are a − b; the order is by accuracy."""

    a: Frontier
    b: Frontier
    over_range: Gap | None
    """Over all costs that both cover; None where they cover none in common."""
    at_most: Gap | None
    """At the largest cost that both cover."""
    multiplier: Multiplier
    """How many times less a needs than b for b's best accuracy."""
    bests: Paired
    """Each method's most accurate run, whatever it cost."""
    levels: dict[str, Gap | None]
    """``over_range`` by difficulty."""
    p: float
    """Of the difference at equal compute; of the best runs where no cost is common."""
    adjusted: float = 1.0
    """The same after Holm, for all the pairs of the comparison."""

    @property
    def size_a(self) -> str:
        """What a's most accurate run is called."""
        return self.a.sizes[best(self.a)]

    @property
    def size_b(self) -> str:
        """What b's most accurate run is called."""
        return self.b.sizes[best(self.b)]


@dataclass(frozen=True)
class Comparison:
    """Everything `itc compare` tells."""

    axis: Axis
    compared: Compared
    pairs: tuple[Pair, ...]

    @property
    def front(self) -> dict[str, bool]:
        """Which runs no run of any method beats, by the name of the run."""
        sizes = [size for m in self.compared.methods for size in m.sizes]
        costs = [float(c) for m in self.compared.methods for c in m.cost]
        right = [float(row.mean()) for m in self.compared.methods for row in m.right]
        return dict(zip(sizes, pareto(costs, right), strict=True))


def compare(results: Sequence[Result], axis: Axis, against: str | None = None) -> Comparison:
    """Compare every two methods among the runs, or each with the method ``against``.

    ConfigError as of `itc.runs.methods.compared`, and for an unknown ``against``.
    """
    found = compared(results, axis)
    if against is None:
        chosen = list(combinations(found.methods, 2))
    else:
        other = found.named(against)
        chosen = [(method, other) for method in found.methods if method is not other]
    parts = strata(found.levels, found.rates)
    made = []
    for a, b in chosen:
        ordered = (a, b) if against is not None or _ahead(a, b) else (b, a)
        levels = {name: gap_over_range(*(f.where(mask) for f in ordered)) for name, mask in parts.items()}
        made.append(_pair(*ordered, levels))
    adjusted = holm([pair.p for pair in made])
    pairs = [replace(pair, adjusted=q) for pair, q in zip(made, adjusted, strict=True)]
    return Comparison(axis, found, tuple(pairs))


def _ahead(a: Frontier, b: Frontier) -> bool:
    gap = gap_over_range(a, b)
    if gap is not None and gap.difference.mean:
        return gap.difference.mean > 0
    return bool(a.right[best(a)].mean() >= b.right[best(b)].mean())


def _pair(a: Frontier, b: Frontier, levels: dict[str, Gap | None]) -> Pair:
    over, bests = gap_over_range(a, b), paired(a.right[best(a)], b.right[best(b)])
    return Pair(
        a=a,
        b=b,
        over_range=over,
        at_most=gap_at_most(a, b),
        multiplier=multiplier(a, b),
        bests=bests,
        levels=levels,
        p=bests.p if over is None else over.p,
    )
