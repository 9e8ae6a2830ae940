"""An engine of vLLM: started, asked, aborted and shut down, with its failures classified."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from itc.backends.load import Load
from itc.backends.vllm import start
from itc.backends.vllm.load import Gauge, Stats
from itc.backends.vllm.settings import VLLMConfig
from itc.errors import BackendError, ContextOverflow, Rejected, ServerFault

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

Job = Literal["generate", "token_classify", "classify"]
"""What an engine does, in vLLM's words: draw, or read a head of labels at every token or at the last one."""


class Engine:
    """One engine and its processes. Use it from the event loop that opened it."""

    def __init__(self, config: VLLMConfig, job: Job) -> None:
        self.config, self.job = config, job
        self.context = 0
        """Tokens of prompt and draw at most; known once open."""
        self._llm: AsyncLLM | None = None
        self._guard: start.Guard | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._gauge = Gauge()
        self._names = itertools.count()

    @property
    def stats(self) -> Stats:
        """Tokens since it was opened."""
        return self._gauge.stats

    def load(self) -> Load:
        """What it does now; nothing while it is closed."""
        if self._llm is None:
            return Load()
        return self._gauge.load(self._llm.output_processor.get_num_unfinished_requests())

    async def open(self) -> None:
        """Start it, unless it runs.

        ConfigError when vLLM is not installed or the settings cannot work; Unreachable when the machine has
        not what they need.
        """
        if self._llm is not None:
            return
        self._gauge, abandoned = Gauge(), threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="itc-vllm-")
        try:
            llm, self._guard = await asyncio.to_thread(
                start.started, self.config, self.job, self._gauge, self._log, abandoned
            )
        except asyncio.CancelledError:
            # The thread is on its way, and ends what it has started.
            abandoned.set()
            raise
        except BaseException:
            self._folder.cleanup()
            raise
        self._llm, self.context = llm, int(llm.model_config.max_model_len)

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / "engine.log"

    async def close(self) -> None:
        """End its processes; a later `open` starts it again."""
        llm, self._llm = self._llm, None
        if llm is not None:
            await asyncio.to_thread(llm.shutdown)
            # Its finalizer shuts down once more, at the interpreter's end, when what that needs is gone.
            llm.shutdown = _nothing
        guard, self._guard = self._guard, None
        if guard is not None:
            await asyncio.to_thread(guard.release)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def check(self, ids: Sequence[int], most: int) -> None:
        """ContextOverflow when ``ids`` and ``most`` further tokens do not fit; Rejected for no ids."""
        if self._llm is None:
            raise BackendError(
                f"The engine of {self.config.model} is not open: call open() before generate()."
            )
        if len(ids) + most > self.context:
            raise ContextOverflow(
                f"{len(ids)} prompt tokens and max_tokens={most} exceed the context of {self.context} "
                f"tokens; shorten the prompt, lower max_tokens, or raise model.max_model_len if the model "
                f"allows."
            )
        if not ids:
            raise Rejected("The prompt has no tokens; expected at least one.")

    async def outputs(self, ids: Sequence[int], params: Any) -> AsyncGenerator[Any]:
        """What vLLM reports of one request; leaving early, or being cancelled, aborts it.

        BackendError when it fails.
        """
        llm = self._llm
        assert llm is not None
        name = str(next(self._names))
        prompt = {"type": "token", "prompt_token_ids": list(ids)}
        finished = False
        ask = llm.generate if self.job == "generate" else llm.encode
        try:
            async with aclosing(ask(prompt, params, name)) as replies:
                async for reply in replies:
                    finished = reply.finished
                    yield reply
        except Exception as error:
            finished = True
            raise self._classified(error) from error
        finally:
            if not finished and not llm.errored:
                # vLLM forgets a request whose caller is cancelled while it is being handed over.
                await llm.abort(name)

    def _classified(self, error: Exception) -> Exception:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        if isinstance(error, BackendError):
            return error
        model = self.config.model
        if isinstance(error, EngineDeadError) or (self._llm is not None and self._llm.errored):
            why = start.cause(self._log) if self._folder else ""
            return BackendError(
                f"vLLM's engine for {model} died in mid-run{f' ({why})' if why else ''}. What had been "
                f"received is kept: run the same again to go on. If it was out of memory, lower "
                f"model.memory_fraction or model.max_num_seqs."
            )
        if isinstance(error, VLLMClientError | ValueError):
            return Rejected(f"vLLM refused a request to {model}: {error}")
        cause = error.__cause__ or error
        return ServerFault(f"vLLM failed on a request to {model} ({type(cause).__name__}: {cause}).")

    async def does_its_job(self) -> bool:
        """Whether the model is made for it."""
        assert self._llm is not None
        return self.job in await self._llm.get_supported_tasks()


def _nothing() -> None:
    pass
