"""A comparison in sentences: what may be claimed, or how many problems it would take."""

from __future__ import annotations

import math

from itc.analysis.axes import Axis
from itc.analysis.intervals import Estimate
from itc.analysis.power import detectable, problems_needed
from itc.runs.comparison import Comparison, Pair

_CLEAR = 0.05
_EACH = 15
"""As many pairs are told of one by one: six methods."""
_NOTHING = 0.0005
"""A gap that is shown as 0.0 points."""


def verdicts(found: Comparison) -> list[str]:
    """A sentence or two for each pair of methods; of many pairs, for those that can be told apart. What is
    claimed holds after Holm's adjustment."""
    several = len(found.pairs)
    told = [p for p in found.pairs if several <= _EACH or p.adjusted < _CLEAR]
    said = [verdict(pair, found.axis, several) for pair in told]
    if len(told) < several:
        said.append(
            f"{len(found.compared.problems)} problems cannot tell the {'other ' if told else ''}"
            f"{several - len(told)} pairs apart; `itc compare … --against METHOD` says more of one method's."
        )
    return said


def verdict(pair: Pair, axis: Axis, comparisons: int = 1) -> str:
    """What one pair of methods showed, on an axis, as one of several comparisons."""
    told = [_difference(pair, axis, comparisons)]
    if (times := _times(pair, axis)) and pair.adjusted < _CLEAR:
        told.insert(0, times)
    return " ".join(told)


def points(e: Estimate) -> str:
    """A difference of accuracies in percentage points, with its interval."""
    return f"{signed(e.mean)} points (95 %: {signed(e.low)} to {signed(e.high)})"


def signed(difference: float) -> str:
    """In percentage points, with its sign; what rounds to 0 has none of minus."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"


def times(e: Estimate) -> str:
    """The interval of a multiplier: an end that the runs do not determine is left out."""
    if math.isinf(e.high):
        return f"at least {_number(e.low)}"
    return f"{_number(e.low)}–{_number(e.high)}" if e.low else f"at most {_number(e.high)}"


def _times(pair: Pair, axis: Axis) -> str:
    """The multiplier, where its interval is on one side of 1."""
    m, e = pair.multiplier, pair.multiplier.times
    goal = f"{pair.size_b}'s accuracy ({100 * m.accuracy:.1f} %)"
    if e.low > 1:
        least = "at least " if m.bound else ""
        return f"{pair.a.name} reaches {goal} with {least}{_number(e.mean)}× {axis.less} (95 %: {times(e)})."
    if e.high < 1 and not m.bound:
        much = Estimate(1 / e.mean, 1 / e.high, 1 / e.low if e.low else math.inf)
        return f"{pair.a.name} needs {_number(much.mean)}× {axis.more} for {goal} (95 %: {times(much)})."
    if e.high < 1:
        return f"{pair.a.name} does not reach {goal} at any size that was run."
    return ""


def _difference(pair: Pair, axis: Axis, comparisons: int) -> str:
    a, b, gap, n = pair.a.name, pair.b.name, pair.over_range, pair.bests.problems
    if gap is None:
        where = f"each at its most accurate (they have no cost in {axis.unit} in common)"
        difference, discordant = pair.bests.difference, pair.bests.discordant
    else:
        where = f"at equal {axis.unit} ({axis.span(gap.low, gap.high)} a problem)"
        difference, discordant = gap.difference, gap.discordant
    if pair.p >= _CLEAR:
        told = f"{n} problems cannot tell {a} from {b} {where}: {points(difference)}."
        return f"{told} {_enough(n, abs(difference.mean), discordant)}".rstrip()
    if difference.mean < 0:
        a, b, difference = b, a, _negated(difference)
    told = f"{a} is more accurate than {b} {where}: {points(difference)}, p = {_p(pair.p)}"
    if pair.adjusted >= _CLEAR:
        return (
            f"{told}; but among {comparisons} comparisons that may be chance, p = {_p(pair.adjusted)} (Holm)."
        )
    return f"{told}{f', {_p(pair.adjusted)} after Holm' if comparisons > 1 else ''}."


def _enough(problems: int, gap: float, discordant: float) -> str:
    told = []
    if _NOTHING < gap <= discordant <= 1:
        told.append(
            f"A gap that large takes about {_round(problems_needed(gap, discordant)):,} problems to see"
        )
    least = detectable(problems, discordant) if discordant <= 1 else None
    if least is not None:
        told.append(f"{problems} show gaps from {100 * least:.1f} points on")
    return f"{'; '.join(told)} (power 0.8)." if told else ""


def _negated(e: Estimate) -> Estimate:
    return Estimate(-e.mean, -e.high, -e.low)


def _round(n: int) -> int:
    """Up, to two digits: the formula is no better than that."""
    step = int(10 ** max(0, len(str(n)) - 2))
    return math.ceil(n / step) * step


def _number(x: float) -> str:
    return f"{x:.2f}" if x < 2 else f"{x:.1f}" if x < 100 else f"{x:,.0f}"


def _p(p: float) -> str:
    return "0.0001 or less" if p < 1e-4 else f"{p:.2g}"
