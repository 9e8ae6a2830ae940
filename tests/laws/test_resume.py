"""A call is paid for once: crash anywhere, run again on the same journal, and nothing is repeated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from itc.algebra.parallel import race
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Middleware, Request, Watch
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled, NotJournalled
from itc.budget.cost import UNLIMITED, ZERO, Budget
from itc.keys import Key
from itc.stages.draws.extend import sample, step
from itc.testing.methods import Recorded
from tests.laws.engine import Crash, Engine
from tests.laws.trees import Memory, Ran, bound, caps, context, law, law_always, parse, root, trees


class Remembering(Middleware):
    """A journal in memory, without what makes the real one durable: the law is the same."""

    def __init__(self, inner: Engine, held: dict[bytes, bytes], looks: bool = False) -> None:
        super().__init__(inner)
        self.held, self.looks = held, looks
        """``looks``: nothing is asked of the engine."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        key = request.identity(self.fingerprint)
        if key in self.held:
            held = Completion.load(self.held[key])
            if watch is not None:
                watch.prompt_tokens = held.usage.prompt_tokens
                watch.follow(held.text, held.usage.completion_tokens)
            return held
        if self.looks:
            raise NotJournalled("Not there.")
        done = await self.inner.generate(request, watch)
        self.held.setdefault(key, done.dump())
        return done


def attempt(
    a: Strategy,
    cap: Budget,
    held: dict[bytes, bytes],
    decisions: Memory,
    looks: bool = False,
    **options: object,
) -> Ran | None:
    """A run on a journal in memory; None if it crashed, or ``looks`` and misses something there."""
    engine = Engine(**options)  # type: ignore[arg-type]
    ctx = context(cap, Remembering(engine, held, looks), decisions)
    try:
        out = asyncio.run(_go(a, ctx))
    except (Crash, NotJournalled):
        return None
    return Ran(out, ctx.account, ctx.trace, engine)


async def _go(a: Strategy, ctx: object) -> object:
    return await a(root(), ctx)  # type: ignore[arg-type]


@law
@given(trees, caps | st.just(UNLIMITED), st.integers(0, 12), st.integers(0, 99))
def test_a_resumed_run_is_the_same_run(a: Strategy, cap: Budget, after: int, jitter: int) -> None:
    whole = attempt(a, cap, {}, Memory())
    assert whole is not None
    held: dict[bytes, bytes] = {}
    decisions = Memory()
    attempt(a, cap, held, decisions, crash_after=after, jitter=jitter)
    paid = len(held)
    again = attempt(a, cap, held, decisions)
    assert again is not None
    assert again.result() == whole.result()
    assert sum(again.trace.spent.values(), ZERO) == again.spent
    assert len(held) - paid == len({r.identity("laws") for r in again.engine.asked})
    third = attempt(a, cap, held, decisions, crash_after=0)
    assert third is not None
    assert third.result() == whole.result()
    assert third.billed == ZERO


@law
@example(parse("race(sample(), sample(), accept=law_never)"), UNLIMITED, 1, 0)
@given(trees, caps | st.just(UNLIMITED), st.integers(0, 12), st.integers(0, 99))
def test_a_look_into_the_journal_finds_all_or_nothing(
    a: Strategy, cap: Budget, after: int, jitter: int
) -> None:
    """What is missing there is no failed call, which a race or an alternative would go on without."""
    whole = attempt(a, cap, {}, Memory())
    assert whole is not None
    held: dict[bytes, bytes] = {}
    decisions = Memory()
    attempt(a, cap, held, decisions, crash_after=after, jitter=jitter)
    looked = attempt(a, cap, held, decisions, looks=True)
    assert looked is None or looked.result() == whole.result()
    again = attempt(a, cap, held, decisions)
    assert again is not None
    assert again.result() == whole.result()


files = count()


@law
@example(
    a=parse("race(race(sample(), sample(), accept=law_never), sample(2), accept=law_never)"),
    cap=UNLIMITED,
    after=1,
)
@given(a=trees, cap=caps | st.just(UNLIMITED), after=st.integers(0, 12))
def test_a_run_resumed_from_a_file_is_the_same_run(
    tmp_path_factory: pytest.TempPathFactory, a: Strategy, cap: Budget, after: int
) -> None:
    assume(bound(a)[0].calls <= 40)
    path = tmp_path_factory.getbasetemp() / f"journal-{next(files)}.sqlite"
    asked: list[Request] = []
    lost = 0

    def go(**options: object) -> Ran | None:
        nonlocal lost
        engine = Engine(**options)  # type: ignore[arg-type]
        with Journal.open(path) as journal:
            ctx = context(cap, Journaled(engine, journal), Recorded(journal))
            try:
                out = asyncio.run(_go(a, ctx))
            except Crash:
                out = None
            asked.extend(engine.asked)
            # A race that crashes cancels what it had under way; nothing else is ever lost.
            lost += engine.cancelled
            assert journal.draws == len(asked) - lost
        assert ctx.account.held == ZERO
        assert out is None or sum(ctx.trace.billed.values(), ZERO) == engine.sold
        return None if out is None else Ran(out, ctx.account, ctx.trace, engine)

    try:
        go(crash_after=after, jitter=3)
        again, third = go(), go(crash_after=0)
    finally:
        path.unlink()
    assert again is not None
    assert third is not None
    whole = attempt(a, cap, {}, Memory())
    assert whole is not None
    assert again.result() == whole.result() == third.result()
    assert third.billed == ZERO


@law
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_race_once_won_stays_won(slow: int, fast: int, tokens: int, capped: bool) -> None:
    """Timing decides the first time; afterwards the record does, the cost of the losers included."""
    cap = Budget(sequential_tokens=tokens + 30) if capped else UNLIMITED
    contest = race(step(temperature=0.5) ** 3, step(temperature=0.25), accept=law_always) >> sample() ** 2

    def delay(which: int) -> object:
        return lambda r: which if r.temperature == 0.25 else 0

    held: dict[bytes, bytes] = {}
    decisions = Memory()
    first = attempt(contest, cap, held, decisions, delay=delay(slow), caches=False)
    second = attempt(contest, cap, held, decisions, delay=delay(fast), caches=False)
    assert first is not None
    assert second is not None
    assert second.result() == first.result()
    assert second.billed == ZERO


@law
@given(trees, st.integers(1, 3))
def test_strategies_that_share_a_prefix_share_its_draws(a: Strategy, n: int) -> None:
    held: dict[bytes, bytes] = {}
    assert attempt(sample(n) >> a, UNLIMITED, held, Memory()) is not None
    more = attempt(sample(n), UNLIMITED, held, Memory(), crash_after=0)
    assert more is not None
    assert more.billed == ZERO
    assert more.spent.calls == n


@law
@given(
    st.integers(1, 3), st.sampled_from((0.0, 0.5, 1.0)), st.sampled_from((0.0, 0.5, 1.0)), st.integers(1, 16)
)
def test_draws_of_different_requests_are_not_shared(n: int, one: float, other: float, limit: int) -> None:
    """The key is the same, and so is the text: what else shapes a draw is part of what it is stored under."""
    held: dict[bytes, bytes] = {}
    a, b = sample(n, temperature=one, max_tokens=limit), sample(n, temperature=other)
    attempt(a, UNLIMITED, held, Memory())
    shared, alone = attempt(b, UNLIMITED, held, Memory()), attempt(b, UNLIMITED, {}, Memory())
    assert shared is not None
    assert alone is not None
    assert shared.result() == alone.result()
    assert len(held) == (n if a == b or (one, limit) == (other, 16) else 2 * n)


CHANGES = {
    "prompt": "other",
    "key": Key("other"),
    "system": "other",
    "prefix": "other",
    "prefix_ids": (5,),
    "temperature": 0.25,
    "top_p": 0.25,
    "top_k": 4,
    "min_p": 0.25,
    "max_tokens": 4,
    "stop": ("other",),
    "step": "other",
    "logprobs": True,
    "score_steps": ("other",),
}


@pytest.mark.parametrize("name", CHANGES)
def test_everything_that_shapes_a_draw_is_part_of_its_identity(name: str) -> None:
    request = Request("q", Key("k"))
    changed = replace(request, **{name: CHANGES[name]})
    assert changed.identity("m") != request.identity("m")
    assert changed.identity("m") == replace(request, **{name: CHANGES[name]}, index=7).identity("m")
    assert request.identity("m") != request.identity("another model")
    assert request.identity("m") != request.identity("m", "a watcher that cuts")
