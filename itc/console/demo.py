"""``itc demo``: five strategies at three budgets on the embedded models; a table, a picture, a next step."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc.config import Settings
from itc.console.interrupts import Interruptible
from itc.console.options import Options
from itc.console.tables import percent
from itc.console.terminal import emit, say, table
from itc.report.charts import Point, frontier
from itc.runs.result import Result
from itc.runs.runner import execute

STRATEGIES = {
    "best-of-N": "best_of_n({n})",
    "weighted vote": "best_of_n({n}, weighted=True)",
    "self-consistency": "self_consistency({n})",
    "beam search": "beam({n}, {m})",
    "particle filter": "particle_filter({n})",
}
_EXPECTED = "Expected --problems N (at least 1), --seed N, --workspace DIR or --json."
SIZES = (12, 8, 4)
"""The largest first: the smaller ones are the first draws of it, and cost nothing again."""


@dataclass(frozen=True)
class Shown:
    """One run of the demo."""

    name: str
    n: int
    result: Result

    @property
    def point(self) -> Point:
        """Where it lies in the picture."""
        accuracy = self.result.accuracy
        assert accuracy is not None
        cost = self.result.cost
        return Point(float(cost.tokens - cost.cached_tokens) / len(self.result.rows), accuracy)


def demo(words: list[str]) -> int:
    """Run everything, at most once: what the journal holds is replayed. The exit code."""
    options = _options(words)
    with Interruptible().installed() as signals:
        runs = [
            Shown(name, n, signals.run(execute(_settings(text.format(n=n, m=min(4, n)), options).job())))
            for n in SIZES
            for name, text in STRATEGIES.items()
        ]
    lines = {name: [r.point for r in reversed(runs) if r.name == name] for name in STRATEGIES}
    title = f"{options.problems} problems of task chain, embedded models"
    pictures = frontier(lines, title, Path(options.workspace) / "demo")
    if options.json:
        emit({"runs": [_plain(r) for r in runs], "pictures": [str(p) for p in pictures]})
        return 0
    _show(runs, title, pictures)
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = Options("demo", _EXPECTED)
    parser.add("--problems", type=int, default=100)
    parser.add("--seed", type=int, default=0)
    parser.add("--workspace", default="runs")
    options = parser.read(words)
    if options.problems < 1:
        raise parser.wrong(f"--problems {options.problems}")
    return options


def _settings(expression: str, options: argparse.Namespace) -> Settings:
    return Settings.read(
        {
            "task": {"name": "chain", "problems": options.problems},
            "model": {"backend": "embedded"},
            "scorer": {"name": "embedded"},
            "strategy": {"name": "expression", "text": expression},
            "seed": options.seed,
            "workspace": options.workspace,
        }
    )


def _plain(run: Shown) -> dict[str, Any]:
    return {"name": run.name, "n": run.n, "tokens_a_problem": run.point.tokens, **run.result.summary()}


def _show(runs: Sequence[Shown], title: str, pictures: Sequence[Path]) -> None:
    head = ("strategy", *(f"N = {n}" for n in reversed(SIZES)))
    at = {(r.name, r.n): r for r in runs}
    cells = [
        (name, *(_cell(at[name, n]) for n in reversed(SIZES)))
        for name in STRATEGIES
    ]  # fmt: skip
    table(head, cells, f"{title}: accuracy (95 % interval), thousands of tokens computed a problem")
    seconds = sum(float(r.result.manifest.get("seconds", 0.0)) for r in runs)
    say(f"{len(runs)} runs in {seconds:.0f} s. Picture: {', '.join(map(str, pictures))}")
    best = max(runs, key=lambda r: (r.point.accuracy.mean, -r.point.tokens))
    text = STRATEGIES[best.name].format(n=2 * max(SIZES), m=4)
    say(
        f"Highest here: {best.name} at N = {best.n}. Next: see where it levels off, with "
        f"itc run task=chain model=embedded scorer=embedded strategy='{text}' problems=100"
    )


def _cell(run: Shown) -> str:
    e = run.point.accuracy
    told = percent({"mean": e.mean, "low": e.low, "high": e.high})
    return f"{told} · {run.point.tokens / 1000:.1f}k"
