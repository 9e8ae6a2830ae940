"""Limit: never more than so many at a time, in order, and nothing is lost when calls are cancelled."""

from __future__ import annotations

import asyncio
import time

import pytest

from itc.backends.base import Completion, Request
from itc.backends.function import FunctionBackend
from itc.backends.limits import Limit
from itc.errors import ConfigError, ServerFault
from itc.keys import Key


def request(i: int) -> Request:
    return Request(f"p{i}", Key("limits", i))


class Engine(FunctionBackend):
    """Counts the calls inside it and keeps the order in which they began."""

    def __init__(self, seconds: float = 0.0, fail: bool = False) -> None:
        super().__init__(self._call, name="engine")
        self.seconds, self.fail = seconds, fail
        self.inside = self.most = 0
        self.began: list[str] = []

    async def _call(self, request: Request) -> Completion:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.began.append(request.prompt)
        try:
            await asyncio.sleep(self.seconds)
            if self.fail:
                raise ServerFault("made to fail")
            return Completion(request.prompt)
        finally:
            self.inside -= 1


@pytest.mark.parametrize("concurrency", [1, 7, 64])
def test_never_more_than_allowed_and_first_come_first_served(concurrency: int) -> None:
    async def main() -> None:
        engine = Engine()
        limit = Limit(engine, concurrency)
        async with asyncio.TaskGroup() as group:
            for i in range(2000):
                group.create_task(limit.generate(request(i)))
        assert engine.most == concurrency
        assert engine.began == [f"p{i}" for i in range(2000)]
        assert (limit.in_flight, limit.waiting) == (0, 0)

    asyncio.run(main())


def test_failures_give_their_place_back() -> None:
    async def main() -> None:
        limit = Limit(Engine(fail=True), 2)
        for i in range(10):
            with pytest.raises(ServerFault):
                await limit.generate(request(i))
        assert limit.in_flight == 0

    asyncio.run(main())


def test_cancelled_calls_leave_no_trace() -> None:
    async def main() -> None:
        engine = Engine(seconds=0.05)
        limit = Limit(engine, 3)
        tasks = [asyncio.create_task(limit.generate(request(i))) for i in range(300)]
        await asyncio.sleep(0.01)
        assert (limit.in_flight, limit.waiting) == (3, 297)
        # Some that run, some that wait.
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert limit.in_flight == 3
        done, _ = await asyncio.wait(tasks)
        assert sum(t.cancelled() for t in done) == 150
        assert (limit.in_flight, limit.waiting) == (0, 0)
        assert engine.most == 3
        assert [int(p[1:]) for p in engine.began[3:]] == list(range(3, 300, 2))

    asyncio.run(main())


def test_cancelled_at_the_moment_of_its_turn() -> None:
    async def main() -> None:
        tasks: list[asyncio.Task[Completion]] = []

        async def call(request: Request) -> Completion:
            await asyncio.sleep(0.01)
            if request.prompt == "p0":
                # Runs after the second was given its place and before it wakes up.
                asyncio.get_running_loop().call_soon(tasks[1].cancel)
            return Completion(request.prompt)

        limit = Limit(FunctionBackend(call), 1)
        tasks += [asyncio.create_task(limit.generate(request(i))) for i in range(3)]
        await asyncio.wait(tasks, timeout=2)
        assert [t.done() for t in tasks] == [True] * 3
        assert [t.cancelled() for t in tasks] == [False, True, False]
        assert (limit.in_flight, limit.waiting) == (0, 0)

    asyncio.run(main())


def test_nobody_overtakes() -> None:
    async def main() -> None:
        engine = Engine(seconds=0.001)
        limit = Limit(engine, 1)

        async def caller(i: int) -> None:
            for _ in range(5):
                await limit.generate(request(i))

        async with asyncio.TaskGroup() as group:
            for i in range(4):
                group.create_task(caller(i))
        assert engine.began == [f"p{i}" for i in range(4)] * 5

    asyncio.run(main())


def test_cheap_when_free() -> None:
    class Immediate(FunctionBackend):
        async def generate(self, request: Request, watch: object = None) -> Completion:
            return DONE

    async def seconds_each(backend: FunctionBackend | Limit) -> float:
        draw = request(0)
        best = float("inf")
        for _ in range(7):
            begun = time.perf_counter()
            for _ in range(2000):
                await backend.generate(draw)
            best = min(best, time.perf_counter() - begun)
        return best / 2000

    async def main() -> None:
        engine = Immediate(lambda _: DONE)
        extra = await seconds_each(Limit(engine, 4)) - await seconds_each(engine)
        assert extra < 5e-6

    DONE = Completion("x")
    asyncio.run(main())


def test_concurrency_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        Limit(Engine(), 0)
