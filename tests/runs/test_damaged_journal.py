"""A journal damaged at 200 places: a run over it ends in a JournalError or in the very same tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

import itc
from itc.backends.base import Completion, Request, Usage
from itc.backends.journal import Journal
from itc.errors import JournalError
from itc.runs.result import Result
from itc.tasks import Example
from tests.runs import toys

STRATEGY = "sample(4) >> score(likelihood) >> vote(likelihood)"


def answer(request: Request) -> Completion:
    """A function of the request, so that a draw that is lost can be made again."""
    numbers = Random(f"{request.prompt} {request.seed}")
    text = f"{'thus ' * numbers.randrange(40)}#### {numbers.randrange(3)}"
    return Completion(text, "eos", Usage(2, 0, 2), (-numbers.random(), -0.25))


ENGINE = itc.FunctionBackend(answer, name="function")
OUTCOMES = {"refused", "replayed in full", "drawn in part"}
TASK = [Example(itc.Problem(f"p{i}", f"How much is {i}?"), str(i % 3)) for i in range(12)]


def run(space: Path) -> Result:
    return itc.run(STRATEGY, task=TASK, model=ENGINE, workspace=space)


@dataclass(frozen=True)
class Whole:
    """An undamaged run: its tables, and the files of its journal."""

    tables: dict[str, bytes]
    closed: bytes
    """The journal's file, once it was closed in order."""
    killed: tuple[bytes, bytes]
    """The file and its log, as a kill leaves them."""


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    with TemporaryDirectory() as name:
        space = Path(name)
        file = toys.journal(space)
        # As long as someone has it open, the log is not folded back.
        with Journal.open(file):
            tables = toys.tables(run(space))
            killed = file.read_bytes(), Path(f"{file}-wal").read_bytes()
        yield Whole(tables, file.read_bytes(), killed)


def damaged(blob: bytes, at: int, noise: Random) -> bytes:
    """Cut short at a place, or with bytes there that are others."""
    size = noise.choice((0, 1, 1, 16, 500))
    if not size:
        return blob[:at]
    return blob[:at] + bytes(b ^ noise.randrange(1, 256) for b in blob[at : at + size]) + blob[at + size :]


def outcome(space: Path, whole: Whole) -> str:
    """What a run over a workspace's journal comes to; nothing but these two may happen."""
    try:
        result = run(space)
    except JournalError as error:
        return "refused" if f"The journal {toys.journal(space)} cannot be used" in str(error) else str(error)
    assert toys.tables(result) == whole.tables
    return "replayed in full" if not result.manifest["billed"]["calls"] else "drawn in part"


@pytest.mark.parametrize("tenth", range(10))
def test_a_damaged_file(tenth: int, whole: Whole, tmp_path: Path) -> None:
    noise, told = Random(tenth), Counter[str]()
    for i in range(15):
        space = tmp_path / str(i)
        space.mkdir()
        at = (tenth * 15 + i) * len(whole.closed) // 150 + noise.randrange(len(whole.closed) // 150)
        toys.journal(space).write_bytes(damaged(whole.closed, at, noise))
        told[outcome(space, whole)] += 1
    assert told["refused"] > 0
    assert set(told) <= OUTCOMES


def test_a_damaged_log(whole: Whole, tmp_path: Path) -> None:
    """SQLite reads a log up to the first frame that is not whole: what is lost is drawn again."""
    noise, (file, log) = Random("log"), whole.killed
    told = Counter[str]()
    for i in range(50):
        space = tmp_path / str(i)
        space.mkdir()
        at = i * len(log) // 50 + noise.randrange(len(log) // 50)
        toys.journal(space).write_bytes(file)
        Path(f"{toys.journal(space)}-wal").write_bytes(damaged(log, at, noise))
        told[outcome(space, whole)] += 1
    assert told["drawn in part"] > 0
    assert set(told) <= OUTCOMES


def test_undamaged_copies_replay_in_full(whole: Whole, tmp_path: Path) -> None:
    """Else the two above would show nothing."""
    for name in ("closed", "killed"):
        space = tmp_path / name
        space.mkdir()
        if name == "closed":
            toys.journal(space).write_bytes(whole.closed)
        else:
            toys.journal(space).write_bytes(whole.killed[0])
            Path(f"{toys.journal(space)}-wal").write_bytes(whole.killed[1])
        assert outcome(space, whole) == "replayed in full"


def test_a_run_that_was_refused_starts_a_new_journal_as_it_is_told_to(whole: Whole, tmp_path: Path) -> None:
    file = toys.journal(tmp_path)
    file.write_bytes(whole.closed[:5000])
    with pytest.raises(JournalError, match="restore a copy, or move it away to start a new journal"):
        run(tmp_path)
    file.rename(tmp_path / "damaged")
    assert outcome(tmp_path, whole) == "drawn in part"
