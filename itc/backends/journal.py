"""The journal: every draw is stored durably before it is used, so it is paid for once.

Crash recovery, caching and offline analysis are this one mechanism: a run that is started again replays its
draws up to where it stopped. `Journaled` asks it before asking the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType

from itc.backends.journal_file import JournalFile, Row, Table
from itc.concurrency import ended
from itc.errors import JournalError

KEY_BYTES = 16

_Put = tuple[Row, "asyncio.Future[bytes]"]


class Journal:
    """An append-only file of draws and decisions, shared by every run of a workspace.

    The first value stored under a key stays. Reads are synchronous on a connection of their own; writes go
    to one thread, which commits whatever has gathered while it committed before. Everything put in one
    pass of the event loop is in one transaction, so the draws of one call are stored all or none.

    Several processes may share the file, and so may several journals of one process. It must be on a local
    disk. One event loop at a time may use a journal.
    """

    def __init__(self, reader: JournalFile, writer: JournalFile) -> None:
        self.path = reader.path
        self.commits = 0
        """Transactions this journal has committed."""
        self._reader = reader
        self._writer = writer
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: list[tuple[bytes, asyncio.Future[bytes | None]]] = []
        """What was fetched in this pass of the event loop."""
        self._pass: list[_Put] = []
        """What was put in this pass of the event loop."""
        self._passes: SimpleQueue[list[_Put] | None] = SimpleQueue()
        """On the way to the writer; None ends it."""
        # A daemon: a caller that forgets to close must not hang the interpreter's exit.
        self._thread = Thread(target=self._write, name=f"journal {self.path.name}", daemon=True)
        self._thread.start()

    @staticmethod
    def open(path: Path | str, *, timeout_s: float = 30.0) -> Journal:
        """Open the journal at ``path``, or create it in a directory that exists.

        ``timeout_s``: seconds a commit may wait for other processes' commits. JournalError when the file is
        not a journal, is damaged, has another schema version, or cannot be written.
        """
        writer = JournalFile(path, timeout_s=timeout_s)
        try:
            return Journal(JournalFile(path, timeout_s=timeout_s), writer)
        except JournalError:
            writer.close()
            raise

    def get(self, key: bytes) -> bytes | None:
        """The draw stored under ``key``. JournalError when the file cannot be read or is damaged."""
        return self._reader.get("draws", key)

    async def fetch(self, key: bytes) -> bytes | None:
        """As `get`. What is fetched in one pass of the event loop is read by one statement: each gives up the
        interpreter lock, and a busy engine hands it back only after its switch interval of 5 ms."""
        loop = asyncio.get_running_loop()
        if not self._asked or loop is not self._asked[0][1].get_loop():
            self._asked = []
            loop.call_soon(self._look_up)
        waiter: asyncio.Future[bytes | None] = loop.create_future()
        self._asked.append((key, waiter))
        return await waiter

    def _look_up(self) -> None:
        asked, self._asked = self._asked, []
        try:
            found = self._reader.get_many("draws", list({key: None for key, _ in asked}))
        except JournalError as error:
            for _, waiter in asked:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        for key, waiter in asked:
            if not waiter.done():
                waiter.set_result(found.get(key))

    def get_decision(self, key: bytes) -> bytes | None:
        """The decision stored under ``key``. JournalError as for `get`."""
        return self._reader.get("decisions", key)

    async def put(self, key: bytes, blob: bytes) -> bytes:
        """Store a draw; after the durable commit, return what is stored: an earlier blob, if there was one.

        A put that is cancelled still ends only after its commit, for what was received must not be lost.
        JournalError when the commit failed: nothing of its transaction is stored then.
        """
        return await self._put("draws", key, blob)

    async def put_decision(self, key: bytes, blob: bytes) -> bytes:
        """Store a decision that depends on more than the draws, such as who won a race. As `put`."""
        return await self._put("decisions", key, blob)

    @property
    def draws(self) -> int:
        """Draws stored, by anyone."""
        return self._reader.count("draws")

    @property
    def decisions(self) -> int:
        """Decisions stored, by anyone."""
        return self._reader.count("decisions")

    def close(self) -> None:
        """Commit what is waiting, then close the file. Idempotent.

        It blocks for the last commit, and works within the event loop and after its end. Later puts and
        gets raise JournalError.
        """
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._passes.put(None)
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _put(self, table: Table, key: bytes, blob: bytes) -> bytes:
        stored = self._enqueue((table, key, blob))
        try:
            return await asyncio.shield(stored)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                await ended((stored,))
            stored.result()
            raise

    def _enqueue(self, row: Row) -> asyncio.Future[bytes]:
        if self._closed:
            raise JournalError(f"The journal {self.path} is closed. Open it again with Journal.open.")
        if len(row[1]) != KEY_BYTES:
            raise ValueError(f"a journal key has {KEY_BYTES} bytes, not {len(row[1])}")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._hand_over()  # an earlier loop may have ended before its last pass did so
            self._loop = loop
        if not self._pass:
            loop.call_soon(self._hand_over)
        waiter: asyncio.Future[bytes] = loop.create_future()
        self._pass.append((row, waiter))
        return waiter

    def _hand_over(self) -> None:
        if self._pass:
            self._passes.put(self._pass)
            self._pass = []

    def _write(self) -> None:
        ended = False
        while not ended:
            passes = [self._passes.get()]
            with suppress(Empty):
                while True:
                    passes.append(self._passes.get_nowait())
            ended = None in passes
            if batch := [put for puts in passes if puts is not None for put in puts]:
                self._commit(batch)

    def _commit(self, batch: list[_Put]) -> None:
        stored: list[bytes] | Exception
        try:
            stored = self._writer.add([row for row, _ in batch])
            self.commits += 1
        except Exception as error:
            stored = error  # whatever it is, those who wait must be told
        for loop in {waiter.get_loop() for _, waiter in batch}:
            # A loop that has ended leaves nobody to tell; the rows are stored all the same.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, loop, batch, stored)


def _tell(loop: asyncio.AbstractEventLoop, batch: Iterable[_Put], stored: list[bytes] | Exception) -> None:
    for i, (_, waiter) in enumerate(batch):
        if waiter.done() or waiter.get_loop() is not loop:
            continue
        if isinstance(stored, Exception):
            waiter.set_exception(stored)
        else:
            waiter.set_result(stored[i])
