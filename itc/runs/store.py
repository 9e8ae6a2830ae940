"""A run's directory: configuration, manifest, Parquet tables. A crash leaves no half-written file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from itc import __version__
from itc.errors import EXIT_BACKEND, BusyError, ConfigError, ItcError
from itc.runs import durable
from itc.runs.result import Result
from itc.runs.rows import Answer, Moment, Node, Row
from itc.runs.tables import Table

FILES: dict[str, type] = {"rows": Row, "candidates": Answer, "nodes": Node, "moments": Moment}

MANIFEST = "manifest.json"

ENDED = ("finished", "partial")
"""States of a run whose tables are whole; of a partial one some problems failed, and count as wrong."""


class StoreError(ItcError):
    """A run's files cannot be written. What the run received is in the journal."""

    exit_code = EXIT_BACKEND


class RunDirectory:
    """Held by one process at a time: a context manager. BusyError while another holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> RunDirectory:
        try:
            durable.make_folder(self.path)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigError(
                f"Cannot write into {self.path}: {error.strerror}. Choose another workspace=."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = None
            raise BusyError(
                f"Another process is running this very configuration in {self.path}. Wait for it to end, or "
                "change what it computes (seed=, strategy …); different runs may share a workspace."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def manifest(self) -> dict[str, Any]:
        """What the run says of itself; empty before it was first started, or where it cannot be read."""
        with contextlib.suppress(OSError, orjson.JSONDecodeError):
            found = orjson.loads((self.path / MANIFEST).read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest. StoreError."""
        self._replace(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))

    def write_config(self, text: str) -> None:
        """Keep the resolved configuration. StoreError."""
        self._replace("config.yaml", text.encode())

    def write(self, result: Result) -> Result:
        """Write every table, then the manifest, which says that they are whole: the result with the tables'
        checksums in it. StoreError.
        """
        checksums = {}
        for name, kind in FILES.items():
            blob = _parquet(getattr(result, name), kind)
            checksums[name] = sha256(blob).hexdigest()
            self._replace(f"{name}.parquet", blob)
        result = replace(result, manifest={**result.manifest, "tables_sha256": checksums})
        self.write_manifest(result.manifest)
        return result

    def read(self) -> Result:
        """The finished run. ConfigError where its files were damaged, or written by an earlier itc."""
        manifest = self.manifest()
        checksums = manifest.get("tables_sha256", {})
        try:
            tables = {name: self._table(name, checksums.get(name)) for name in FILES}
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"The run in {self.path} cannot be read: {error}. Delete that directory and run it again; "
                "what the journal holds is not paid for twice."
            ) from None
        rows = Table(Row, tables["rows"])
        candidates, nodes = Table(Answer, tables["candidates"]), Table(Node, tables["nodes"])
        return Result(list(rows), candidates, nodes, manifest, Table(Moment, tables["moments"]))

    def _table(self, name: str, checksum: str | None) -> Any:
        import pyarrow.parquet as pq

        file, schema = self.path / f"{name}.parquet", _schema(FILES[name])
        found = pq.read_table(file)
        missing = [column for column in schema.names if column not in found.column_names]
        if missing:
            raise ConfigError(
                f"The run in {self.path} was written by an earlier itc: {file.name} has no "
                f"{', '.join(missing)}. Run the same command again: its calls are replayed from the journal "
                "into a new directory, and nothing is paid for twice."
            )
        # Parquet would read many a flipped bit as another number.
        with file.open("rb") as blob:
            if checksum is not None and file_digest(blob, "sha256").hexdigest() != checksum:
                raise ValueError(f"{file.name} is not what was written: its checksum is another")
        return found.select(schema.names).cast(schema)

    def _replace(self, name: str, blob: bytes) -> None:
        try:
            durable.replace(self.path / name, blob)
        except OSError as error:
            raise StoreError(
                f"{self.path / name} cannot be written: {error.strerror}. Free some space there, or make it "
                "writable, and run the same command again: what was received is in the journal, and is not "
                "paid for twice."
            ) from None


def _schema(kind: type) -> Any:
    import pyarrow as pa

    known = {
        "str": pa.string(),
        "str | None": pa.string(),
        "bool": pa.bool_(),
        "bool | None": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
    }
    return pa.schema([(f.name, known[str(f.type)]) for f in fields(kind)])


def _parquet(rows: Sequence[Any], kind: type) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink, schema = pa.BufferOutputStream(), _schema(kind)
    columns = [pa.array([getattr(r, f.name) for r in rows], f.type) for f in schema]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink)
    return bytes(sink.getvalue())


def open_run(path: Path | str) -> Result:
    """The run in a directory, to be looked at: nothing is computed, and nothing is changed.

    ConfigError where there is none, it has not ended, its files are damaged, or an earlier itc wrote them.
    """
    directory = RunDirectory(Path(path))
    status = directory.manifest().get("status")
    if status is None:
        raise ConfigError(
            f"{path} is no run: it holds no readable manifest.json. Give a run's directory, as `itc run` "
            "prints it, or a folder of runs where several are taken."
        )
    if status not in ENDED:
        raise ConfigError(
            f"The run in {path} has not ended (its status is {status!r}). Run the same command again: it "
            "goes on where it stopped."
        )
    return directory.read()


def find_runs(paths: Iterable[Path | str]) -> list[Path]:
    """The directories of the runs at ``paths``: a run's directory is itself, and any other folder stands for
    all runs below it that have ended. Sorted within a path, each once, in the order of ``paths``.

    ConfigError for a path without any.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        here = [path] if (path / MANIFEST).exists() else sorted(m.parent for m in path.rglob(MANIFEST))
        runs = [p for p in here if p == path or RunDirectory(p).manifest().get("status") in ENDED]
        if not runs:
            told = "is no folder" if not path.is_dir() else "holds no run that has ended"
            raise ConfigError(
                f"{path} {told}: expected a run's directory (with {MANIFEST} and rows.parquet), or a "
                "workspace or another folder with such directories below it. `itc run` prints where it wrote."
            )
        found |= dict.fromkeys(runs)
    return list(found)


def versions() -> dict[str, str]:
    """Versions of what shapes a result, and the commit of a checkout."""
    found = {"itc": __version__, "python": platform.python_version()}
    for package in ("numpy", "math-verify", "latex2sympy2-extended", "antlr4-python3-runtime", "sympy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        if told.returncode == 0:
            found["commit"] = told.stdout.strip()
    return found
