"""The frontier of runs as a picture for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from itc.errors import ConfigError
from itc.report import charts
from itc.report.contents import Report
from itc.runs.result import Result


def write(results: Sequence[Result], path: Path | str, axis: str = "tokens") -> Path:
    """Draw accuracy against compute into ``path``, which ends in .png, .svg or .pdf. Returns the path.

    ConfigError where no run has gold answers, or where it cannot be written.
    """
    report = Report.of(results, axis)
    lines: dict[str, list[charts.Point]] = {}
    for run in report.runs:
        if (accuracy := run.result.accuracy) is not None:
            lines.setdefault(run.method, []).append(charts.Point(run.cost(report.axis), accuracy))
    if not lines:
        raise ConfigError("A figure of accuracies needs gold answers, and no run here has any.")
    tasks = sorted({str(r.manifest.get("task")) for r in results})
    title = f"{len(results[0].rows):,} problems of {', '.join(tasks)}"
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        charts.frontier(lines, title, file, report.axis.label)
    except OSError as error:
        raise ConfigError(f"Cannot write {file}: {error.strerror}. Choose another place with -o.") from None
    return file
