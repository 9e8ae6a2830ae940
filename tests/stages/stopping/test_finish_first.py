"""The first to finish are kept: who they are, what the others cost, and that they are stopped for real."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.strategy import Needs, Strategy
from itc.backends.base import Completion, Request, Usage
from itc.budget.account import Caps
from itc.budget.cost import UNLIMITED, ZERO, Budget
from itc.errors import BackendError, ConfigError
from itc.stages.draws.extend import sample, step
from itc.stages.score import score
from itc.stages.selection.select import top
from itc.stages.stopping.finish_first import finish_first
from itc.types import Population
from tests.laws.engine import Engine
from tests.laws.test_resume import attempt
from tests.laws.trees import Memory, bound, caps, law, root, run

BODIES = (
    sample(8),
    sample(5, temperature=0.5) >> score("prm", "last"),
    (step() >> step() >> score("prm", "last") >> top(1, "prm")) * 5,
    step(4) >> sample(),
    sample(1),
)
bodies = st.sampled_from(BODIES)
jitters = st.integers(0, 10**6)


def shortest(body: Strategy, keep: int, seed: int = 0) -> list[tuple[str, int]]:
    """What should come out, read off the whole: fewest tokens first, ties by number."""
    return [
        (c.text, c.tokens) for c in sorted(run(body, seed=seed).population, key=lambda c: c.tokens)[:keep]
    ]


@law
@given(bodies, st.integers(1, 9), st.integers(0, 99), jitters)
def test_the_shortest_come_out_in_any_order_of_replies(
    body: Strategy, keep: int, seed: int, jitter: int
) -> None:
    ran = run(finish_first(body, keep), seed=seed, jitter=jitter)
    assert [(c.text, c.tokens) for c in ran.population] == shortest(body, keep, seed)
    assert ran.account.path == max(c.tokens for c in ran.population)


@law
@given(bodies, st.integers(1, 9), caps | st.just(UNLIMITED), jitters)
def test_no_cap_is_exceeded_and_what_is_booked_is_what_was_sold(
    body: Strategy, keep: int, cap: Budget, jitter: int
) -> None:
    race = finish_first(body, keep)
    ran = run(race, cap, jitter=jitter, caches=False)
    assert ran.spent == ran.engine.sold == ran.billed
    assert ran.account.held == ZERO
    assert Caps.of(cap).covers(ran.spent, ran.account.path)
    assert len(ran.population) >= 1
    worst, shape = bound(race)
    assert worst | ran.spent == worst
    assert len(ran.population) <= shape.count
    assert ran.population == run(race, cap, caches=False).population


@law
@given(bodies, st.integers(1, 9), caps | st.just(UNLIMITED), st.integers(0, 20), jitters)
def test_a_resumed_run_is_the_same_run(
    body: Strategy, keep: int, cap: Budget, after: int, jitter: int
) -> None:
    race = finish_first(body, keep)
    held: dict[bytes, bytes] = {}
    decisions = Memory()
    first = attempt(race, cap, held, decisions, crash_after=after, jitter=jitter)
    second = attempt(race, cap, held, decisions, jitter=jitter + 1)
    third = attempt(race, cap, held, decisions, crash_after=0)
    assert second is not None
    assert third is not None
    assert third.result() == second.result()
    assert third.billed == ZERO
    assert first is None or first.result() == second.result()
    assert sum(third.trace.spent.values(), ZERO) == third.spent


@law
@given(st.integers(1, 3), st.integers(0, 99))
def test_the_saved_tokens_show_in_the_account(keep: int, seed: int) -> None:
    """With all draws a token a turn, one that loses has written at most a turn's tokens more than the last
    that is kept."""
    race, everything = (run(s, seed=seed, caches=False) for s in (finish_first(sample(8), keep), sample(8)))
    assert race.spent | everything.spent == everything.spent
    limit = max(c.tokens for c in race.population)
    most = sum(min(c.tokens, limit + 1) for c in everything.population)
    assert race.spent.completion_tokens <= most
    assert race.spent.calls == 8


def test_what_loses_is_cut_upstream() -> None:
    engine = Engine(caches=False)
    ran = run(finish_first(sample(8)), engine=engine, seed=5)
    long = [c for c in run(sample(8), seed=5).population if c.tokens > ran.population[0].tokens + 1]
    assert long
    assert engine.cancelled >= len(long)


def test_a_slow_engine_does_not_change_who_is_first() -> None:
    tokens = [c.tokens for c in run(sample(8)).population]
    first = min(range(8), key=lambda i: (tokens[i], i))
    engine = Engine(delay=lambda r: 999 if r.index == first else 0)
    assert run(finish_first(sample(8)), engine=engine).population[0].key.path[-1] == first


def test_a_tie_goes_to_the_lower_number_however_late_it_is() -> None:
    """Both draws have all their tokens; the first waits for its rating while the second is done."""

    class Alike(Engine):
        def reply(self, r: Request) -> Completion:
            made = super().reply(r)
            if r.score_steps is not None:
                return made
            return Completion(f"{r.index}....", "eos", Usage(9, 0, 5), (-0.1,) * 5)

    engine = Alike(delay=lambda r: 50 if r.score_steps and r.score_steps[0].startswith("0") else 0)
    ran = run(finish_first(sample(3) >> score("prm", "last"), 1), engine=engine)
    assert ran.population[0].text == "0...."


def test_a_draw_that_fails_is_not_among_the_first() -> None:
    assert len(run(finish_first(sample(4), 3), fails=lambda r: r.index == 1).population) == 3
    with pytest.raises(BackendError):
        run(finish_first(sample(4), 4), fails=lambda r: r.index == 1)


def test_what_the_budget_does_not_cover_is_not_begun() -> None:
    ran = run(finish_first(sample(8), 2), Budget(calls=3))
    assert ran.spent.calls == 3
    assert ran.account.refused
    assert [c.text for c in ran.population] == [text for text, _ in shortest(sample(3), 2)]
    assert run(finish_first(sample(8)), Budget(calls=0)).population == root()


def test_candidates_have_races_of_their_own() -> None:
    pop = Population(tuple(c for c in run(step(6), seed=2).population if not c.done))
    assert len(pop) > 1
    made = run(finish_first(sample(4), 2), population=pop).population
    assert [c.parent for c in made] == [c.key for c in pop for _ in range(2)]
    assert run(finish_first(sample(4)), population=Population()).population == Population()


def test_it_takes_draws_and_streams_them() -> None:
    with pytest.raises(ConfigError, match="draws"):
        finish_first(top(1, "prm"))
    with pytest.raises(ConfigError):
        finish_first(sample(3), 0)
    assert (
        Needs(frozenset({("policy", "stream")})) | finish_first(sample(3)).needs
        == finish_first(sample(3)).needs
    )
