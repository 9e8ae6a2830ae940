"""What must last is synced, in the order in which it is relied on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from itc.runs import durable
from itc.runs.result import Result
from itc.runs.store import RunDirectory


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is synced and put in place, as it happens. A power cut cannot be acted out here."""
    seen: list[tuple[str, str]] = []
    fsync, move = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        assert size or not name.startswith("."), "synced before anything was written"
        seen.append(("sync", name))
        fsync(descriptor)

    def moved(self: Path, target: Path) -> Path:
        seen.append(("place", target.name))
        return move(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    return seen


def test_a_file_is_synced_before_it_is_put_in_place_and_its_folder_after(
    trail: list[tuple[str, str]], tmp_path: Path
) -> None:
    for blob in (b"first", b"second"):
        trail.clear()
        durable.replace(tmp_path / "rows", blob)
        assert trail == [("sync", ".rows.partial"), ("place", "rows"), ("sync", tmp_path.name)]
        assert (tmp_path / "rows").read_bytes() == blob
    assert [p.name for p in tmp_path.iterdir()] == ["rows"]


def test_the_folders_that_are_made_are_synced_from_above(
    trail: list[tuple[str, str]], tmp_path: Path
) -> None:
    durable.make_folder(tmp_path / "runs" / "task" / "run")
    assert trail == [("sync", tmp_path.name), ("sync", "runs"), ("sync", "task")]
    durable.make_folder(tmp_path / "runs" / "task" / "run")
    assert len(trail) == 3


def test_tables_last_before_a_manifest_says_so(trail: list[tuple[str, str]], tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as directory:
        trail.clear()
        directory.write(Result([], [], [], {"status": "finished"}))
    tables = [f"{name}.parquet" for name in ("rows", "candidates", "nodes", "moments")]
    expected = [
        event
        for name in (*tables, "manifest.json")
        for event in (("sync", f".{name}.partial"), ("place", name), ("sync", "run"))
    ]
    assert trail == expected


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.replace(tmp_path / "rows", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if fails == "fsync" else (Path, "replace", full)))
    with pytest.raises(OSError, match="No space left"):
        durable.replace(tmp_path / "rows", b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"rows": b"old"}
