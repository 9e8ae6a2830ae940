"""Every engine, and every middleware around one, for the conformance suite. A new one is a line here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from itc.backends.adaptive import AdaptiveLimit, Growth
from itc.backends.base import Backend, Completion, Request, Usage
from itc.backends.breaker import Breaker
from itc.backends.coalesce import Coalesce
from itc.backends.deadline import Clock, TimeCap
from itc.backends.embedded import EmbeddedBackend
from itc.backends.function import ALL, FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.backends.limits import Limit
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.retry import Retry
from tests.backends.server import Dialect, Drawn, Server, draw, tops
from tests.conformance.served_engines import real_server, real_server_by_text, spread
from tests.conformance.vllm_engines import in_process

Make = Callable[[Path], AbstractAsyncContextManager[Backend]]


def toy(request: Request) -> Completion:
    """The same language as the loopback server's, drawn in process."""
    if request.score_steps is not None:
        return Completion(scores=tuple(1 / (1 + len(s)) for s in request.score_steps), usage=Usage(3))
    stops = [*request.stop, *([request.step] if request.step else [])]
    drawn: Drawn = draw(request.prompt + request.prefix, request.seed, 0, stops, request.max_tokens)
    text, finish = drawn.text, "length" if drawn.reason == "length" else "eos"
    if request.step and drawn.stop == request.step:
        text, finish = text + request.step, "step"
    usage = Usage(len(request.prompt.split()), 0, len(drawn.tokens))
    pairs = list(zip(drawn.tokens, drawn.logprobs, strict=True))
    told, over = request.alternatives, request.confidence
    return Completion(
        text,
        finish,  # type: ignore[arg-type]
        usage,
        tuple(drawn.logprobs) if request.logprobs else (),
        alternatives=tuple(tuple(tops(*pair, told)) for pair in pairs if told),
        token_confidences=tuple(-fmean(p for _, p in tops(*pair, over)) for pair in pairs if over),
    )


@asynccontextmanager
async def function(folder: Path) -> AsyncIterator[Backend]:
    async def unhurried(request: Request) -> Completion:
        await asyncio.sleep(request.max_tokens / 10_000)
        return toy(request)

    yield FunctionBackend(unhurried, capabilities=ALL - {"n"})


@asynccontextmanager
async def served(folder: Path, dialect: Dialect, api: str) -> AsyncIterator[Backend]:
    async with Server(dialect) as server:
        config = OpenAIConfig(base_url=server.base_url, name="toy")
        config = replace(config, api=api)  # type: ignore[arg-type]
        yield OpenAIBackend(config)


@asynccontextmanager
async def wrapped(folder: Path, middleware: Callable[[Backend], Backend]) -> AsyncIterator[Backend]:
    async with served(folder, "vllm", "completions") as engine:
        yield middleware(engine)


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Backend]:
    # Without a cache, as what it serves is counted, and depends on what was asked before.
    yield EmbeddedBackend(Path(__file__).parents[1] / "backends/embedded/golden/policy", cache_bytes=0)


class Nothing:
    """Decisions that were never made."""

    def get(self, key: bytes) -> bytes | None:
        return None

    async def put(self, key: bytes, value: bytes) -> None:
        raise AssertionError("nothing is late here")


@asynccontextmanager
async def journalled(folder: Path) -> AsyncIterator[Backend]:
    async with served(folder, "vllm", "completions") as engine:
        with Journal.open(folder / "journal.sqlite") as journal:
            stack = Coalesce(Retry(AdaptiveLimit(Breaker(engine, 60.0), Growth(8))), 16)
            yield Journaled(TimeCap(stack, Clock(3600.0), Nothing()), journal)


ENGINES: dict[str, Make] = {
    "function": function,
    "embedded": embedded,
    "vllm": partial(served, dialect="vllm", api="completions"),
    "vllm chat": partial(served, dialect="vllm", api="chat"),
    "sglang": partial(served, dialect="sglang", api="completions"),
    "llama.cpp": partial(served, dialect="llama.cpp", api="completions"),
    "llama.cpp chat": partial(served, dialect="llama.cpp", api="chat"),
    "silent": partial(served, dialect="silent", api="completions"),
    "retry": partial(wrapped, middleware=Retry),
    "limit": partial(wrapped, middleware=lambda inner: Limit(inner, 2)),
    "adaptive limit": partial(wrapped, middleware=lambda inner: AdaptiveLimit(inner, Growth(4, start=1))),
    "breaker": partial(wrapped, middleware=lambda inner: Breaker(inner, 1.0)),
    "coalesce": partial(wrapped, middleware=lambda inner: Coalesce(inner, 8)),
    "spread": spread,
    "whole stack": journalled,
}
VLLM: dict[str, Make] = (
    {
        "vllm in process": in_process,
        "vllm served": real_server,
        "vllm served by text": real_server_by_text,
    }
    if find_spec("vllm")
    else {}
)
"""Engines that need vLLM, where it is installed; their tests are marked so."""
ENGINES |= VLLM
