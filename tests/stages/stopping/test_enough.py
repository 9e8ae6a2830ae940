"""As many draws as it takes: the prefix it keeps, and what a surplus begun too early costs."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.strategy import Strategy
from itc.budget.cost import UNLIMITED, ZERO, Budget
from itc.errors import BackendError, ConfigError
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.score import score
from itc.stages.selection.select import top
from itc.stages.stopping.enough import enough
from itc.types import Population
from tests.laws.engine import Engine
from tests.laws.test_resume import attempt
from tests.laws.trees import (
    Memory,
    Ran,
    bound,
    caps,
    context,
    law,
    law_always,
    law_crowded,
    law_never,
    root,
    run,
)

BODIES = (
    sample(7),
    sample(5, temperature=0.5) >> score("prm", "last"),
    step(6) >> rewrite("law_improve"),
    (step() >> score("prm", "last") >> top(1, "prm")) * 5,
)
bodies = st.sampled_from(BODIES)
sizes = st.integers(1, 8)
few = st.integers(0, 4)


def whole(body: Strategy) -> Population:
    return run(body).population


@law
@given(bodies, sizes, sizes, few, st.integers(0, 99))
def test_it_is_a_prefix_of_the_whole(body: Strategy, size: int, every: int, ahead: int, jitter: int) -> None:
    made = run(enough(body, law_crowded(size=size), every, ahead), jitter=jitter).population.members
    everything = whole(body).members
    due = min(len(everything), -(-size // every) * every)
    assert made == everything[:due]


@law
@given(bodies, sizes, few)
def test_never_and_always(body: Strategy, every: int, ahead: int) -> None:
    assert run(enough(body, law_never, every, ahead)).population == whole(body)
    assert len(run(enough(body, law_always, every, ahead)).population) == min(every, len(whole(body)))


@law
@given(bodies, sizes, sizes, caps, st.integers(1, 10**6))
def test_under_a_cap_the_clock_changes_nothing(
    body: Strategy, size: int, every: int, cap: Budget, jitter: int
) -> None:
    lazy = enough(body, law_crowded(size=size), every)
    assert run(lazy, cap, jitter=jitter).result() == run(lazy, cap).result()


@law
@given(bodies, sizes, sizes, few, caps | st.just(UNLIMITED), st.integers(0, 10**6))
def test_a_surplus_is_paid_for_and_changes_nothing_else(
    body: Strategy, size: int, every: int, ahead: int, cap: Budget, jitter: int
) -> None:
    lazy, patient = (enough(body, law_crowded(size=size), every, n) for n in (ahead, 0))
    ran, other = run(lazy, cap, jitter=jitter, caches=False), run(patient, cap, caches=False)
    assert ran.spent == ran.engine.sold == ran.billed
    assert ran.account.held == ZERO
    assert ran.population == other.population
    assert not ran.engine.cancelled or ahead
    worst, shape = bound(lazy)
    assert worst | ran.spent == worst
    assert len(ran.population) <= shape.count


@law
@given(bodies, sizes, sizes, st.integers(1, 4), st.integers(0, 30), st.integers(0, 99))
def test_a_resumed_run_is_the_same_run(
    body: Strategy, size: int, every: int, ahead: int, after: int, jitter: int
) -> None:
    """Once the surplus was cut its cost is on record; a crash before that leaves none, and it is cut anew."""
    lazy = enough(body, law_crowded(size=size), every, ahead)
    held: dict[bytes, bytes] = {}
    decisions = Memory()
    first = attempt(lazy, UNLIMITED, held, decisions, crash_after=after, jitter=jitter)
    second = attempt(lazy, UNLIMITED, held, decisions, jitter=jitter + 1)
    third = attempt(lazy, UNLIMITED, held, decisions, crash_after=0)
    assert second is not None
    assert third is not None
    assert third.result() == second.result()
    assert third.billed == ZERO
    assert first is None or first.result() == second.result()
    assert sum(third.trace.spent.values(), ZERO) == third.spent


def slow(after: int) -> Engine:
    """Draws from number ``after`` on take long."""
    return Engine(delay=lambda r: 500 if r.index >= after else 0, caches=False)


def test_what_was_begun_too_early_is_cancelled() -> None:
    engine = slow(after=2)
    ran = run(enough(sample(8), law_crowded(size=2), 2, 3), engine=engine)
    assert [c.key.path[-1] for c in ran.population] == [0, 1]
    assert len(engine.asked) == 5
    assert engine.cancelled == 3
    assert ran.spent == engine.sold


def test_time_is_that_of_the_draws_looked_at() -> None:
    """Two at a time, and two ahead: draw 2 begins with draw 0, draw 4 after both 0 and 1 have finished."""
    tokens = [c.tokens for c in whole(sample(6))]
    ran = run(enough(sample(6), law_crowded(size=6), 2, 2))
    starts = [0, 0, 0, 0]
    first = max(tokens[:2])
    second = max(first, *tokens[2:4])
    starts += [first, first]
    ends = [s + t for s, t in zip(starts, tokens, strict=True)]
    assert ran.account.path == max(second, *ends[4:])
    rounds = run(enough(sample(6), law_never, 2)).account.path
    assert rounds == sum(max(tokens[i : i + 2]) for i in (0, 2, 4))


def test_an_error_counts_only_where_its_draw_is_needed() -> None:
    def outcome(size: int, ahead: int) -> Ran:
        return run(enough(sample(6), law_crowded(size=size), 1, ahead), fails=lambda r: r.index == 3)

    assert len(outcome(3, 0).population) == 3
    assert len(outcome(3, 2).population) == 3
    for ahead in (0, 2):
        with pytest.raises(BackendError):
            outcome(4, ahead)


def test_branches_are_taken_whole() -> None:
    made = run(enough(sample(2) | step(3) | sample(), law_crowded(size=3))).population
    assert made == run(sample(2) | step(3)).population


def test_nothing_comes_out_of_order_where_the_budget_ends() -> None:
    cheap_last = sample() | sample(max_tokens=2)
    assert len(run(enough(cheap_last, law_never), Budget(completion_tokens=18)).population) == 2
    assert run(enough(cheap_last, law_never), Budget(completion_tokens=4)).population == root()


def test_each_candidate_has_enough_of_its_own() -> None:
    pop = run(step(2)).population
    pop = Population(tuple(c for c in pop if not c.done))
    made = run(enough(sample(4), law_crowded(size=3)), population=pop).population
    by_parent = [c.parent for c in made]
    assert by_parent == [c.key for c in pop for _ in range(3)]


def test_it_takes_draws() -> None:
    for what in ("vote()", "identity", 5):
        with pytest.raises(ConfigError, match="draws"):
            enough(what if isinstance(what, int) else __import__("itc").parse(what), law_never)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        enough(sample(3), law_never, 0)
    with pytest.raises(ConfigError):
        enough(sample(3), law_never, 1, -1)


def test_without_work_there_is_none() -> None:
    done = run(sample(1)).population
    lazy = enough(sample(4), law_never)
    assert run(lazy, population=done).population == done
    assert run(lazy, population=Population()).population == Population()
    assert run(lazy, Budget(calls=0)).population == root()
    assert asyncio.run(lazy(root(), context())) == whole(sample(4))
