"""The report of one run or several: one page that opens from disk and asks no network for anything.

Text of models stands in it as JSON that cannot end its element, or packed, and is shown as text only; a
content security policy admits the page's own two scripts by their hashes, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itc.errors import ConfigError
from itc.report import runtime
from itc.report.contents import LIMIT, Report
from itc.report.pack import packed
from itc.report.render import trusted
from itc.report.table import Query
from itc.runs.result import Result

CHUNK = 8
"""Trees that are packed, and unpacked, together."""
MOST_BYTES = 32_000_000
"""Of packed trees in one page; those of later problems are left out."""
_LIMITS = (LIMIT, LIMIT // 5)
"""Characters of a text, and those where the page would otherwise be too large."""


def write(
    results: Sequence[Result], path: Path | str, axis: str = "tokens", sentences: Sequence[str] | None = None
) -> Path:
    """Write the page of ``results`` to ``path``, replacing what is there. Returns the path.

    ``sentences`` are shown below the headline; without them, what `itc compare` would say. ConfigError as
    `Report.of`, or where it cannot be written.
    """
    return _put(page(Report.of(results, axis, sentences)), Path(path))


def write_csv(results: Sequence[Result], path: Path | str, axis: str = "tokens") -> Path:
    """Write the table of problems as CSV. Returns the path; ConfigError as `write`."""
    return _put(Report.of(results, axis).table.csv(Query()), Path(path))


def _put(text: str, file: Path) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(file)
    except OSError as error:
        raise ConfigError(f"Cannot write {file}: {error.strerror}. Choose another place with -o.") from None
    return file


def page(report: Report, most: int = MOST_BYTES) -> str:
    """All of it as one text, its trees within ``most`` bytes."""
    trees, chunks, left_out = _trees(report, most)
    chunks.insert(0, ("table", packed(report.table.columns)))
    vega, script = runtime.vega(), runtime.script()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {runtime.source_hash(vega)} {runtime.source_hash(script)}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return report.html(
        {**report.data(), "trees": trees},
        chunks=chunks,
        left_out=left_out,
        policy=policy,
        vega=trusted(vega),
        script=trusted(script),
        style=trusted(runtime.style()),
        licences=trusted(runtime.licences()),
    )


def _trees(report: Report, most: int) -> tuple[list[dict[str, Any]], list[tuple[str, str]], str]:
    """Where each tree is, the packed trees, and what a reader must know of those that are missing."""
    for limit in _LIMITS:
        places, chunks, missing = _packed(report, limit, most)
        if not missing:
            break
    told = ""
    if limit != _LIMITS[0]:
        told = f"To keep the page small, texts were cut to {limit:,} characters"
        told += f", and {missing:,} trees were left out: itc view shows them whole." if missing else "."
    return places, chunks, told


def _packed(report: Report, limit: int, most: int) -> tuple[list[dict[str, Any]], list[tuple[str, str]], int]:
    chunks: list[tuple[str, str]] = []
    places: list[dict[str, Any]] = []
    missing = 0
    for run in range(len(report.runs)):
        room, number = most // len(report.runs), 0
        at: list[int | None] = []
        waiting: list[dict[str, Any]] = []
        for drawn in report.trees(run, limit):
            if drawn is None or room <= 0:
                missing += drawn is not None
                at.append(None)
                continue
            at.append(number * CHUNK + len(waiting))
            waiting.append(drawn)
            if len(waiting) == CHUNK:
                chunks.append((f"trees-{run}-{number}", packed(waiting)))
                room -= len(chunks[-1][1])
                number, waiting = number + 1, []
        if waiting:
            chunks.append((f"trees-{run}-{number}", packed(waiting)))
        places.append({"at": at, "chunk": CHUNK})
    return places, chunks, missing
