"""A process of its own for the journal's tests: ``journal_child.py MODE PATH [ARGUMENT]``.

draw    draws groups through the whole stack until it is killed; prints each draw once it may be used
share   waits for a line, then puts keys that others put too; prints what was stored under each
full    puts until the file may not grow any more, then again once it may
nobody  opens the journal as a user who may not write there
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
from itertools import count
from pathlib import Path

from itc.backends.base import Completion, Request, Usage
from itc.backends.coalesce import Coalesce
from itc.backends.function import ALL, FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.errors import JournalError
from itc.keys import Key

SIBLINGS = 16
SHARED = 400


def say(*words: object) -> None:
    """One write a line, so that a kill cannot leave half of one."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def draw(journal: Journal, first: int) -> None:
    def answer(request: Request) -> Completion:
        # The n draws of a call all belong to its group; which is which is read off the order.
        draws = [Completion(f"{request.prompt} {i}", "eos", Usage(1, 0, 1)) for i in range(request.n)]
        return Completion(draws[0].text, "eos", draws[0].usage, others=tuple(draws[1:]))

    engine = FunctionBackend(answer, name="child", capabilities=ALL)
    backend = Journaled(Coalesce(engine, SIBLINGS), journal)

    async def one(request: Request) -> None:
        drawn = await backend.generate(request)
        say(request.identity(backend.fingerprint).hex(), drawn.text)

    async def lane(start: int) -> None:
        for group in count(start, 3):
            root = Key(group)
            async with asyncio.TaskGroup() as tasks:
                for i in range(SIBLINGS):
                    request = Request(str(group), root.fold(i), group=root, index=i)
                    tasks.create_task(one(request))

    async with asyncio.TaskGroup() as lanes:
        for start in range(3):
            lanes.create_task(lane(first + start))


async def share(journal: Journal, name: str) -> None:
    async def one(key: Key) -> None:
        stored = await journal.put(key.digest, f"{name} {key.part}".encode())
        say(key.digest.hex(), stored.decode())

    keys = [Key("shared", i) for i in range(SHARED)]
    random.Random(name).shuffle(keys)
    for start in range(0, SHARED, 20):
        async with asyncio.TaskGroup() as tasks:
            for key in keys[start : start + 20]:
                tasks.create_task(one(key))


async def full(journal: Journal, log_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes + 300_000, limits[1]))
    for i in count():
        try:
            await journal.put(Key(i).digest, b"x" * 10_000)
        except JournalError as error:
            say("refused", i, error)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for j in range(i + 1):
        assert journal.get(Key(j).digest) == (b"x" * 10_000 if j < i else None)
    await journal.put(Key(i).digest, b"afterwards")
    say("stored", journal.draws)


def nobody(path: str) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        Journal.open(path)
    except JournalError as error:
        say(error)


def main() -> None:
    mode, path, *rest = sys.argv[1:]
    if mode == "nobody":
        nobody(path)
        return
    if mode == "share":
        say("ready")
        sys.stdin.readline()
    with Journal.open(path) as journal:
        if mode == "draw":
            asyncio.run(draw(journal, int(rest[0])))
        elif mode == "share":
            asyncio.run(share(journal, rest[0]))
        else:
            asyncio.run(full(journal, Path(f"{path}-wal").stat().st_size))


if __name__ == "__main__":
    main()
