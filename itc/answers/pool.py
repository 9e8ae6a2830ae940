"""Worker processes that may be killed at any moment, and are replaced when they die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from itc.answers.options import Options, Verdict
from itc.errors import ConfigError

START_SECONDS = 120.0
"""Longest wait for a worker's first line: it imports sympy, on a machine that may be busy."""
_WALL_FACTOR = 6.0
_TIME_SIGNALS = (signal.SIGPROF, signal.SIGXCPU)
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME")
_ROOT = Path(__file__).resolve().parents[2]


def versions() -> dict[str, str]:
    """Versions of everything that a verdict depends on, by distribution name."""
    names = ("math-verify", "latex2sympy2_extended", "sympy", "antlr4-python3-runtime")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that the grammar could read."""

    value: complex | None
    """Its value, with fixed values in (0,1) for its variables; None where it has no single finite value."""


class _Worker:
    """One child process and its half-duplex conversation."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.asked = 0

    async def ask(self, texts: Sequence[str], options: Options, seconds: float) -> Verdict | Reading:
        """The reply; EOFError when the process died instead of answering."""
        assert self.process.stdin is not None
        self.asked += 1
        request = {"id": self.asked, "texts": list(texts), "options": options.wire(), "seconds": seconds}
        try:
            self.process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EOFError from error
        reply = await self.read()
        assert reply["id"] == self.asked, "a worker answered another question"
        if reply["verdict"] == "read":
            return Reading(None if reply["value"] is None else complex(*reply["value"]))
        return Verdict(reply["verdict"])

    async def read(self) -> dict[str, Any]:
        """The next line; EOFError at the end of the stream."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        reply: dict[str, Any] = json.loads(line)
        return reply

    def kill(self) -> None:
        """SIGKILL, unless it is gone already."""
        if self.process.returncode is None:
            try:
                self.process.kill()
            except ProcessLookupError:
                return

    async def close(self) -> None:
        """End of input, then a moment's grace, then SIGKILL; returns once the process is reaped."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(1.0):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()


class Pool:
    """Up to ``size`` workers, started when first needed, for one event loop at a time.

    ``seconds`` is processor time for one question, so that a busy machine does not change verdicts; six
    times as much on the wall clock also ends it. ``memory`` is address space in bytes. Close with ``aclose``
    or ``async with``; children also die with the thread that started them, and with this process.
    """

    def __init__(self, size: int = 2, seconds: float = 5.0, memory: int = 2 << 30) -> None:
        if size < 1 or seconds <= 0:
            raise ConfigError(f"workers={size}, seconds={seconds}: both must be positive; try 2 and 5.0")
        self.size, self.seconds, self.memory = size, seconds, memory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._dying: list[_Worker] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the living workers, idle ones first."""
        return tuple(w.process.pid for w in (*self._idle, *self._busy) if w.process.returncode is None)

    async def ask(self, texts: Sequence[str], options: Options) -> Verdict | Reading:
        """Compare two texts, or try to read one; TIMEOUT when time or memory ran out.

        A worker that dies for another reason is replaced and asked once more; a second death counts as
        running out of resources.
        """
        self._enter_loop()
        async with self._slots:
            for _ in range(2):
                worker = await self._take()
                try:
                    async with asyncio.timeout(_WALL_FACTOR * self.seconds + 1.0):
                        verdict = await worker.ask(texts, options, self.seconds)
                except TimeoutError:
                    await self._bury(worker)
                    return Verdict.TIMEOUT
                except EOFError:
                    await self._bury(worker)
                    if -(worker.process.returncode or 0) in _TIME_SIGNALS:
                        return Verdict.TIMEOUT
                except BaseException:
                    # Cancelled in mid-question: its answer would be read as the next question's.
                    self._busy.discard(worker)
                    worker.kill()
                    self._dying.append(worker)
                    raise
                else:
                    self._busy.discard(worker)
                    self._idle.append(worker)
                    return verdict
            return Verdict.TIMEOUT

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        for worker in (*self._idle, *self._busy):
            worker.kill()
        self._loop, self._slots = loop, asyncio.Semaphore(self.size)
        self._idle, self._busy, self._dying = [], set(), []

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                self._busy.add(worker)
                return worker
            self._dying.append(worker)
        return await self._start()

    async def _start(self) -> _Worker:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # Hash order must not reach a verdict; -P keeps the user's folder from shadowing a library.
        environment |= {"PYTHONHASHSEED": "0", "PYTHONPATH": str(_ROOT), "PYTHONIOENCODING": "utf-8"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "itc.answers.worker", str(os.getpid()), str(self.memory)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,  # an interrupt at the terminal is for the parent to handle
        )
        worker = _Worker(process)
        self._busy.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                hello = await worker.read()
        except BaseException as error:
            self._busy.discard(worker)
            worker.kill()
            self._dying.append(worker)
            if isinstance(error, EOFError | TimeoutError):
                raise ConfigError(
                    f"a grading worker did not start within {START_SECONDS:.0f} s; "
                    f"try `{sys.executable} -c 'import math_verify'`"
                ) from error
            raise
        if "failed" in hello:
            await self._bury(worker)
            raise ConfigError(
                f"math-verify cannot be imported ({hello['failed']}); install math-verify==0.9.0"
            )
        return worker

    async def _bury(self, worker: _Worker) -> None:
        self._busy.discard(worker)
        worker.kill()
        await worker.process.wait()

    async def aclose(self) -> None:
        """End all workers and reap them; the pool may be used again afterwards."""
        if self._loop is not asyncio.get_running_loop():
            return
        workers = [*self._idle, *self._busy, *self._dying]
        self._idle, self._busy, self._dying = [], set(), []
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.close())

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
