"""Cancelled at any moment, at a server that fails, a draw ends as cancelled and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from itc.backends.adaptive import AdaptiveLimit, Growth
from itc.backends.base import Backend, Completion, Request, Watch
from itc.backends.breaker import Breaker
from itc.backends.coalesce import Coalesce
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.backends.limits import Limit
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.retry import Retry, RetryPolicy
from itc.keys import Key
from itc.testing import FaultServer

FAULTS = {"429": 0.05, "500": 0.05, "drop": 0.05, "drop in body": 0.05, "truncated": 0.05, "sse drop": 0.05}
DRAWS = 24
QUICK = RetryPolicy(attempts=8, first_delay=0.001, longest_delay=0.01)


def asked(rng: Random, round_: int) -> list[Request]:
    """Draws in groups of eight, as a strategy asks for them."""
    key = Key("cancelled", round_)
    return [
        Request(
            f"{round_} {i // 8}",
            key.fold(i),
            max_tokens=rng.choice((1, 8, 20)),
            group=key.fold("group", i // 8),
            index=i % 8,
        )
        for i in range(DRAWS)
    ]


async def some_time(rng: Random) -> None:
    """Nothing, some passes of the loop, or some milliseconds."""
    kind = rng.randrange(6)
    if kind == 0:
        await asyncio.sleep(rng.random() * 0.01)
    for _ in range(rng.randrange(4) if kind < 3 else 0):
        await asyncio.sleep(0)


async def cut_short(backend: Backend, rng: Random, round_: int) -> None:
    """Whatever was still under way when it was cancelled ends as cancelled; of the others no call failed."""
    watched = rng.random() < 0.5
    tasks = [
        asyncio.create_task(backend.generate(request, Watch() if watched else None))
        for request in asked(rng, round_)
    ]
    cancelled = set()
    for i in rng.sample(range(DRAWS), DRAWS):
        await some_time(rng)
        if tasks[i].cancel():
            cancelled.add(i)
            if rng.random() < 0.1:
                tasks[i].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    for i, end in enumerate(ends):
        assert isinstance(end, asyncio.CancelledError if i in cancelled else Completion), (i, end)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_cancelled_ends_as_cancelled_and_leaves_its_place(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)

    async def main(server: FaultServer, journal: Journal) -> None:
        engine = OpenAIBackend(OpenAIConfig(base_url=server.base_url, name="toy"))
        await engine.open(frozenset())
        limit = AdaptiveLimit(Breaker(engine, 60.0), Growth(32))
        backend = Journaled(Coalesce(Retry(limit, QUICK), 4), journal)
        for round_ in range(10):
            server.token_seconds, server.call_seconds = rng.choice((0, 0.001, 0.01)), rng.choice((0, 0.01))
            await cut_short(backend, rng, round_)
            assert limit.in_flight == limit.waiting == 0
        server.token_seconds = server.call_seconds = 0
        assert (await Limit(Retry(engine, QUICK), 1).generate(Request("after", Key("after")))).text
        await engine.close()

    with FaultServer(rates=FAULTS, seed=seed) as server, Journal.open(tmp_path / "journal.sqlite") as journal:
        asyncio.run(main(server, journal))
        server.wait(server.until(lambda: not server.in_flight, 5.0))
