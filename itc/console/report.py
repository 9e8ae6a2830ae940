"""``itc report``: a page, figures for a paper, or a table of problems, from runs that have ended."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from itc.analysis.axes import axis_of
from itc.console.options import Options
from itc.console.terminal import emit, say
from itc.errors import ConfigError
from itc.runs.result import Result
from itc.runs.store import find_runs, open_run

_FIGURES = (".png", ".svg", ".pdf")
_EXPECTED = (
    "Expected itc report RUN… [-o FILE.html|.png|.svg|.pdf|.csv] [--png] [--at AXIS] [--json], where RUN is "
    "a run's directory or a folder of runs."
)


def report(words: list[str]) -> int:
    """Write every file asked for. The exit code."""
    options = _options(words)
    results = [open_run(path) for path in find_runs(options.runs)]
    asked = [Path(o) for o in options.output]
    if options.png:
        asked += [Path("report.png"), Path("report.svg")]
    written = [_write(path, results, options.at) for path in asked or [Path("report.html")]]
    if options.json:
        emit({"runs": [r.manifest.get("directory") for r in results], "written": [str(p) for p in written]})
    for path in [] if options.json else written:
        say(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = Options("report", _EXPECTED)
    parser.add("runs", nargs="*")
    parser.add("-o", "--output", action="append", default=[])
    parser.add("--png", action="store_true")
    parser.add("--at", default="tokens")
    options = parser.read(words)
    if not options.runs:
        raise parser.wrong("of no runs")
    axis_of(options.at)
    for name in options.output:
        if Path(name).suffix.lower() not in (".html", ".htm", ".csv", *_FIGURES):
            raise ConfigError(
                f"itc report -o {name}: expected a name that ends in .html for a page, in .png, .svg or .pdf "
                "for a figure, or in .csv for the table of problems."
            )
    return options


def _write(path: Path, results: Sequence[Result], axis: str) -> Path:
    from itc.report import figures, page

    if path.suffix.lower() in _FIGURES:
        return figures.write(results, path, axis)
    if path.suffix.lower() == ".csv":
        return page.write_csv(results, path, axis)
    return page.write(results, path, axis)
