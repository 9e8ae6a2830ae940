"""``itc power``: before a run, how many problems show a gap, and which gap a number of problems shows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from itc.analysis.axes import axis_of
from itc.analysis.paired import paired
from itc.analysis.power import POWER, detectable, independent, problems_needed
from itc.console.options import Options
from itc.console.terminal import emit, say, table
from itc.errors import ConfigError
from itc.runs.methods import compared
from itc.runs.store import find_runs, open_run

_EXPECTED = (
    "Expected --gap POINTS, --accuracy SHARE, --discordant SHARE, --problems N, --power P, --json, and two "
    "runs at most."
)
_SIZES = (100, 200, 500, 1000, 2000, 5000)


def power(words: list[str]) -> int:
    """``itc power``. The exit code; ItcError."""
    options = _options(words)
    gap = options.gap / 100
    share, why = _discordant(options)
    needed = problems_needed(gap, share, options.power)
    sizes = sorted({*_SIZES, *([options.problems] if options.problems else [])})
    shown = [(n, detectable(n, share, options.power)) for n in sizes]
    if options.json:
        emit(_plain(options, share, needed, shown))
        return 0
    say(f"Discordant problems, on which two methods differ: {100 * share:.1f} %, {why}.")
    say(
        f"{needed:,} problems show a gap of {options.gap:g} points (two-sided McNemar test at 5 %, power "
        f"{options.power:g})."
    )
    rows = [
        (f"{n:,}" + (" ←" if n == options.problems else ""), "none" if x is None else f"{100 * x:.1f} points")
        for n, x in shown
    ]
    table(("problems", "show gaps from"), rows)
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = Options("power", _EXPECTED)
    parser.add("runs", nargs="*")
    parser.add("--gap", type=float, default=2.0)
    parser.add("--accuracy", type=float)
    parser.add("--discordant", type=float)
    parser.add("--problems", type=int)
    parser.add("--power", type=float, default=POWER)
    options = parser.read(words)
    if not 0 < options.gap < 100:
        raise ConfigError(f"--gap {options.gap:g}: expected percentage points between 0 and 100, such as 2.")
    if options.problems is not None and options.problems < 1:
        raise ConfigError(f"--problems {options.problems}: expected at least 1.")
    given = [name for name in ("accuracy", "discordant") if getattr(options, name) is not None]
    given += ["runs"] if options.runs else []
    if len(given) > 1:
        raise ConfigError(f"itc power: {' and '.join(given)} all say how often methods differ. Name one.")
    return options


def _discordant(options: argparse.Namespace) -> tuple[float, str]:
    """The share of problems on which methods differ, and where it is from."""
    if options.runs:
        return _of_runs(options.runs)
    if options.discordant is not None:
        if not 0 <= options.discordant <= 1:
            raise ConfigError(
                f"--discordant {options.discordant:g}: expected a share in [0, 1], such as 0.2."
            )
        return options.discordant, "as given"
    accuracy = 0.5 if options.accuracy is None else options.accuracy
    if not 0 <= accuracy <= 1:
        raise ConfigError(f"--accuracy {accuracy:g}: expected a share in [0, 1], such as 0.6.")
    share = independent(accuracy, min(1.0, accuracy + options.gap / 100))
    share = max(share, options.gap / 100)
    what = f"accuracies of {100 * accuracy:g} % and {100 * min(1.0, accuracy + options.gap / 100):g} %"
    return share, (
        f"for {what} with independent errors. That is pessimistic: methods of one model err together. Give "
        "--discordant, or two runs, for a better figure"
    )


def _of_runs(paths: Sequence[str]) -> tuple[float, str]:
    found = compared([open_run(path) for path in find_runs(paths)], axis_of("calls"))
    pairs = [(size, right) for m in found.methods for size, right in zip(m.sizes, m.right, strict=True)]
    if len(pairs) != 2:
        raise ConfigError(
            f"itc power: the runs named are of {len(pairs)} configurations, seeds apart. Expected two, which "
            "are as alike as those to be compared."
        )
    (a, x), (b, y) = pairs
    share = paired(x, y).discordant
    if share == 0:
        raise ConfigError(f"{a} and {b} answer all problems alike: how often methods differ is not seen.")
    return share, f"as between {a} and {b} on {len(found.problems)} problems of {found.task}"


def _plain(
    options: argparse.Namespace, share: float, needed: int, shown: Sequence[tuple[int, float | None]]
) -> dict[str, Any]:
    return {
        "gap": options.gap / 100,
        "power": options.power,
        "discordant": share,
        "problems_needed": needed,
        "detectable": [{"problems": n, "gap": x} for n, x in shown],
    }
