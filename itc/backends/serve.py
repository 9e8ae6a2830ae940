"""A server of one's own: started for a model, found healthy, and ended with the run, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from itc.backends.base import Backend, Capability, Completion, Middleware, Request, Watch
from itc.backends.rating import Output
from itc.backends.status import excerpt
from itc.backends.transport import Secret, Transport
from itc.errors import ConfigError, Unreachable

HOST = "127.0.0.1"
KEY_ENV = "VLLM_API_KEY"
"""The variable by which vLLM learns the key that it is to ask for."""
GRACE_SECONDS = 20.0
"""Between asking a server to end and forcing it."""
_POLL_SECONDS = 0.2
_GUARD = Path(__file__).with_name("guard.py")
_FAILURE = re.compile(r"[A-Za-z_.]*(?:Error|Exception|Exit)\b: .*")
_HARMLESS = re.compile(r"\b(DEBUG|INFO|WARNING)\b")
_TAIL = 4
"""Lines of the log that an error shows."""
_LOG_BYTES = 2**18
"""From the end of the log, where those lines are looked for."""

_POOLERS: dict[Output, dict[str, str]] = {
    # Qwen's process reward models answer at their step tags alone unless told otherwise.
    "tokens": {"task": "token_classify", "tok_pooling_type": "ALL"},
    "sequence": {"task": "classify"},
}

Command = Callable[[int], Sequence[str]]
"""The command line of a server, given the port on `HOST` where it is to listen."""
Factory = Callable[[str, Secret], Backend]
"""An engine, given the server's base URL and key."""


@dataclass(frozen=True)
class OwnKey(Secret):
    """A key made here, for a server started here. It is in no variable of this process and in no repr."""

    env: str = KEY_ENV
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def value(self) -> str:
        """The key."""
        return self.key


class Server:
    """A server process on this machine, bound to the loopback interface.

    It runs with its children in a process group under a guard, which ends the group when this process lets go
    of it or ends itself, in whatever way. Its output goes to a file without a name; the key goes by the
    environment and is in no command line.
    """

    def __init__(self, command: Command, deadline: float, key_env: str = KEY_ENV) -> None:
        """
        Args:
            command: its command line for a port; it may raise ConfigError for what is not there.
            deadline: seconds until it must be healthy.
            key_env: the variable from which it reads its key.
        """
        self.command, self.deadline = command, deadline
        self.key = OwnKey(key_env)
        self.base_url = ""
        """Where it listens, once started."""
        self._process: subprocess.Popen[bytes] | None = None
        self._line = ""
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the guard; None where none was started."""
        return self._process.pid if self._process is not None else None

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Start it and wait until ``/health`` answers 200. Unreachable, with what its log says, when it ends
        before or is not healthy in time; then nothing of it is left.
        """
        port = _free_port()
        self.base_url = f"http://{HOST}:{port}/v1"
        try:
            self._spawn(self.command(port))
            await self._healthy()
        except BaseException:
            await self.stop()
            raise

    def _spawn(self, command: Sequence[str]) -> None:
        self._line = shlex.join(command)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server is
        environment = {**os.environ, self.key.env: self.key.key}
        self._process = subprocess.Popen(  # noqa: S603 - what the user configured
            [sys.executable, "-I", str(_GUARD), str(GRACE_SECONDS), *command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )

    async def _healthy(self) -> None:
        transport = Transport(self.base_url, self.key, self.deadline)
        url = self.base_url.removesuffix("/v1") + "/health"
        try:
            async with asyncio.timeout(self.deadline):
                while not self.ended:
                    with contextlib.suppress(Unreachable):
                        if (await transport.get(url)).status == 200:
                            return
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise Unreachable(
                f"The server that was started was not healthy within {self.deadline:g} s. {self._said()} "
                f"Raise model.server.deadline if the model is large. It was started by: {self._line}"
            ) from None
        finally:
            await transport.close()
        raise self.failure()

    def failure(self) -> Unreachable:
        """That it has ended, and what its log says of it. Calling it again is of no use."""
        code = self._process.poll() if self._process is not None else None
        error = Unreachable(
            f"The server that was started has ended with exit code {code}. {self._said()} Check the model's "
            f"folder or name, memory, and model.server.args. It was started by: {self._line}"
        )
        error.retryable = False
        return error

    def _said(self) -> str:
        """The errors in the end of the log; its last lines where there are none."""
        if self._log is None:
            return "It left no log."
        # Read without a change of the place where the server writes, which is shared with it.
        log = self._log.fileno()
        blob = os.pread(log, _LOG_BYTES, max(0, os.fstat(log).st_size - _LOG_BYTES))
        text = blob.decode("utf-8", "replace").replace(self.key.key, "[key]")
        lines = [line for line in text.splitlines() if line.strip() and not _HARMLESS.search(line)]
        found = [match[0] for line in lines if (match := _FAILURE.search(line))]
        shown = [excerpt(line, 400) for line in list(dict.fromkeys(found or lines))[-_TAIL:]]
        return "Its log says: " + " | ".join(shown) if shown else "Its log is empty."

    async def stop(self) -> None:
        """End it and all its children. Stopping twice is stopping once."""
        await asyncio.shield(asyncio.to_thread(self.end))

    def end(self) -> None:
        """The same, without a loop."""
        process, self._process = self._process, None
        log, self._log = self._log, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
        if log is not None:
            log.close()


class Served(Middleware):
    """An engine behind a server that is started when it is opened and stopped when it is closed."""

    def __init__(self, make: Factory, server: Server) -> None:
        # Before it is opened it has a fingerprint and bounds, and no address.
        super().__init__(make(f"http://{HOST}/v1", server.key))
        self.make, self.server = make, server

    @property
    def starts(self) -> bool:
        """It does."""
        return True

    async def open(self, needs: frozenset[Capability]) -> None:
        """Start the server, and open the engine behind it. Unreachable when the server fails to start."""
        if self.server.ended:
            await self.close()
        if self.server.pid is None:
            await self.server.start()
            await self.inner.close()
            self.inner = self.make(self.server.base_url, self.server.key)
        try:
            await self.inner.open(needs)
        except BaseException:
            await self.close()
            raise

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The engine's. Unreachable, with what the server's log says, once the server has ended."""
        try:
            return await self.inner.generate(request, watch)
        except Unreachable:
            if not self.server.ended:
                raise
        raise self.server.failure()

    async def close(self) -> None:
        """Close the engine, and end the server."""
        try:
            await self.inner.close()
        finally:
            await self.server.stop()


def vllm_command(
    model: str,
    name: str,
    *,
    dtype: str = "auto",
    max_model_len: int | None = None,
    rates: Output | None = None,
    launcher: Sequence[str] = (),
    args: Sequence[str] = (),
) -> Command:
    """vLLM's OpenAI-compatible server for a model.

    Args:
        model: a checkpoint's folder, or its name on the hub. ConfigError for a folder that is not there.
        name: what requests call it.
        dtype: of the weights in memory, in vLLM's words.
        max_model_len: tokens of the longest sequence; None for the model's own.
        rates: what is read of a reward model; None for a model that draws.
        launcher: what starts it instead of this Python's own vLLM.
        args: further arguments, which win.
    """
    if model.startswith(("/", ".", "~")):
        folder = Path(model).expanduser()
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"{model} is to be served and is no checkpoint: expected a folder with config.json, weights "
                f"and a tokenizer. Set model.server.model."
            )
        model = str(folder)
    start = list(launcher) or [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    start += ["--model", model, "--served-model-name", name, "--dtype", dtype]
    start += ["--enable-prefix-caching", "--enable-prompt-tokens-details", "--disable-uvicorn-access-log"]
    if max_model_len is not None:
        start += ["--max-model-len", str(max_model_len)]
    if rates is not None and rates in _POOLERS:
        start += ["--runner", "pooling", "--pooler-config", orjson.dumps(_POOLERS[rates]).decode()]
    whole = [*start, *args]
    return lambda port: [*whole, "--host", HOST, "--port", str(port)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
