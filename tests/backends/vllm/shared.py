"""Engines that several tests share: starting one takes longer than all that they ask of it."""

from __future__ import annotations

import asyncio
import atexit
import gc
import tempfile
import threading
import warnings
from collections.abc import Callable, Coroutine
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest

from itc.backends.base import Backend, Capability, Completion, Middleware, Request, Watch
from itc.backends.vllm import VLLMBackend, VLLMConfig, VLLMReward
from tests.backends.vllm.plain import Plain
from tests.backends.vllm.tiny import write_policy

T = TypeVar("T")
SHIPPED = Path(__file__).parents[3] / "itc/embedded"
REAL = [
    pytest.mark.vllm,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (pip install 'itc[vllm]')"),
    # Those of vLLM and of what it imports are not ours to mend.
    pytest.mark.filterwarnings("ignore"),
    # Beside other work an engine may take minutes to start.
    pytest.mark.timeout(900),
]
"""What a test that starts an engine is marked with."""
MEMORY = 0.07
ENGINES: list[Elsewhere] = []
"""Those that `end` closes."""


def config(model: str | Path, **changes: Any) -> VLLMConfig:
    """Of a small engine on the CPU whose draws can be compared."""
    settings = {"dtype": "float32", "memory_fraction": MEMORY, "enforce_eager": True, "max_num_seqs": 64}
    return VLLMConfig(model=str(model), **{**settings, **changes})


class Elsewhere(Middleware):
    """Runs a backend on the event loop of a thread, so that it outlives the loops of the tests."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        ENGINES.append(self)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, done there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        return await self._done(self.inner.generate(request, watch))

    async def open(self, needs: frozenset[Capability]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await self._done(self.inner.open(needs))

    async def close(self) -> None:
        """Not before the last test."""

    def end(self) -> None:
        """After the last test."""
        self.do(self.inner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def end() -> None:
    """Close all engines that were opened; who asks for one after that starts it anew."""
    with warnings.catch_warnings():
        # vLLM leaves its sockets to the collector of garbage.
        warnings.simplefilter("ignore")
        while ENGINES:
            ENGINES.pop().end()
        for made in (tiny, policy, rater):
            made.cache_clear()
        gc.collect()


@cache
def folder() -> Path:
    """Of the tiny random policy."""
    made = tempfile.TemporaryDirectory(prefix="itc-tiny-")
    atexit.register(made.cleanup)
    return write_policy(Path(made.name))


@cache
def tiny() -> Elsewhere:
    """The tiny random policy, two draws side by side."""
    return Elsewhere(VLLMBackend(config(folder(), max_num_seqs=16)))


@cache
def policy() -> Elsewhere:
    """The policy that ships with the package."""
    return Elsewhere(VLLMBackend(config(SHIPPED / "policy")))


@cache
def rater() -> Elsewhere:
    """The reward model that ships with the package."""
    return Elsewhere(VLLMReward(config(SHIPPED / "prm"), Plain(SHIPPED / "prm")))


def use(engine: Callable[[], Elsewhere], body: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Open the shared engine if it is not, and do ``body(backend)`` on its loop."""
    chosen = engine()
    asyncio.run(chosen.open(frozenset()))
    return chosen.do(body(chosen.inner))
