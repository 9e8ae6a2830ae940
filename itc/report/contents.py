"""What a report says of one run or several, however it is delivered: as one page, or served in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from itc.analysis.axes import Axis, axis_of
from itc.answers import Answers
from itc.errors import ConfigError
from itc.report import headline
from itc.report.charted import Charted, charted
from itc.report.pack import script_json
from itc.report.render import rendered, trusted
from itc.report.shown import Shown, shown
from itc.report.table import ProblemTable
from itc.report.tree import Extract, tree
from itc.runs.comparison import compare
from itc.runs.result import Result
from itc.runs.verdicts import verdicts

LIMIT = 4_000
"""Characters of a text in a page; a tree that is asked of a server holds ten times as many."""

FILTERS = (
    ("all", "all problems"),
    ("right", "right"),
    ("wrong", "wrong"),
    ("disagree", "runs disagree"),
    ("missed", "right answer drawn, another returned"),
    ("stopped", "failed, refused or cut"),
)


@dataclass(frozen=True)
class Report:
    """What a page shows of runs, however it is delivered."""

    runs: Sequence[Shown]
    axis: Axis
    sentences: Sequence[str] = ()

    @staticmethod
    def of(results: Sequence[Result], axis: str = "tokens", sentences: Sequence[str] | None = None) -> Report:
        """ConfigError without runs, without problems, or for an unknown axis. Without ``sentences`` the page
        says what `itc compare` does."""
        if not results or not all(r.rows for r in results):
            raise ConfigError("A report of no problems: expected at least one run that has ended.")
        chosen = axis_of(axis)
        told = said(results, chosen) if sentences is None else sentences
        return Report(shown(results), chosen, tuple(told))

    @cached_property
    def table(self) -> ProblemTable:
        """Of all problems."""
        return ProblemTable(self.runs, self.axis)

    @cached_property
    def charts(self) -> list[Charted]:
        """All that the runs allow."""
        return charted(self.runs, self.axis.name)

    def trees(self, run: int, limit: int = LIMIT) -> Iterator[dict[str, Any] | None]:
        """The tree of each problem of the table; None where the run has no such problem."""
        result = self.runs[run].result
        extract = extraction(result)
        for rows in self.table.rows:
            row = rows[run]
            yield None if row is None else tree(result, row, extract, limit)

    def tree(self, run: int, index: int) -> dict[str, Any] | None:
        """That of one problem of the table. IndexError for a number out of range."""
        result, row = self.runs[run].result, self.table.rows[index][run]
        return None if row is None else tree(result, row, extraction(result), 10 * LIMIT)

    def data(self) -> dict[str, Any]:
        """What the page's script is told."""
        columns = self.table.columns
        return {
            "problems": len(self.table.rows),
            "runs": [{"label": r.label, "short": r.short} for r in self.runs],
            "cost": self.axis.unit,
            "graded": any(gold is not None for gold in columns["gold"]),
            "levels": any(columns["level"]),
            "charts": {c.name: {"specs": c.specs, "names": c.names} for c in self.charts},
        }

    def html(self, data: dict[str, Any], **more: Any) -> str:
        """The page around ``data``."""
        filters = [f for f in FILTERS if f[0] != "disagree" or len(self.runs) > 1]
        if not data["graded"]:
            filters = [f for f in filters if f[0] not in ("right", "wrong", "missed")]
        return rendered(
            "page.html.j2",
            **headline.told(self.runs, self.axis),
            sentences=self.sentences,
            charts=self.charts,
            filters=filters,
            data=data,
            data_json=trusted(script_json(data)),
            served=data.get("served", ""),
            **more,
        )


def said(results: Sequence[Result], axis: Axis) -> list[str]:
    """What a comparison of runs comes to; nothing where they cannot be compared."""
    try:
        return verdicts(compare(results, axis))
    except ConfigError:
        return []


def extraction(result: Result) -> Extract:
    """How answers are read in a run's task."""
    name = result.manifest.get("identity", {}).get("rule")
    try:
        return Answers.named(str(name)).extract
    except ConfigError:
        # A rule of another package, which is not here: answers of what was not returned stay unknown.
        return lambda _: None
