"""A run's directory: whole files or none, damage that is told, places that cannot be written."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pyarrow.parquet as pq
import pytest

import itc
from itc.backends.base import Completion, Request, Usage
from itc.errors import EXIT_CONFIG, BusyError, ConfigError, JournalError
from itc.runs.result import Result
from itc.runs.rows import Answer, Node, Row
from itc.runs.store import RunDirectory, StoreError
from itc.tasks import Example
from tests.runs import toys

ODD = 'lone \ud800 surrogate, NUL \x00, quote " and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢\n'


def answer(request: Request) -> Completion:
    return Completion(f"{ODD}{request.seed % 3}", "eos", Usage(2, 0, 3), (-0.5, -0.25, -0.0))


BACKEND = itc.FunctionBackend(answer, name="odd")


def run(space: Path | str, text: str = "sample(3)", count: int = 4) -> Result:
    problems = [Example(itc.Problem(f"p{i}", f"p{i}?"), str(i) if i else None) for i in range(count)]
    return itc.run(text, task=problems, model=BACKEND, workspace=space)


def folder(result: Result) -> Path:
    return Path(result.manifest["directory"])


def plain(manifest: dict[str, Any]) -> Any:
    return json.loads(json.dumps(manifest))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    first = run(tmp_path)
    again = run(tmp_path)
    assert list(again.rows) == list(first.rows)
    assert list(again.candidates) == list(first.candidates)
    assert list(again.nodes) == list(first.nodes)
    assert again.manifest == plain(first.manifest)
    assert first.rows[0].gold is None
    assert first.rows[0].correct is None
    assert again.summary() == first.summary()
    assert [a.tree for a in again.answers] == [a.tree for a in first.answers]


def test_the_files_are_plain_parquet(tmp_path: Path) -> None:
    result = run(tmp_path)
    for name, kind in (("rows", Row), ("candidates", Answer), ("nodes", Node)):
        table = pq.read_table(folder(result) / f"{name}.parquet")
        assert table.column_names == list(kind.__dataclass_fields__)
        assert len(table) == len(getattr(result, name)) > 0
    assert {p.name for p in folder(result).iterdir()} == {
        *("rows.parquet", "candidates.parquet", "nodes.parquet", "moments.parquet"),
        *("manifest.json", "config.yaml", "lock"),
    }


def test_the_evidence_of_a_particle_method_is_kept(tmp_path: Path) -> None:
    result = run(tmp_path)
    noted = {"p1": '{"evidence":-0.75,"prm":null}', "p2": '{"prm":-0.5}'}
    marked = [replace(c, potentials=noted.get(c.problem, "{}")) for c in result.candidates]
    with RunDirectory(folder(result)) as directory:
        directory.write(Result(result.rows, marked, result.nodes, result.manifest))
    again = run(tmp_path)
    assert list(again.candidates) == marked
    assert [a.log_evidence for a in again.answers] == [None, -0.75, None, None]


def test_a_run_of_an_earlier_version_is_told(tmp_path: Path) -> None:
    result = run(tmp_path)
    rows, moments = folder(result) / "rows.parquet", folder(result) / "moments.parquet"
    pq.write_table(pq.read_table(rows).drop_columns(["by_stage", "picoseconds"]), rows)
    moments.unlink()
    with pytest.raises(ConfigError, match=r"an earlier itc: rows\.parquet has no picoseconds, by_stage"):
        itc.open_run(folder(result))
    with pytest.raises(ConfigError, match="Run the same command again: its calls are replayed"):
        run(tmp_path)


def test_no_rows_at_all(tmp_path: Path) -> None:
    result = run(tmp_path, "empty")
    assert list(run(tmp_path, "empty").candidates) == [] == list(result.candidates)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda blob: blob[: len(blob) // 2],
    "empty": lambda _: b"",
    "other bytes": lambda blob: bytes(len(blob)),
    "a flipped magic": lambda blob: blob[:-1] + b"?",
    "a flipped bit": lambda blob: blob[:40] + bytes([blob[40] ^ 1]) + blob[41:],
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("table", toys.TABLES)
def test_a_damaged_table_is_told(how: str, table: str, tmp_path: Path) -> None:
    result = run(tmp_path)
    file = folder(result) / f"{table}.parquet"
    whole = file.read_bytes()
    file.write_bytes(DAMAGE[how](whole))
    with pytest.raises(ConfigError, match=r"cannot be read: .*Delete that directory and run it again"):
        run(tmp_path)
    # What it advises works, and brings back the very bytes.
    for path in folder(result).iterdir():
        path.unlink()
    run(tmp_path)
    assert file.read_bytes() == whole


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    result = run(tmp_path)
    (folder(result) / "nodes.parquet").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '"finished"', "null", "\ud800"])
def test_a_damaged_manifest_starts_the_run_again(text: str, tmp_path: Path) -> None:
    result = run(tmp_path)
    (folder(result) / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    again = run(tmp_path)
    assert list(again.rows) == list(result.rows)
    assert again.manifest["replayed_calls"] == 12
    assert again.manifest["billed"]["calls"] == 0


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    run(tmp_path)
    toys.journal(tmp_path).write_bytes(b"not a journal at all" * 1000)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        run(tmp_path, "sample(2)")


@pytest.mark.parametrize("place", ["file", "file/deeper", "/proc/nowhere"])
def test_a_place_that_cannot_be_made(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"Cannot write into .*Choose another workspace=") as error:
        run(tmp_path / place)
    assert error.value.exit_code == EXIT_CONFIG
    assert (tmp_path / "file").read_text() == "in the way"


NOBODY = """
import os, sys
sys.path.insert(0, {root!r})
from tests.runs.test_store import run
import itc.api, itc.library, pyarrow.parquet
if os.geteuid() == 0:
    os.setuid(65534)
try:
    run(sys.argv[1])
except itc.errors.ItcError as error:
    print(type(error).__name__, error.exit_code)
"""


def test_a_place_that_may_not_be_written(tmp_path: Path) -> None:
    space = tmp_path / "space"
    space.mkdir()
    for parent in (tmp_path, *tmp_path.parents):
        if Path(gettempdir()) not in parent.parents:
            break
        # pytest makes its folders for the owner alone.
        parent.chmod(parent.stat().st_mode | 0o055)
    space.chmod(0o555)
    code = NOBODY.format(root=str(Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(space)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["ConfigError", str(EXIT_CONFIG)]
    assert list(space.iterdir()) == []


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    first, second = RunDirectory(tmp_path / "run"), RunDirectory(tmp_path / "run")
    with first:
        with pytest.raises(BusyError, match="different runs may share a workspace"), second:
            raise AssertionError("two writers")
        first.write_manifest({"a": 1})
    with second:
        assert second.manifest() == {"a": 1}


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunDirectory(tmp_path / "run") as directory:
        directory.write_manifest({"status": "old"})

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space.*not paid for twice"):
            directory.write_manifest({"status": "new"})
        assert directory.manifest() == {"status": "old"}
        assert {p.name for p in directory.path.iterdir()} == {"lock", "manifest.json"}


def test_the_manifest_is_json_for_everyone(tmp_path: Path) -> None:
    result = run(tmp_path)
    manifest = json.loads((folder(result) / "manifest.json").read_text())
    assert manifest == plain(result.manifest)
    for name in ("status", "hash", "task", "strategy", "seed", "versions", "identity", "billed", "seconds"):
        assert name in manifest
    assert manifest["versions"]["itc"] == itc.__version__


def test_the_evidence_of_a_run_can_be_read(tmp_path: Path) -> None:
    text = "identity * 4 >> sample() >> score(likelihood) >> reweight(likelihood, log, set) >> evidence()"
    first, again = run(tmp_path, text), run(tmp_path, text)
    for solved, reread in zip(first.answers, again.answers, strict=True):
        mine = [c for c in first.candidates if c.problem == solved.row.problem]
        mean = sum(math.exp(c.log_weight) for c in mine) / len(mine)
        assert solved.log_evidence == pytest.approx(math.log(mean))
        assert reread.log_evidence == solved.log_evidence
        assert all("evidence" in json.loads(c.potentials) for c in mine)
