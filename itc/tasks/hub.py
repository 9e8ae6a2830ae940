"""Benchmarks from the Hugging Face hub, at a pinned revision and with pinned content."""

from __future__ import annotations

from dataclasses import dataclass

from itc.errors import TaskError
from itc.tasks.base import content_sha256
from itc.tasks.rows import Row, read_rows


@dataclass(frozen=True, slots=True)
class Pinned:
    """A split of a hub data set, and what its content must be."""

    repo: str
    config: str | None
    split: str
    revision: str
    """Full commit, 40 hexadecimal digits."""
    sha256: str
    """``content_sha256`` of its question and answer fields."""
    question: str
    answer: str
    licence: str


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a benchmark and their origin."""

    rows: tuple[Row, ...]
    sha256: str
    source: str
    official: bool


def fetch(pinned: Pinned, path: str | None, repo: str | None = None) -> Content:
    """Rows from the file ``path``, or else from the hub (``repo`` replaces the pinned one).

    A local file may hold anything, and ``official`` records whether it is the pinned content. What comes
    from the hub must be: a different content is a TaskError, and so is a missing ``datasets`` package.
    """
    if path is not None:
        rows, source = read_rows(path), path
    else:
        rows, source = _hub_rows(pinned, repo or pinned.repo)
    sha256 = content_sha256(
        (row.text((pinned.question,), source)[1], row.text((pinned.answer,), source)[1]) for row in rows
    )
    official = sha256 == pinned.sha256
    if path is None and not official:
        raise TaskError(
            f"{source}: the content has sha256 {sha256}, expected {pinned.sha256}; the data set was changed. "
            "To use it all the same, download it and give its task.path=…"
        )
    return Content(tuple(rows), sha256, source, official)


def _hub_rows(pinned: Pinned, repo: str) -> tuple[list[Row], str]:
    source = f"{repo}@{pinned.revision}"
    try:
        import datasets
    except ImportError as error:
        raise TaskError(
            f"{source} comes from the hub, which needs `pip install itc[hub]`; or give a local file, "
            "task.path=…"
        ) from error
    try:
        table = datasets.load_dataset(repo, pinned.config, split=pinned.split, revision=pinned.revision)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise TaskError(
            f"{source}: cannot be loaded ({type(error).__name__}: {error}); "
            "check the network, or give a local file, task.path=…"
        ) from error
    return [Row(dict(row), f"row {number}") for number, row in enumerate(table, start=1)], source
