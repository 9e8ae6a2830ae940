"""What fails, fails alone: siblings finish, the first error in order is raised, ``otherwise`` goes on."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from itc.algebra.context import Trace
from itc.algebra.parallel import empty, race
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request
from itc.backends.deadline import Clock, OutOfTime, TimeCap
from itc.backends.function import FunctionBackend
from itc.budget.cost import ZERO, Budget
from itc.concurrency import side_by_side
from itc.errors import BackendError, Rejected
from itc.stages.draws.extend import sample, step
from itc.types import Population
from tests.laws.engine import Crash, Engine
from tests.laws.trees import Memory, bound, context, law, law_always, root, run, trees, uncapped_trees


@law
@given(st.integers(1, 12), st.integers(0, 11), st.integers(0, 99))
def test_one_failing_draw_does_not_lose_its_siblings(n: int, failing: int, jitter: int) -> None:
    assume(failing < n)
    engine = Engine(jitter=jitter, fails=lambda r: r.index == failing)
    ctx = context(engine=engine)
    with pytest.raises(Rejected):
        asyncio.run(sample(n)(root(), ctx))
    assert len(engine.asked) == n
    assert engine.sold.calls == n - 1
    assert ctx.account.spent == engine.sold
    assert ctx.account.held == ZERO


@law
@given(st.permutations(range(6)), st.sets(st.integers(0, 5), min_size=1))
def test_the_first_error_in_order_is_raised(delays: list[int], failing: set[int]) -> None:
    finished = []

    async def branch(i: int) -> int:
        for _ in range(delays[i]):
            await asyncio.sleep(0)
        finished.append(i)
        if i in failing:
            raise ValueError(i)
        return i

    async def go() -> list[int]:
        return await side_by_side([branch(i) for i in range(6)])

    with pytest.raises(ValueError, match=str(min(failing))):
        asyncio.run(go())
    assert sorted(finished) == list(range(6))


@law
@given(uncapped_trees, uncapped_trees, st.integers(0, 30), st.integers(0, 99))
def test_otherwise_catches_and_both_attempts_are_paid(
    a: Strategy, b: Strategy, failing: int, jitter: int
) -> None:
    assume(bound(a.otherwise(b))[0].calls <= 60)
    # The unit is no attempt: what fails before it has failed.
    assume(b != empty)

    def fails(r: Request) -> bool:
        return r.key.seed % 31 == failing

    def alone(x: Strategy) -> Population | None:
        try:
            return run(x, fails=fails).population
        except BackendError:
            return None

    engine = Engine(jitter=jitter, fails=fails)
    ctx = context(engine=engine)
    first, second = alone(a), alone(b)
    try:
        got = asyncio.run(a.otherwise(b)(root(), ctx))
    except BackendError:
        got = None
    assert got == (first if first is not None and len(first) else second)
    assert ctx.account.spent == engine.sold
    assert ctx.account.held == ZERO


@law
@given(trees, trees)
def test_otherwise_replaces_nothing_and_keeps_something(a: Strategy, b: Strategy) -> None:
    assume(bound(a.otherwise(b))[0].calls <= 60)
    first = run(a).population
    assert run(a.otherwise(b)).population == (first if len(first) else run(b).population)
    assert run((sample() >> empty).otherwise(b)).population == run(b).population


@law
@given(trees, st.integers(0, 9))
def test_a_branch_that_fails_loses_the_race(a: Strategy, calls: int) -> None:
    contest = race(sample(temperature=0.125), a, accept=law_always)
    ran = run(contest, fails=lambda r: r.temperature == 0.125, caches=False)
    assert ran.population == run(a, population=root(1), caches=False).population
    assert ran.account.held == ZERO
    assert ran.spent == ran.engine.sold


@law
@given(trees, st.integers(0, 12))
def test_a_crash_is_nobodys_to_catch(a: Strategy, after: int) -> None:
    engine = Engine(crash_after=after)
    ctx = context(engine=engine)
    try:
        asyncio.run(a(root(), ctx))
    except Crash:
        assert ctx.account.held == ZERO
    else:
        assert len(engine.asked) <= after


@law
@given(trees, st.integers(1, 30))
def test_cancelling_from_outside_settles_everything(a: Strategy, passes: int) -> None:
    engine = Engine(jitter=7, caches=False)
    ctx = context(engine=engine)

    async def go() -> None:
        task = asyncio.create_task(a(root(), ctx))  # type: ignore[arg-type]
        for _ in range(passes):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(go())
    assert ctx.account.held == ZERO


class _Slow:
    """Two passes of the loop a token, so that a clock may end it anywhere."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, request: Request) -> str:
        self.calls += 1
        await asyncio.sleep(30 if request.index % 2 else 0)
        return "3"


def _timed(clock: Clock, memory: Memory, calls: object) -> tuple[Population, Trace, bool]:
    ctx = context(Budget(), TimeCap(FunctionBackend(calls), clock, memory))  # type: ignore[arg-type]
    out = asyncio.run(sample(4)(root(), ctx))
    assert ctx.account.held == ZERO
    return out, ctx.trace, ctx.account.refused


def test_a_clock_refuses_what_is_late_and_records_it() -> None:
    memory, engine = Memory(), _Slow()
    out, _, refused = _timed(Clock(0.2), memory, engine)
    assert refused
    assert [c.key.path[-1] for c in out] == [0, 2]
    assert list(memory.held.values()) == [b"sent"] * 2
    again, _, refused = _timed(Clock(1000), memory, engine)
    assert refused
    assert again == out
    assert engine.calls == 4 + 2  # no journal here: the draws made in time are made again


def test_a_clock_that_has_ended_refuses_everything() -> None:
    """Even an engine that answers at once."""
    memory = Memory()
    out, _, refused = _timed(Clock(10, elapsed=11), memory, lambda request: "3")
    assert out == root()
    assert refused
    assert list(memory.held.values()) == [b"late"] * 4


def test_an_engines_own_timeout_is_not_the_clocks() -> None:
    memory = Memory()

    def hang(request: Request) -> str:
        raise TimeoutError

    backend = TimeCap(FunctionBackend(hang), Clock(1000), memory)
    with pytest.raises(TimeoutError):
        asyncio.run(backend.generate(Request("q", root()[0].key)))
    assert memory.held == {}


def test_a_draw_that_had_come_when_the_clock_ended_it_is_kept() -> None:
    """Its CancelledError has it, as `Coalesce` tells: it is paid for."""
    memory = Memory()

    async def come(request: Request) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(Completion("3")) from None
        return ""

    backend = TimeCap(FunctionBackend(come), Clock(0.01), memory)
    assert asyncio.run(backend.generate(Request("q", root()[0].key))).text == "3"
    assert memory.held == {}


def test_a_clock_is_a_refusal_that_leaves_candidates() -> None:
    ctx = context(Budget(), TimeCap(FunctionBackend(_Slow()), Clock(5, elapsed=6), Memory()))
    out = asyncio.run((step(2) >> step(2)).atomic()(root(), ctx))
    assert out == root()
    assert issubclass(OutOfTime, BackendError)
