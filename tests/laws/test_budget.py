"""A budget is a promise: never exceeded, nothing left on hold, and what is booked is what was billed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from random import Random

from hypothesis import assume, example, given
from hypothesis import strategies as st

from itc.algebra.context import Context, Shape
from itc.algebra.parallel import race
from itc.algebra.sequence import Pipeline
from itc.algebra.strategy import Strategy
from itc.budget.account import Account, Caps
from itc.budget.cost import ZERO, Budget, Cost
from itc.stages.draws.asked import BYTES_PER_TOKEN
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.layers.fuse import fuse
from itc.stages.particles.resample import resample, reweight
from itc.stages.score import score
from itc.stages.selection.select import top
from itc.types import Population, Step
from tests.laws.engine import Engine
from tests.laws.trees import (
    Ran,
    bound,
    caps,
    context,
    holds_empty,
    law,
    law_always,
    law_crowded,
    law_merge,
    locals_,
    root,
    run,
    trees,
)


def assert_kept(ran: Ran, cap: Budget) -> None:
    """The promise, for a run that ended."""
    assert Caps.of(cap).covers(ran.spent, ran.account.path)
    assert ran.account.held == ZERO
    assert ran.account.overrun == ZERO
    assert ran.spent == ran.engine.sold
    assert ran.billed == ran.engine.sold
    assert sum(ran.trace.spent.values(), ZERO) == ran.spent


@law
@given(trees, caps, st.integers(0, 99))
def test_no_cap_is_exceeded_and_what_is_booked_was_billed(a: Strategy, cap: Budget, jitter: int) -> None:
    assert_kept(run(a, cap, jitter=jitter), cap)


@law
@given(trees, st.integers(0, 99))
def test_without_a_cap_what_is_booked_was_billed(a: Strategy, jitter: int) -> None:
    ran = run(a, jitter=jitter)
    assert_kept(ran, Budget())
    assert ran.account.path <= ran.spent.completion_tokens


@law
@given(trees, trees, caps)
def test_a_cap_inside_holds_inside(a: Strategy, b: Strategy, cap: Budget) -> None:
    assume(bound(a)[0].calls <= 60)
    ran = run(a.within(cap))
    assert Caps.of(cap).covers(ran.spent, ran.account.path)


@law
@given(trees)
@example((step() | sample()) >> score("rule") >> reweight("rule") >> resample(1.0, "multinomial") >> sample())
@example(sample().within(calls=0) >> sample())
@example((step() | step()) >> top(1, "prm").until(law_always, 1) >> sample())
@example(step() >> sample(prompt=law_merge) >> fuse(law_merge))
@example(step(at=16) >> sample(max_tokens=2) >> rewrite(law_merge))
@example(step() * 3 >> fuse(law_merge).within(calls=0) >> sample())
@example(step() * 3 >> sample().until(law_crowded(size=2), 2) >> sample())
def test_the_worst_case_is_one(a: Strategy) -> None:
    cost, shape = bound(a)
    ran = run(a)
    assert Caps.around(cost, cost.completion_tokens).covers(ran.spent, ran.account.path)
    assert len(ran.population) <= shape.count
    assert sum(not c.done for c in ran.population) <= shape.live
    assert max((c.tokens for c in ran.population), default=0) <= shape.tokens


def _apart(s: Step) -> bool:
    return s.kind != "solution" or not s.tokens


def _longest(pop: Population, counts: Callable[[Step], bool]) -> int:
    """Tokens of the longest path, a text that was given counting by its bytes."""

    def size(s: Step) -> int:
        return s.tokens or math.ceil(len(s.text.encode()) / BYTES_PER_TOKEN)

    return max((sum(size(s) for s in c.steps if counts(s)) for c in pop), default=0)


@law
@given(trees, st.lists(locals_, min_size=1, max_size=3))
def test_the_worst_case_of_local_stages_is_one_for_any_population(
    before: Strategy, stages: list[Strategy]
) -> None:
    """What fusion relies on."""
    pop = run(before).population
    assume(len(pop) <= 12)
    after = Pipeline.of(*stages)
    live = sum(not c.done for c in pop)
    shape = Shape(len(pop), live, _longest(pop, lambda s: True), apart=_longest(pop, _apart))
    cost, out = after.bound(shape, context())
    ran = run(after, population=pop)
    assert Caps.around(cost, cost.completion_tokens).covers(ran.spent, ran.account.path)
    assert len(ran.population) <= out.count
    assert sum(not c.done for c in ran.population) <= out.live


@law
@given(trees)
def test_the_worst_case_as_a_cap_refuses_nothing(a: Strategy) -> None:
    cost, _ = bound(a)
    cap = Budget(calls=cost.calls, completion_tokens=cost.completion_tokens)
    free, capped = run(a), run(a, cap)
    assert capped.population == free.population


@law
@given(trees, caps)
def test_anytime(a: Strategy, cap: Budget) -> None:
    assume(not holds_empty(a))
    assert len(run(a, cap).population) >= 1


@law
@given(trees, caps)
def test_atomic_is_all_or_none(a: Strategy, cap: Budget) -> None:
    ran = run(a.atomic(), cap)
    assert ran.population == (root() if ran.account.refused else run(a).population)
    inside = run(a, cap)
    assert ran.account.refused == inside.account.refused
    assert ran.spent == inside.spent


@law
@given(trees, caps)
def test_what_was_not_refused_is_as_without_a_cap(a: Strategy, cap: Budget) -> None:
    ran = run(a, cap)
    assume(not ran.account.refused)
    free = run(a)
    assert (ran.population, ran.spent) == (free.population, free.spent)


@law
@given(st.integers(1, 50), caps, st.integers(0, 99))
def test_a_cap_is_used_up_to_the_last_whole_draw(n: int, cap: Budget, jitter: int) -> None:
    ran = run(sample(n), cap, jitter=jitter)
    assert_kept(ran, cap)
    if ran.account.refused:
        assert not ran.account.remaining.covers(worst_draw(), worst_draw().completion_tokens)
        assert ran.spent.calls < n
    else:
        assert ran.spent.calls == n


def worst_draw() -> Cost:
    """One draw from the root, at its dearest."""
    return bound(sample())[0]


@law
@given(st.integers(0, 10**6), st.integers(100, 20_000), st.booleans())
def test_two_hundred_branches_on_one_cap(seed: int, cap: int, shared: bool) -> None:
    """Real concurrency and random token counts: not one token too many, and what is left goes on."""
    rng = Random(seed)
    account = Account(Budget(completion_tokens=cap))
    highest = 0

    async def branch(mine: Account, sizes: list[tuple[int, int]]) -> None:
        nonlocal highest
        for worst, actual in sizes:
            held = Cost(1, 0, 0, worst)
            if not mine.reserve(held, worst):
                continue
            total = account.spent + account.held
            highest = max(highest, int(total.completion_tokens))
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            mine.settle(held, Cost(1, 0, 0, actual))

    def sizes() -> list[tuple[int, int]]:
        worst = [rng.randint(1, 200) for _ in range(2)]
        return [(w, rng.randint(0, w)) for w in worst]

    async def go() -> None:
        own = account.split([ZERO] * 200) if not shared else [account.child() for _ in range(200)]
        async with asyncio.TaskGroup() as group:
            for mine in own:
                group.create_task(branch(mine, sizes()))

    asyncio.run(go())
    assert highest <= cap
    assert account.spent.completion_tokens <= cap
    assert account.held == ZERO
    if shared and account.refused:
        assert account.spent.completion_tokens > 0


@law
@given(
    st.builds(Budget, calls=st.integers(0, 500), completion_tokens=st.integers(0, 5000)), st.integers(1, 200)
)
def test_shares_are_fair_and_whole(cap: Budget, n: int) -> None:
    account = Account(cap)
    parts = account.split([ZERO] * n)
    for unit in ("calls", "completion_tokens"):
        shares = [getattr(p.cap, unit) for p in parts]
        assert sum(shares) == getattr(cap, unit)
        assert max(shares) - min(shares) <= 1
        assert shares == sorted(shares, reverse=True)


@law
@given(trees, trees, st.integers(0, 40), st.integers(0, 99))
def test_a_race_cancels_the_losers_and_settles_what_they_had_cost(
    a: Strategy, b: Strategy, slow: int, jitter: int
) -> None:
    assume(bound(a | b)[0].calls <= 60)
    contest = race(a, b, accept=law_always)

    def delay(request: object) -> int:
        branch = [p for p in request.key.path if isinstance(p, int)][1:2]  # type: ignore[attr-defined]
        return slow if branch == [0] else jitter % 7

    engine = Engine(delay=delay, caches=False)
    ran = run(contest, engine=engine)
    assert ran.account.held == ZERO
    assert ran.spent == engine.sold
    assert ran.billed == engine.sold
    alone = [run(x, population=root(i)).population for i, x in enumerate((a, b))]
    assert ran.population in (*alone, Population())


def test_a_slow_loser_is_cut_and_pays_for_what_it_wrote() -> None:
    contest = race(sample(temperature=0.5), sample(temperature=0.25), accept=law_always)

    def delay(request: object) -> int:
        return 500 if request.temperature == 0.5 else 0  # type: ignore[attr-defined]

    engine = Engine(delay=delay, caches=False)
    ran = run(contest, engine=engine)
    assert [c.key.path[2:4] for c in ran.population] == [("|", 1)]
    assert engine.cancelled == 1
    assert ran.spent == engine.sold
    assert ran.spent.calls == 2


def test_a_context_of_its_own_below() -> None:
    ctx: Context = context(Budget(calls=5))
    inner = ctx.within(Budget(calls=9))
    assert inner.account.remaining.calls == 5
    assert inner.account.parent is ctx.account
