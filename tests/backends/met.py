"""What becomes of a call that meets a fault of the loopback server, alone and with a second attempt."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from itc.backends.base import Completion, Request, Watch
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.pooling import PoolingBackend
from itc.backends.retry import Retry, RetryPolicy
from itc.backends.wire import Api
from itc.errors import BackendError
from itc.keys import Key
from itc.testing.fault_server import FaultServer
from itc.testing.faults import FAULTS
from tests.backends.rewards import Plain

Reached = Literal["completions", "chat", "pooling"]
"""The endpoint of the call."""
TOKENIZER = str(Path(__file__).parents[2] / "itc/embedded/prm")
PATIENCE = 30.0
"""Seconds for a call that should fail before."""
ENDLESS = ("drip", "hang", "stall")
"""Faults that only a deadline ends."""
POLICY = RetryPolicy(attempts=8, first_delay=0.02)


@dataclass
class Met:
    """One fault, met."""

    injected: bool
    """Whether the answer had a place for it."""
    error: BackendError | None
    """Of one call; None where it was answered."""
    seconds: float
    deadline: float
    billed: tuple[int, int]
    """(prompt, completion) tokens of that call by the server's books."""
    booked: tuple[int, int]
    """What an account holds for it: what is told with the error, or was followed."""
    unknown: tuple[int, int]
    """What it may have cost beside, at most."""
    again: Completion | BackendError
    """What came of a call that could be repeated and met the fault once."""
    asked: int
    """Requests that call made; those that were not accepted not among them."""
    clean: Completion
    """The same call without a fault."""

    @property
    def named(self) -> str:
        return type(self.error).__name__ if self.error else "-"

    @property
    def paid(self) -> str:
        """How the account and the server's books agree."""
        if any(self.unknown):
            return "bounded" if self.covered else "uncounted"
        if self.booked != self.billed:
            return "uncounted"
        return "counted" if any(self.billed) else "nothing"

    @property
    def covered(self) -> bool:
        """Whether no more was billed than is kept from a budget."""
        sums = zip(self.booked, self.unknown, self.billed, strict=True)
        return all(billed <= known + more for known, more, billed in sums)


def asked(api: Reached, n: int) -> Request:
    """A call with all that an answer can have wrong in it."""
    if api == "pooling":
        return Request("2 + 2?", Key("test"), max_tokens=0, score_steps=("2 + 2 = 4.", "#### 4"))
    return Request("what is two and two", Key("test", 3), max_tokens=40, logprobs=True, alternatives=2, n=n)


async def meet(name: str, api: Reached = "completions", watched: bool = False, deadline: float = 0.5) -> Met:
    """Meet a fault of `FAULTS`; ``deadline`` is that of a call which nothing else ends."""
    deadline = deadline if name in ENDLESS else PATIENCE
    pooling = api == "pooling"
    async with FaultServer("silent" if watched else "vllm", pooling=pooling) as server:
        config = OpenAIConfig(base_url=server.base_url, name="toy", deadline=deadline)
        backend: OpenAIBackend | PoolingBackend
        if pooling:
            backend = PoolingBackend(replace(config, tokenizer=TOKENIZER), Plain())
        else:
            backend = OpenAIBackend(replace(config, api=cast(Api, api)))
        try:
            await backend.open(frozenset())
            return await _meet(server, backend, name, asked(api, 1 if watched else 4), watched)
        finally:
            await backend.close()


async def _meet(
    server: FaultServer, backend: OpenAIBackend | PoolingBackend, name: str, request: Request, watched: bool
) -> Met:
    clean = await backend.generate(request, Watch() if watched else None)
    server.calls.clear()
    error: BackendError | None = None
    booked: list[tuple[int, int]] = []
    unknown: list[tuple[int, int]] = []
    watch = Watch() if watched else None
    server.misbehave(FAULTS[name])
    begun = time.monotonic()
    if name == "refuse":
        # Its connections too, which a server that is gone has no more.
        await backend.close()
        await server.refuse()
    try:
        done = await backend.generate(request, watch)
        booked = [(d.usage.prompt_tokens, d.usage.completion_tokens) for d in (done, *done.others)]
    except BackendError as failed:
        error = failed
        booked = [(prompt, made) for prompt, _, made in failed.sold]
        unknown = [(prompt, made) for prompt, _, made in failed.unknown]
        if watch is not None and watch.sent:
            booked.append((watch.prompt_tokens, watch.completion_tokens))
    seconds = time.monotonic() - begun
    await server.accept()
    call = server.calls[0] if server.calls else None
    server.schedule.script.clear()
    server.calls.clear()
    short = FAULTS[name].after is not None and not FAULTS[name].dated
    server.misbehave(replace(FAULTS[name], after=0.01) if short else FAULTS[name])
    again: Completion | BackendError
    try:
        again = await Retry(backend, POLICY).generate(request, Watch() if watched else None)
    except BackendError as failed:
        again = failed
    return Met(
        name == "refuse" or (call is not None and call.fault == name),
        error,
        seconds,
        backend.config.deadline,
        (call.prompt_tokens, call.tokens) if call else (0, 0),
        _sums(booked),
        _sums(unknown),
        again,
        len(server.calls),
        clean,
    )


def _sums(costs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(prompt for prompt, _ in costs), sum(made for _, made in costs)


def met(name: str, api: Reached = "completions", watched: bool = False) -> Met:
    """`meet`, in a loop of its own."""
    return asyncio.run(meet(name, api, watched))
