"""``itc compare``: methods at equal compute, from runs that are finished. Nothing is computed again."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itc.analysis.axes import axis_of
from itc.analysis.equal_compute import Gap
from itc.analysis.intervals import Estimate
from itc.analysis.paired import Paired
from itc.console.options import Options
from itc.console.terminal import emit, say, table
from itc.errors import ConfigError
from itc.runs.comparison import Comparison, Pair, compare
from itc.runs.result import Result
from itc.runs.store import find_runs, open_run
from itc.runs.verdicts import signed, verdict, verdicts

_EXPECTED = "Expected run directories or workspaces, --at AXIS, --against NAME, -o FILE or --json."
_PICTURES = (".png", ".svg")


def compare_runs(words: list[str]) -> int:
    """``itc compare``. The exit code; ItcError."""
    options = _options(words)
    axis = axis_of(options.at)
    results = [open_run(path) for path in find_runs(options.runs)]
    found = compare(results, axis, options.against)
    written = _write(results, found, options.output) if options.output else []
    if options.json:
        emit({**plain(found), "written": [str(path) for path in written]})
        return 0
    show(found)
    for path in written:
        say(f"Wrote {path}.")
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = Options("compare", _EXPECTED)
    parser.add("runs", nargs="*")
    parser.add("--at", default="tokens")
    parser.add("--against")
    parser.add("-o", "--output")
    options = parser.read(words)
    if not options.runs:
        raise parser.wrong("of no runs")
    if options.output and Path(options.output).suffix not in (".html", *_PICTURES):
        raise ConfigError(f"-o {options.output}: expected a file that ends in .html, .png or .svg.")
    return options


def show(found: Comparison) -> None:
    """Print it."""
    task, n = found.compared.task, len(found.compared.problems)
    front = found.front
    rows = [
        (size, str(accuracy).replace(" %", ""), found.axis.number(cost), "best" if front[size] else "")
        for method in found.compared.methods
        for size, accuracy, cost in zip(method.sizes, method.accuracy, method.cost, strict=True)
    ]
    table(
        ("run", "accuracy % (95 %)", found.axis.unit, "for its cost"),
        rows,
        f"{task}, {n} problems: accuracy against {found.axis.label}",
    )
    for note in found.compared.notes:
        say(note)
    if not found.pairs:
        say("One method: nothing to compare it with. Name the runs of another.")
        return
    say()
    head = (
        *("pair", f"at equal {found.axis.unit}", "p", "Holm", "at the most both spent"),
        *("best against best", "McNemar mid-p"),
    )
    table(head, [_row(pair) for pair in found.pairs], "difference of accuracies in points (95 %)")
    say()
    for sentence in verdicts(found):
        say(sentence)
    parts = list(found.pairs[0].levels)
    if len(parts) > 1:
        say()
        cells = [(_name(p), *(_gap(p.levels[part]) for part in parts)) for p in found.pairs]
        table(("by difficulty", *parts), cells, f"difference at equal {found.axis.unit}, points (95 %)")


def _name(pair: Pair) -> str:
    return f"{pair.a.name} − {pair.b.name}"


def _row(pair: Pair) -> tuple[str, ...]:
    mid = pair.bests.mid_p
    return (
        _name(pair),
        _gap(pair.over_range),
        f"{pair.p:.2g}" if pair.over_range else "–",
        f"{pair.adjusted:.2g}",
        _gap(pair.at_most),
        _points(pair.bests.difference),
        f"{pair.bests.p:.2g} (z)" if mid is None else f"{mid:.2g}",
    )


def _gap(gap: Gap | None) -> str:
    return "–" if gap is None else _points(gap.difference)


def _points(e: Estimate) -> str:
    mean, low, high = (signed(x) for x in (e.mean, e.low, e.high))
    return f"{mean} [{low}, {high}]"


def _write(results: Sequence[Result], found: Comparison, output: str) -> list[Path]:
    # Charts and pages are slow to import, and most comparisons are read on the terminal.
    path = Path(output)
    if path.suffix in _PICTURES:
        from itc.report.charts import Point, frontier

        lines = {
            m.name: [Point(float(c), a) for c, a in zip(m.cost, m.accuracy, strict=True)]
            for m in found.compared.methods
        }
        title = f"{found.compared.task}, {len(found.compared.problems)} problems"
        return frontier(lines, title, path, found.axis.label)
    from itc.report.page import write

    return [write(results, path, found.axis.name, verdicts(found))]


def plain(found: Comparison) -> dict[str, Any]:
    """The comparison as plain values; an infinite end of an interval is null."""
    return {
        "task": found.compared.task,
        "problems": len(found.compared.problems),
        "axis": found.axis.name,
        "unit": found.axis.unit,
        "notes": list(found.compared.notes),
        "runs": [
            {
                "method": method.name,
                "run": size,
                "cost": float(cost),
                "accuracy": _estimate(accuracy),
                "pareto": found.front[size],
            }
            for method in found.compared.methods
            for size, accuracy, cost in zip(method.sizes, method.accuracy, method.cost, strict=True)
        ],
        "pairs": [_plain_pair(pair) for pair in found.pairs],
        "verdicts": [verdict(pair, found.axis, len(found.pairs)) for pair in found.pairs],
    }


def _plain_pair(pair: Pair) -> dict[str, Any]:
    m = pair.multiplier
    return {
        "a": pair.a.name,
        "b": pair.b.name,
        "over_range": _plain_gap(pair.over_range),
        "at_most": _plain_gap(pair.at_most),
        "multiplier": {
            "of": pair.size_b,
            "accuracy": m.accuracy,
            "bound": m.bound,
            **_estimate(m.times),
        },
        "best": {"a": pair.size_a, "b": pair.size_b, **_plain_paired(pair.bests)},
        "levels": {name: _plain_gap(gap) for name, gap in pair.levels.items()},
        "p": pair.p,
        "holm": pair.adjusted,
    }


def _plain_paired(found: Paired) -> dict[str, Any]:
    return {
        **_estimate(found.difference),
        "p": found.p,
        "exact": found.exact,
        "mid_p": found.mid_p,
        "discordant": found.discordant,
    }


def _plain_gap(gap: Gap | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {**_estimate(gap.difference), "p": gap.p, "from": gap.low, "to": gap.high}


def _estimate(e: Estimate) -> dict[str, float | None]:
    return {"mean": e.mean, "low": e.low, "high": None if math.isinf(e.high) else e.high}
