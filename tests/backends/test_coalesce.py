"""Coalescing: which draws become one call does not depend on the order or the pace they come in."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.backends.base import Capability, Completion, Request, Usage, Watch
from itc.backends.coalesce import Coalesce
from itc.backends.function import ALL, FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.errors import BadResponse, ConfigError, Rejected
from itc.keys import Key

ROOT = Key("coalesce")


class Engine:
    """Draws that say which call they came from: its seed and the position in it."""

    def __init__(self, capabilities: frozenset[Capability] = ALL) -> None:
        self.calls: list[Request] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.short = 0
        self.stopped = 0
        self.cleaned = 0
        self.backend = FunctionBackend(self.answer, name="engine", capabilities=capabilities)

    async def answer(self, request: Request) -> Completion:
        self.calls.append(request)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            await asyncio.sleep(0.01)
            self.cleaned += 1
            raise
        if self.error is not None:
            raise self.error
        first, *others = (
            Completion(f"{request.seed}/{i}", "eos", Usage(1, 0, 1)) for i in range(request.n - self.short)
        )
        return replace(first, others=tuple(others))

    def shape(self) -> set[tuple[str, int, int, int]]:
        """Of each call: its prompt, first index, n and seed."""
        return {(r.prompt, r.index, r.n, r.seed) for r in self.calls}


def siblings(count: int, prompt: str = "p") -> list[Request]:
    root = ROOT.fold(prompt)
    return [Request(prompt, root.fold(i), group=root, index=i) for i in range(count)]


async def draw(backend: Coalesce | Journaled, requests: list[Request], late: int = 0) -> dict[Request, str]:
    """All at once, in this order; the last ``late`` of them one pass of the loop later than the others."""

    async def one(i: int, request: Request) -> Completion:
        if i >= len(requests) - late:
            await asyncio.sleep(0)
        return await backend.generate(request)

    async with asyncio.TaskGroup() as tasks:
        drawn = {r: tasks.create_task(one(i, r)) for i, r in enumerate(requests)}
    for task in drawn.values():
        assert task.result().others == ()
    return {r: task.result().text for r, task in drawn.items()}


async def passes(n: int = 8) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def test_chunks_are_aligned_and_draws_go_out_in_the_order_of_indices() -> None:
    engine = Engine()
    requests = siblings(10)
    drawn = asyncio.run(draw(Coalesce(engine.backend, 4), requests))
    assert [(r.index, r.n) for r in engine.calls] == [(0, 4), (4, 4), (8, 2)]
    for i, request in enumerate(requests):
        first = requests[i - i % 4]
        assert drawn[request] == f"{first.seed}/{i % 4}"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 20)), min_size=1, max_size=30, unique=True),
    st.integers(1, 8),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_the_calls_are_the_same_under_any_interleaving(
    wanted: list[tuple[str, int]], n_max: int, late: int, order: random.Random
) -> None:
    requests = [siblings(21, prompt)[i] for prompt, i in wanted]
    shapes: list[set[tuple[str, int, int, int]]] = []
    draws: list[dict[Request, str]] = []
    for shuffled in (
        sorted(requests, key=lambda r: (r.prompt, r.index)),
        order.sample(requests, len(requests)),
    ):
        engine = Engine()
        draws.append(asyncio.run(draw(Coalesce(engine.backend, n_max), shuffled, late if shapes else 0)))
        shapes.append(engine.shape())
    assert shapes[0] == shapes[1]
    assert draws[0] == draws[1]
    chunks = {(prompt, i // n_max) for prompt, i in wanted}
    assert len(shapes[0]) == len(chunks)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 11)), st.randoms(use_true_random=False))
def test_under_a_journal_only_what_is_missing_is_called_for(held: set[int], order: random.Random) -> None:
    requests = siblings(12)
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.sqlite") as journal:
        engine = Engine()
        backend = Journaled(Coalesce(engine.backend, 6), journal)
        before = asyncio.run(draw(backend, [requests[i] for i in held]))
        engine.calls.clear()
        after = asyncio.run(draw(backend, order.sample(requests, len(requests))))
        missing = [[i for i in range(start, start + 6) if i not in held] for start in (0, 6)]
        expected = {("p", m[0], len(m), requests[m[0]].seed) for m in missing if m}
        assert engine.shape() == expected
        assert before.items() <= after.items()
        assert (backend.hits, journal.draws) == (len(held), 12)
        assert asyncio.run(draw(backend, requests)) == after


def test_what_differs_in_more_than_key_and_index_is_not_grouped() -> None:
    base = siblings(2)[0]
    changes: list[dict[str, object]] = [
        {"prompt": "other"},
        {"system": "s"},
        {"prefix": "x"},
        {"prefix_ids": (1,)},
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"top_k": 5},
        {"min_p": 0.1},
        {"max_tokens": 5},
        {"stop": ("s",)},
        {"step": "s"},
        {"logprobs": True},
        {"group": ROOT},
        {"group": None},
        {"score_steps": ("a",)},
    ]
    engine = Engine()
    others = [replace(siblings(2)[1], **change) for change in changes]  # type: ignore[arg-type]
    asyncio.run(draw(Coalesce(engine.backend, 8), [base, *others]))
    assert [r.n for r in engine.calls] == [1] * (1 + len(others))


def test_untouched_are_those_without_group_or_with_a_watch_or_alone() -> None:
    ungrouped = [replace(r, group=None) for r in siblings(3)]
    for n_max, requests in ((8, ungrouped), (8, siblings(1)), (1, siblings(3)), (2, siblings(6)[::2])):
        engine = Engine()
        asyncio.run(draw(Coalesce(engine.backend, n_max), requests))
        assert len(engine.calls) == len(requests)
        assert all(any(sent is r for r in requests) for sent in engine.calls)

    engine = Engine(ALL - {"n"})
    asyncio.run(draw(Coalesce(engine.backend, 8), siblings(3)))
    assert [r.n for r in engine.calls] == [1, 1, 1]

    async def watched() -> None:
        async with asyncio.TaskGroup() as tasks:
            for request in siblings(3):
                tasks.create_task(coalesce.generate(request, Watch()))

    engine = Engine()
    coalesce = Coalesce(engine.backend, 8)
    asyncio.run(watched())
    assert [r.n for r in engine.calls] == [1, 1, 1]


def test_two_draws_with_one_index_never_exceed_n_max() -> None:
    engine = Engine()
    twice = [replace(r, key=r.key.fold(copy)) for copy in range(2) for r in siblings(4)]
    asyncio.run(draw(Coalesce(engine.backend, 4), twice))
    assert [r.n for r in engine.calls] == [4, 4]


def test_a_call_that_fails_fails_for_all() -> None:
    engine = Engine()
    engine.error = Rejected("no")
    coalesce = Coalesce(engine.backend, 8)

    async def refused(request: Request) -> None:
        with pytest.raises(Rejected, match="no"):
            await coalesce.generate(request)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for request in siblings(5):
                tasks.create_task(refused(request))

    asyncio.run(main())
    assert len(engine.calls) == 1


def test_what_a_failed_call_has_sold_is_told_to_one_of_its_members() -> None:
    engine = Engine()
    engine.error = BadResponse("served, and of no use")
    engine.error.sold = ((9, 0, 30),)
    coalesce = Coalesce(engine.backend, 8)

    async def sold(request: Request) -> tuple[tuple[int, int, int], ...]:
        with pytest.raises(BadResponse, match="of no use") as caught:
            await coalesce.generate(request)
        return caught.value.sold

    async def main() -> list[tuple[tuple[int, int, int], ...]]:
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(sold(request)) for request in siblings(5)]
        return [task.result() for task in told]

    assert sorted(asyncio.run(main())) == [(), (), (), (), ((9, 0, 30),)]


def test_a_call_that_is_short_of_draws_is_a_bad_response() -> None:
    engine = Engine()
    engine.short = 1
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(draw(Coalesce(engine.backend, 8), siblings(3)))
    assert all(isinstance(e, BadResponse) for e in raised.value.exceptions)
    assert "returned 2 draws; expected 3" in str(raised.value.exceptions[0])


@pytest.mark.parametrize("after", [0, 8], ids=["before the call", "during the call"])
def test_a_cancelled_member_leaves_the_others_theirs(after: int) -> None:
    async def main() -> None:
        engine = Engine()
        engine.gate = asyncio.Event()
        coalesce = Coalesce(engine.backend, 8)
        tasks = [asyncio.create_task(coalesce.generate(r)) for r in siblings(4)]
        await asyncio.sleep(0)
        await passes(after)
        tasks[0].cancel()
        await passes()
        engine.gate.set()
        await asyncio.wait(tasks)
        assert [t.cancelled() for t in tasks] == [True, False, False, False]
        assert [r.n for r in engine.calls] == [4 if after else 3]
        assert engine.stopped == 0

    asyncio.run(main())


def test_when_all_are_cancelled_so_is_the_call_once_and_to_its_end() -> None:
    async def main() -> None:
        engine = Engine()
        engine.gate = asyncio.Event()
        coalesce = Coalesce(engine.backend, 8)
        tasks = [asyncio.create_task(coalesce.generate(r)) for r in siblings(4)]
        await passes()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(t.cancelled() for t in tasks)
        assert (engine.stopped, engine.cleaned) == (1, 1)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_cancelled_before_the_call_nothing_is_called() -> None:
    async def main() -> None:
        engine = Engine()
        coalesce = Coalesce(engine.backend, 8)
        tasks = [asyncio.create_task(coalesce.generate(r)) for r in siblings(4)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await passes()
        assert engine.calls == []
        assert await draw(coalesce, siblings(4))
        assert [r.n for r in engine.calls] == [4]

    asyncio.run(main())


def test_a_call_cancelled_from_outside_cancels_its_members() -> None:
    async def main() -> None:
        engine = Engine()
        engine.gate = asyncio.Event()
        coalesce = Coalesce(engine.backend, 8)
        before = asyncio.all_tasks()
        tasks = [asyncio.create_task(coalesce.generate(r)) for r in siblings(2)]
        await passes()
        (call,) = asyncio.all_tasks() - before - set(tasks)
        call.cancel()
        await asyncio.wait(tasks, timeout=5)
        assert all(t.cancelled() for t in tasks)

    asyncio.run(main())


def test_n_max_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="n_max is 0"):
        Coalesce(Engine().backend, 0)
