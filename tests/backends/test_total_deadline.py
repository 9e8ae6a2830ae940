"""One deadline for a call: whatever the server does, it ends by then; the time in a queue is not counted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from itc.backends.base import Completion, Request
from itc.backends.function import FunctionBackend
from itc.backends.limits import Limit
from itc.backends.openai import OpenAIBackend
from itc.backends.openai_config import OpenAIConfig
from itc.backends.retry import Retry, RetryPolicy
from itc.errors import DeadlineExceeded, ServerFault
from itc.keys import Key
from itc.testing import Fault, FaultServer

DRAW = Request("what is two and two", Key("deadline"), max_tokens=20)
LATER = Fault("status", 429, after=3600.0)
TOMORROW = Fault("status", 503, after=86400.0, dated=True)
CASES: dict[str, tuple[Fault | str, ...]] = {
    "hang": ("hang",),
    "drip": ("drip",),
    "long Retry-After": (LATER,),
    "long Retry-After, dated": (TOMORROW,),
    "failures, then a hang": ("500", "429", "truncated", "hang"),
    "failures without end": ("500",) * 1000,
    "drops without end": ("drop",) * 1000,
}


@pytest.mark.parametrize("faults", CASES.values(), ids=CASES)
def test_no_call_outlives_its_deadline(faults: tuple[Fault | str, ...]) -> None:
    async def main() -> None:
        async with FaultServer() as server:
            server.misbehave(*faults)
            backend = OpenAIBackend(OpenAIConfig(base_url=server.base_url, name="toy"))
            policy = RetryPolicy(10_000, first_delay=0.02, longest_delay=0.05, total_deadline=0.6)
            begun = time.monotonic()
            try:
                with pytest.raises(DeadlineExceeded, match=r"within 0\.6 s"):
                    await Retry(Limit(backend, 4), policy).generate(DRAW)
            finally:
                await backend.close()
            assert time.monotonic() - begun < 5

    asyncio.run(main())


def test_a_long_queue_is_no_failure() -> None:
    async def slow(request: Request) -> Completion:
        await asyncio.sleep(0.05)
        return Completion("done")

    async def main() -> None:
        # The last waits for 1 s, with a deadline of 0.4.
        retry = Retry(Limit(FunctionBackend(slow), 2), RetryPolicy(total_deadline=0.4))
        ends = await asyncio.gather(*(retry.generate(DRAW) for _ in range(40)))
        assert [end.text for end in ends] == ["done"] * 40

    asyncio.run(main())


def test_a_long_queue_takes_nothing_from_the_next_attempt() -> None:
    tried: set[Key] = set()

    async def slow(request: Request) -> Completion:
        await asyncio.sleep(0.05)
        if request.key not in tried:
            tried.add(request.key)
            raise ServerFault("busy")
        return Completion("done")

    async def main() -> None:
        # The last waits for 1.5 s before it fails, with a deadline of 1.
        policy = RetryPolicy(total_deadline=1.0, first_delay=0.001, longest_delay=0.001)
        retry = Retry(Limit(FunctionBackend(slow), 1), policy)
        ends = await asyncio.gather(*(retry.generate(replace(DRAW, key=Key(i))) for i in range(30)))
        assert [end.attempts for end in ends] == [2] * 30

    asyncio.run(main())


def test_the_deadline_goes_on_after_a_wait_in_the_queue() -> None:
    async def stuck(request: Request) -> Completion:
        await asyncio.sleep(60)
        raise AssertionError

    async def main() -> None:
        retry = Retry(Limit(FunctionBackend(stuck), 1), RetryPolicy(total_deadline=0.2))
        begun = time.monotonic()
        ends = await asyncio.gather(*(retry.generate(DRAW) for _ in range(3)), return_exceptions=True)
        assert {type(end) for end in ends} == {DeadlineExceeded}
        assert 0.6 <= time.monotonic() - begun < 5

    asyncio.run(main())
