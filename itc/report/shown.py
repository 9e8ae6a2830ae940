"""Runs as a page shows them: each with a name that tells it from the others, a colour and a shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from itc.analysis.axes import Axis
from itc.report.charts import COLOURS
from itc.report.render import visible
from itc.runs.methods import grouped
from itc.runs.result import Result

SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
"""Of points, in the order of methods: with seven colours no two of 42 methods look alike."""


@dataclass(frozen=True)
class Shown:
    """A run and how it is called."""

    result: Result
    method: str
    """What it shares with runs of the same method at other sizes."""
    label: str
    """Method and size, and the seed where several were run."""
    colour: str
    shape: str

    def cost(self, axis: Axis) -> float:
        """What a problem cost on average, in the unit of an axis."""
        rows = self.result.rows
        return sum(axis.of(row) for row in rows) / max(1, len(rows))

    @property
    def short(self) -> str:
        """The same, for the head of a column."""
        return self.label if len(self.label) <= 32 else self.label[:31] + "…"


def shown(results: Sequence[Result]) -> list[Shown]:
    """The runs by method in the order given, those of a method by cost; named as a comparison names them."""
    out = []
    for place, (method, sizes) in enumerate(grouped(results).items()):
        found = [
            Shown(
                run,
                visible(method),
                _seeded(visible(label), run, runs),
                COLOURS[place % len(COLOURS)],
                SHAPES[place % len(SHAPES)],
            )
            for label, runs in sizes
            for run in runs
        ]
        out += sorted(
            found,
            key=lambda s: (s.result.cost.tokens - s.result.cost.cached_tokens) / max(1, len(s.result.rows)),
        )
    return out


def _seeded(label: str, run: Result, runs: Sequence[Result]) -> str:
    return label if len(runs) == 1 else f"{label}, seed {run.manifest.get('seed')}"
