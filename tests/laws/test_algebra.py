"""What the operators mean: associativity, units, scalars, lazy and eager, fused and unfused."""

from __future__ import annotations

import asyncio

from hypothesis import assume, example, given
from hypothesis import strategies as st

from itc.algebra.control import Otherwise, route
from itc.algebra.local import Chain
from itc.algebra.parallel import Union, empty, race
from itc.algebra.sequence import Pipeline, identity
from itc.algebra.strategy import Strategy
from itc.budget.cost import UNLIMITED, ZERO, Budget
from itc.stages.draws.extend import sample, step
from itc.stages.score import score
from itc.stages.selection.select import top
from itc.types import Population
from tests.laws.trees import (
    LOCAL,
    RATING,
    bound,
    caps,
    context,
    law,
    law_always,
    law_crowded,
    law_never,
    law_size,
    locals_,
    run,
    trees,
    uncapped_trees,
)

small = st.integers(0, 3)


def copies(a: Strategy, n: int) -> Union:
    """``a * n`` as the union it is for n > 1: a single copy would not be forked."""
    return Union((a.branches if isinstance(a, Union) else (a,)) * n)


@law
@given(trees, trees, trees)
def test_operators_are_associative(a: Strategy, b: Strategy, c: Strategy) -> None:
    assert (a >> b) >> c == a >> (b >> c)
    assert (a | b) | c == a | (b | c)
    assert a.otherwise(b).otherwise(c) == a.otherwise(b.otherwise(c))


@law
@given(trees, trees, trees)
def test_nesting_does_not_change_what_is_done(a: Strategy, b: Strategy, c: Strategy) -> None:
    assume(all(bound(x)[0].calls <= 40 for x in (a >> b >> c, a.otherwise(b).otherwise(c))))
    flat, nested = run(a >> b >> c), run(Pipeline((a, Pipeline((b, c)))))
    assert (flat.population, flat.spent) == (nested.population, nested.spent)
    first = run(a.otherwise(b).otherwise(c))
    again = run(Otherwise((Otherwise((a, b)), c)))
    assert (first.population, first.spent) == (again.population, again.spent)


@law
@given(trees, small, caps)
def test_units(a: Strategy, n: int, cap: Budget) -> None:
    assert identity >> a == a == a >> identity
    assert empty | a == a == a | empty
    assert empty.otherwise(a) == a == a.otherwise(empty)
    assert a * 1 == a == a**1
    assert a * 0 == empty
    assert a**0 == identity
    assert a.within(UNLIMITED) == a == a.within()
    want = run(a, cap).result()
    assert run(Pipeline((identity, a, identity)), cap).result() == want
    assert run(Otherwise((empty, a)), cap).result() == want


@law
@given(trees, small, small)
def test_multiples_and_powers_add_and_multiply(a: Strategy, m: int, n: int) -> None:
    assert a * (m + n) == a * m | a * n
    assert a ** (m + n) == a**m >> a**n
    assert (a**m) ** n == a ** (m * n)
    assert (a * m) * n == a * (m * n)
    assert n * a == a * n


@law
@given(trees, small, small)
def test_a_multiple_begins_with_the_smaller_one(a: Strategy, m: int, n: int) -> None:
    assume(bound(a * (m + n))[0].calls <= 60)
    few, many = run(copies(a, m)), run(copies(a, m + n))
    assert many.population.members[: len(few.population)] == few.population.members


@law
@given(uncapped_trees, st.integers(1, 3))
def test_lazy_is_eager_when_never_stopped(a: Strategy, n: int) -> None:
    assume(bound(a**n)[0].calls <= 60)
    lazy, eager = run(a.until(law_never, n)), run(a**n)
    assert (lazy.population, lazy.spent) == (eager.population, eager.spent)
    lazy, eager = run(a.grow(law_never, n)), run(a * n)
    assert (lazy.population, lazy.spent) == (eager.population, eager.spent)


@law
@given(uncapped_trees, st.integers(1, 3))
def test_stopping_early_is_a_shorter_power_or_multiple(a: Strategy, n: int) -> None:
    assume(bound(a)[0].calls <= 40)
    assert run(a.until(law_always, n)).result() == run(identity).result()
    assert run(a.grow(law_always, n + 1)).population == run(copies(a, 1)).population


@law
@given(uncapped_trees, st.integers(1, 4), st.integers(2, 4))
def test_until_asks_before_each_round_and_grow_after_each_copy(a: Strategy, size: int, n: int) -> None:
    assume(bound(a)[0].calls <= 25)
    pop = run(identity).population
    for _ in range(n):
        if len(pop) >= size:
            break
        pop = run(a, population=pop).population
    assert run(a.until(law_crowded(size=size), n)).population == pop
    enough = (k for k in range(1, n) if len(run(copies(a, k)).population) >= size)
    assert run(a.grow(law_crowded(size=size), n)).population == run(copies(a, next(enough, n))).population


@law
@given(trees, caps, caps)
def test_within_is_a_meet(a: Strategy, x: Budget, y: Budget) -> None:
    assert a.within(x).within(y) == a.within(x & y) == a.within(y).within(x)
    assert a.within(x).within(x) == a.within(x)
    assert (x & y) & x == x & y
    assert x & UNLIMITED == x


@law
@given(trees, caps, caps)
def test_a_cap_inside_is_a_cap_outside(a: Strategy, x: Budget, y: Budget) -> None:
    assert run(a.within(x)).result() == run(a, x).result()
    assert run(a.within(x), y).result() == run(a, x & y).result()


@law
@given(uncapped_trees, uncapped_trees, st.sampled_from(LOCAL + RATING))
@example(sample(), sample(2), step(2) >> score("prm", "last"))
def test_local_stages_distribute_over_the_flat_union(a: Strategy, b: Strategy, local: Strategy) -> None:
    both = a | b
    branches = both.branches if isinstance(both, Union) else (both,)
    assume(bound(both >> local)[0].calls <= 80)
    after, inside = run(both >> local), run(Union.of(*[x >> local for x in branches]))
    assert after.population == inside.population
    if local not in RATING:  # a rating is asked for once for equal texts of one population
        assert after.spent == inside.spent


@law
@given(trees, st.lists(locals_, min_size=2, max_size=4), st.integers(0, 9))
def test_fused_is_unfused(before: Strategy, stages: list[Strategy], jitter: int) -> None:
    assume(bound(Pipeline.of(before, *stages))[0].calls <= 80)
    start = run(before).population
    chain = run(Chain(tuple(stages)), population=start, jitter=jitter)  # type: ignore[arg-type]
    single, cost, path = start, ZERO, 0
    for stage in stages:
        one = run(stage, population=single)
        single, cost, path = one.population, cost + one.spent, path + one.account.path
    assert (chain.population, chain.spent) == (single, cost)
    assert chain.account.path <= path


@law
@given(st.lists(locals_, min_size=2, max_size=4), caps, st.integers(0, 9))
def test_fused_is_unfused_under_caps(stages: list[Strategy], cap: Budget, jitter: int) -> None:
    assume(bound(Pipeline.of(*stages))[0].calls <= 80)
    ctx, root = context(cap), run(identity).population

    async def by_hand() -> Population:
        pop = root
        for stage in stages:
            pop = await stage(pop, ctx)
        return pop

    want = asyncio.run(by_hand())
    got = run(Pipeline.of(*stages), cap, jitter=jitter)
    assert (got.population, got.spent) == (want, ctx.account.spent)


@law
@given(uncapped_trees, uncapped_trees, uncapped_trees, uncapped_trees)
def test_what_follows_a_route_may_go_inside(z: Strategy, a: Strategy, b: Strategy, c: Strategy) -> None:
    outside = z >> route(law_size, few=a, many=b) >> c
    inside = z >> route(law_size, few=a >> c, many=b >> c)
    assume(bound(outside)[0].calls <= 80)
    x, y = run(outside), run(inside)
    assert (x.population, x.spent) == (y.population, y.spent)


@law
@given(uncapped_trees, uncapped_trees)
def test_route_takes_the_named_arm(z: Strategy, a: Strategy) -> None:
    assume(bound(z >> a)[0].calls <= 80)
    few = len(run(z).population) < 3
    arms = {"few": a, "many": empty} if few else {"few": empty, "many": a}
    assert run(z >> route(law_size, **arms)).population == run(z >> a).population


@law
@given(trees, caps)
def test_nothing_comes_of_nothing_and_costs_nothing(a: Strategy, cap: Budget) -> None:
    for budget in (cap, UNLIMITED):
        done = run(a, budget, population=Population())
        assert len(done.population) == 0
        assert (done.spent, done.engine.asked) == (ZERO, [])


@law
@given(uncapped_trees, st.sampled_from(RATING), st.sampled_from(LOCAL))
def test_a_scorer_never_changes_a_later_draw(a: Strategy, scorer: Strategy, later: Strategy) -> None:
    assume(bound(a >> scorer >> later)[0].calls <= 80)
    plain, scored = run(a >> later), run(a >> scorer >> later)
    assert [(c.key, c.text, c.parent) for c in plain.population] == [
        (c.key, c.text, c.parent) for c in scored.population
    ]
    drawn = [r for r in scored.engine.asked if r.score_steps is None]
    assert sorted(r.seed for r in drawn) == sorted(
        r.seed for r in plain.engine.asked if r.score_steps is None
    )


@law
@given(st.integers(1, 6), st.integers(0, 6), st.sampled_from((sample, step)))
def test_fewer_draws_are_the_first_of_more(m: int, n: int, form: type) -> None:
    few, many = run(form(m)).population, run(form(m + n)).population
    assert many.members[:m] == few.members
    assert len({c.key for c in many}) == m + n


@law
@given(trees, st.integers(1, 4), st.integers(0, 3))
def test_fewer_draws_are_the_first_of_more_for_every_candidate(a: Strategy, m: int, n: int) -> None:
    start = run(a).population
    few, many = run(sample(m), population=start).population, run(sample(m + n), population=start).population
    kept = {c.key for c in many}
    assert all(c.key in kept for c in few)


@law
@given(trees, st.integers(0, 5), st.integers(6, 11))
def test_the_seed_decides(a: Strategy, seed: int, other: int) -> None:
    assert run(a, seed=seed).result() == run(a, seed=seed).result()
    mine, theirs = run(a, seed=seed), run(a, seed=other)
    assert not {c.key for c in mine.population} & {c.key for c in theirs.population}


@law
@given(st.integers(1, 5), st.integers(1, 5), uncapped_trees)
def test_top_of_top_is_the_smaller_top(j: int, k: int, a: Strategy) -> None:
    ranked = a >> score("prm", "last")
    assert (
        run(ranked >> top(j, "prm") >> top(k, "prm")).population
        == run(ranked >> top(min(j, k), "prm")).population
    )


@law
@given(uncapped_trees, uncapped_trees)
def test_a_race_with_one_acceptable_branch_is_that_branch(a: Strategy, b: Strategy) -> None:
    assume(bound(a | b)[0].calls <= 80)
    pooled = run(race(a, b, accept=law_never))
    assert pooled.population == run(Union((a, b))).population
