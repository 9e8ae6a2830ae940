"""A run's directory: configuration, manifest, Parquet rows. A crash leaves no half-written file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import orjson

from itc import __version__
from itc.errors import BusyError, ConfigError
from itc.runs.rows import Answer, Node, Result, Row

T = TypeVar("T", Row, Answer, Node)

FILES = {"rows": Row, "candidates": Answer, "nodes": Node}


class RunDirectory:
    """Held by one process at a time: a context manager. BusyError while another holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> RunDirectory:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
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
            found = orjson.loads((self.path / "manifest.json").read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest."""
        self._replace("manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))

    def write_config(self, text: str) -> None:
        """Keep the resolved configuration."""
        self._replace("config.yaml", text.encode())

    def write(self, result: Result) -> None:
        """Write every table, then the manifest, which says that they are whole."""
        for name, kind in FILES.items():
            self._replace(f"{name}.parquet", _parquet(getattr(result, name), kind))
        self.write_manifest(result.manifest)

    def read(self) -> Result:
        """The finished run. ConfigError where its files were damaged."""
        try:
            tables = {name: list(_rows(self.path / f"{name}.parquet", kind)) for name, kind in FILES.items()}
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"The run in {self.path} cannot be read: {error}. Delete that directory and run it again; "
                "what the journal holds is not paid for twice."
            ) from None
        return Result(tables["rows"], tables["candidates"], tables["nodes"], self.manifest())  # type: ignore[arg-type]

    def _replace(self, name: str, blob: bytes) -> None:
        partial = self.path / f".{name}.partial"
        with partial.open("wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / name)


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


def _rows(path: Path, kind: type[T]) -> Iterator[T]:
    import pyarrow.parquet as pq

    for row in pq.read_table(path, schema=_schema(kind)).to_pylist():
        yield kind(**row)


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
