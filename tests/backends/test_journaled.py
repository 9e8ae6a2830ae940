"""A backend over the journal: one identity a draw, one call an identity, and nothing that came is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from itc.backends.base import Backend, Completion, Request, Usage, Watch
from itc.backends.coalesce import Coalesce
from itc.backends.function import ALL, FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled, NotJournalled
from itc.errors import Rejected
from tests.backends.test_journal import ROOT, Locked


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


class Engine:
    """Answers with how often it was called, after ``gate`` opens."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.backend: Backend = FunctionBackend(self.answer, name="engine")

    async def answer(self, request: Request) -> Completion:
        self.calls += 1
        call = self.calls
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Completion(f"{request.prompt} {call}", "eos", Usage(3, 1, 2), (-0.1, -0.25), (5, 7))


async def together(*calls: Awaitable[Completion]) -> list[Completion]:
    async def run(call: Awaitable[Completion]) -> Completion:
        return await call

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(run(call)) for call in calls]
    return [task.result() for task in running]


async def passes(n: int = 5) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def test_k_draws_that_differ_in_their_key_only_are_k_rows(journal: Journal) -> None:
    engine = Engine()
    backend = Journaled(engine.backend, journal)
    requests = [Request("p", ROOT.fold(i)) for i in range(50)]
    drawn = asyncio.run(together(*map(backend.generate, requests)))
    assert len({c.text for c in drawn}) == 50 == journal.draws == engine.calls
    keys = [r.identity(backend.fingerprint) for r in requests]
    assert len(set(keys)) == 50
    assert all(journal.get(key) is not None for key in keys)
    assert journal.get(bytes(16)) is None


def test_equal_ratings_share_a_row_whatever_their_keys(journal: Journal) -> None:
    engine = Engine()
    backend = Journaled(engine.backend, journal)
    asyncio.run(
        together(*(backend.generate(Request("p", ROOT.fold(i), score_steps=("a",))) for i in range(9)))
    )
    assert journal.draws == engine.calls == 1


def test_a_replay_is_the_same_draw_and_costs_nothing(tmp_path: Path) -> None:
    engine, path = Engine(), tmp_path / "journal.sqlite"
    request = Request("p", ROOT)
    with Journal.open(path) as journal:
        first = Journaled(engine.backend, journal)
        fresh = asyncio.run(first.generate(request))
    assert (first.hits, first.misses, first.billed) == (0, 1, Usage(3, 1, 2))
    with Journal.open(path) as journal:
        again = Journaled(engine.backend, journal)
        replayed = asyncio.run(again.generate(request))
    assert (again.hits, again.misses, again.billed) == (1, 0, Usage())
    assert replayed == fresh
    assert (fresh.replayed, replayed.replayed) == (False, True)
    assert engine.calls == 1


def test_identical_requests_at_the_same_time_share_one_call(journal: Journal) -> None:
    engine = Engine()
    backend = Journaled(engine.backend, journal)
    drawn = asyncio.run(together(*(backend.generate(Request("p", ROOT)) for _ in range(20))))
    assert {c.text for c in drawn} == {"p 1"}
    assert sum(c.replayed for c in drawn) == 19 == backend.hits
    assert engine.calls == backend.misses == 1


def test_one_that_comes_as_the_first_ends_finds_its_draw(journal: Journal) -> None:
    async def main() -> int:
        engine = Engine()
        backend = Journaled(engine.backend, journal)
        async with asyncio.TaskGroup() as tasks:
            for wait in range(60):  # passes of the event loop: one of them is that of the first one's commit

                async def late(wait: int = wait) -> None:
                    await passes(wait)
                    assert (await backend.generate(Request("p", ROOT))).text == "p 1"

                tasks.create_task(late())
        return engine.calls

    assert asyncio.run(main()) == 1


def test_they_share_its_failure_too_and_the_next_one_tries_again(journal: Journal) -> None:
    engine = Engine()
    engine.error = Rejected("no")
    backend = Journaled(engine.backend, journal)

    async def refused() -> Completion:
        with pytest.raises(Rejected, match="no"):
            await backend.generate(Request("p", ROOT))
        return Completion()

    asyncio.run(together(*(refused() for _ in range(5))))
    assert (engine.calls, journal.draws) == (1, 0)
    engine.error = None
    assert asyncio.run(backend.generate(Request("p", ROOT))).text == "p 2"


def test_when_the_first_is_cancelled_a_waiter_takes_over(journal: Journal) -> None:
    async def main() -> None:
        engine = Engine()
        engine.gate = asyncio.Event()
        backend = Journaled(engine.backend, journal)
        tasks = [asyncio.create_task(backend.generate(Request("p", ROOT))) for _ in range(4)]
        await passes()
        tasks[0].cancel()  # makes the call
        tasks[2].cancel()  # only waits for it
        await passes()
        assert engine.calls == 2
        engine.gate.set()
        await asyncio.wait(tasks)
        assert [t.cancelled() for t in tasks] == [True, False, True, False]
        assert (
            tasks[1].result()
            == tasks[3].result()
            == Completion("p 2", "eos", Usage(3, 1, 2), (-0.1, -0.25), (5, 7))
        )
        assert engine.calls == 2

    asyncio.run(main())


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_draw_that_came_before_the_cancellation_is_stored(journal: Journal, cuts: int) -> None:
    async def main() -> None:
        engine = Engine()
        backend = Journaled(engine.backend, journal)
        with Locked(journal):
            first = asyncio.create_task(backend.generate(Request("p", ROOT)))
            await passes(20)
            assert engine.calls == 1
            for _ in range(cuts):
                first.cancel()
                await asyncio.sleep(0)
            twin = asyncio.create_task(backend.generate(Request("p", ROOT)))
            await asyncio.sleep(0.02)
            assert not first.done(), "a cancelled draw ends after its commit"
        await asyncio.wait([first])
        assert first.cancelled()
        assert journal.draws == 1
        assert (await twin).replayed
        assert engine.calls == 1

    asyncio.run(main())


@pytest.mark.parametrize("later", range(6))
def test_a_call_that_came_before_the_cancellation_is_stored(journal: Journal, later: int) -> None:
    """Whatever its draws were on their way through when those who asked were cancelled."""

    async def main() -> None:
        answered, came = asyncio.Event(), False

        async def answer(request: Request) -> Completion:
            nonlocal came
            await answered.wait()
            came = True
            draws = [Completion(f"draw {i}", "eos", Usage(1, 0, 1)) for i in range(request.n)]
            return replace(draws[0], others=tuple(draws[1:]))

        engine = FunctionBackend(answer, name="engine", capabilities=ALL)
        backend = Journaled(Coalesce(engine, 4), journal)
        requests = [Request("p", ROOT.fold(i), group=ROOT, index=i) for i in range(4)]
        tasks = [asyncio.create_task(backend.generate(r)) for r in requests]
        await passes(10)
        answered.set()
        await passes(later)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert journal.draws == backend.misses == (4 if came else 0)

    asyncio.run(main())


def test_everyone_uses_the_draw_that_another_process_stored_first(journal: Journal) -> None:
    engine, theirs = Engine(), Completion("theirs", "eos", Usage(3, 0, 9))
    backend = Journaled(engine.backend, journal)
    request = Request("p", ROOT)

    async def main() -> Completion:
        engine.gate = asyncio.Event()
        ours = asyncio.create_task(backend.generate(request))
        await passes()
        with Journal.open(journal.path) as another:
            await another.put(request.identity(backend.fingerprint), theirs.dump())
        engine.gate.set()
        return await ours

    drawn = asyncio.run(main())
    assert drawn == theirs
    assert drawn.replayed
    assert backend.billed == Usage(3, 1, 2)


class Short(Watch):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@pytest.mark.parametrize(("name", "calls"), [("", 2), ("short", 1)])
def test_a_cut_draw_is_stored_under_a_named_watch_only(journal: Journal, name: str, calls: int) -> None:
    made = []

    def cut(request: Request) -> Completion:
        made.append(request)
        return Completion("cut", "cut", Usage(1, 0, 1))

    backend = Journaled(FunctionBackend(cut), journal)
    for _ in range(2):
        assert asyncio.run(backend.generate(Request("p", ROOT), Short(name))).text == "cut"
    assert len(made) == calls
    assert journal.draws == bool(name)
    asyncio.run(backend.generate(Request("p", ROOT)))
    assert len(made) == calls + 1, "a named watch's draw is not that of no watch"


def test_a_replay_is_followed_at_full_price(journal: Journal) -> None:
    backend = Journaled(Engine().backend, journal)
    request = Request("p", ROOT)
    asyncio.run(backend.generate(request))
    watch = Watch()
    asyncio.run(backend.generate(request, watch))
    assert (watch.text, watch.prompt_tokens, watch.completion_tokens, watch.sent) == ("p 1", 3, 2, False)


def test_replay_only_never_touches_the_engine(journal: Journal) -> None:
    class Away(FunctionBackend):
        async def open(self, needs: frozenset[Any]) -> None:
            raise AssertionError

        async def close(self) -> None:
            raise AssertionError

        async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
            raise AssertionError

    made = Journaled(FunctionBackend(lambda r: "drawn", name="f"), journal)
    asyncio.run(made.generate(Request("p", ROOT)))
    backend = Journaled(Away(lambda r: "", name="f"), journal, replay_only=True)

    async def main() -> None:
        await backend.open(frozenset())
        assert (await backend.generate(Request("p", ROOT))).text == "drawn"
        with pytest.raises(NotJournalled, match="does not hold"):
            await backend.generate(Request("q", ROOT))
        await backend.close()

    asyncio.run(main())
    assert (backend.hits, backend.misses) == (1, 0)
