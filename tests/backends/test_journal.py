"""The journal: what is put is committed before use, the first value of a key stays, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from itc.backends.journal import Journal
from itc.errors import JournalError
from itc.keys import Key

ROOT = Key("test")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


class Locked:
    """Keeps the file's write lock, as another process that commits."""

    def __init__(self, journal: Journal) -> None:
        self.db = sqlite3.connect(journal.path, isolation_level=None)

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, *error: object) -> None:
        self.db.execute("ROLLBACK")
        self.db.close()


def test_what_is_fetched_together_is_read_by_one_statement(journal: Journal) -> None:
    async def main() -> None:
        stored = {ROOT.fold(i).digest: str(i).encode() for i in range(1500)}
        async with asyncio.TaskGroup() as tasks:
            for key, blob in stored.items():
                tasks.create_task(journal.put(key, blob))
        read = []
        journal._reader._open.set_trace_callback(read.append)
        asked = [asyncio.create_task(journal.fetch(key)) for key in (*stored, bytes(16), *stored)]
        asked[7].cancel()
        await asyncio.wait(asked)
        asked.pop(7)
        found = [task.result() for task in asked]
        wanted = [*stored.values(), None, *stored.values()]
        wanted.pop(7)
        assert found == wanted
        assert len(read) == 2, "a thousand keys at most in each"

    asyncio.run(main())


def test_the_loop_goes_on_while_a_commit_waits(journal: Journal) -> None:
    async def main() -> None:
        await journal.put(bytes(16), b"before")
        with Locked(journal):
            put = asyncio.create_task(journal.put(bytes(15) + b"1", b"blob"))
            gaps, last = [], time.perf_counter()
            for _ in range(100):
                await asyncio.sleep(0.002)
                assert journal.get(bytes(16)) == b"before"
                assert not put.done()
                gaps.append(time.perf_counter() - last)
                last = time.perf_counter()
        assert await put == b"blob"
        assert sorted(gaps)[90] < 0.05

    asyncio.run(main())


def test_what_is_put_in_one_pass_is_one_transaction(journal: Journal) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for i in range(2500):
                tasks.create_task(journal.put(ROOT.fold(i).digest, str(i).encode()))

    asyncio.run(main())
    assert (journal.commits, journal.draws) == (1, 2500)
    assert all(journal.get(ROOT.fold(i).digest) == str(i).encode() for i in range(2500))


def test_puts_that_a_loop_left_behind_are_stored(journal: Journal) -> None:
    async def start(n: int) -> asyncio.Task[bytes]:
        task = asyncio.create_task(journal.put(ROOT.fold(n).digest, b"left"))
        await asyncio.sleep(0)
        return task

    left = []
    for n in range(2):
        loop = asyncio.new_event_loop()
        left.append(loop.run_until_complete(start(n)))
        loop.close()
    assert asyncio.run(journal.put(ROOT.fold(2).digest, b"later")) == b"later"
    journal.close()
    with Journal.open(journal.path) as again:
        assert again.draws == 3
    for task in left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_closing_commits_what_waits_and_may_be_repeated(journal: Journal) -> None:
    async def main() -> None:
        put = asyncio.create_task(journal.put(bytes(16), b"blob"))
        await asyncio.sleep(0)
        journal.close()
        journal.close()
        assert await put == b"blob"
        with pytest.raises(JournalError, match="closed"):
            await journal.put(bytes(16), b"blob")
        with pytest.raises(JournalError, match="closed"):
            journal.get(bytes(16))

    asyncio.run(main())
    with Journal.open(journal.path) as again:
        assert again.get(bytes(16)) == b"blob"


def test_a_key_has_sixteen_bytes(journal: Journal) -> None:
    with pytest.raises(ValueError, match="16 bytes, not 3"):
        asyncio.run(journal.put(b"key", b"blob"))


def test_the_first_value_of_a_key_stays(journal: Journal) -> None:
    async def main(put: Callable[[bytes, bytes], Awaitable[bytes]]) -> None:
        assert await put(bytes(16), b"") == b""
        assert await put(bytes(16), b"second") == b""

    asyncio.run(main(journal.put))
    asyncio.run(main(journal.put_decision))
    assert journal.get(bytes(16)) == journal.get_decision(bytes(16)) == b""
    assert (journal.draws, journal.decisions) == (1, 1)


def test_decisions_and_draws_are_apart(journal: Journal) -> None:
    asyncio.run(journal.put_decision(bytes(16), b"refused"))
    assert journal.get(bytes(16)) is None
    assert journal.get_decision(bytes(16)) == b"refused"
