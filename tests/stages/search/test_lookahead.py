"""Look-ahead: the score of what comes, and no text of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.strategy import Strategy
from itc.budget.cost import ZERO, Budget
from itc.errors import ConfigError
from itc.library import parse
from itc.stages.draws.extend import sample, step
from itc.stages.score import score
from itc.stages.search.lookahead import lookahead
from itc.stages.selection.select import top
from tests.laws.trees import bound, caps, law, run
from tests.methods.world import Made, World, play

AHEAD = step(temperature=0.0)


@law
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3))
def test_the_score_is_that_of_the_rollouts_end(seed: int, ahead: int, n: int) -> None:
    out, world, ctx = play(step(n) >> lookahead(AHEAD**ahead >> score("prm", "last"), "prm"), seed)
    model = World(seed)
    for i, c in enumerate(out):
        end = model.draw(Made(), i)
        assert (c.text, c.done) == (end.text, end.done)
        for _ in range(ahead):
            end = end if end.done else model.draw(end, "greedy")
        assert c.score("prm") == model.rating(end.text)
        assert dict(c.steps[0].scores)["prm"] == model.rating(c.text)
    assert ctx.account.spent.calls == len(world.asked)


@law
@given(st.integers(0, 99), st.integers(1, 3), caps)
def test_texts_and_keys_are_those_without_it(seed: int, n: int, cap: Budget) -> None:
    ahead = lookahead(AHEAD**2 >> score("prm", "last"), "prm")
    with_it, without = run(step(n) >> ahead >> step(), seed=seed), run(step(n) >> step(), seed=seed)
    assert [(c.key, c.text) for c in with_it.population] == [(c.key, c.text) for c in without.population]
    capped = run(step(n) >> ahead, cap, seed=seed)
    assert len(capped.population) >= 1
    assert capped.account.held == ZERO


def test_its_cost_is_counted() -> None:
    plain, ahead = run(step(3)), run(step(3) >> lookahead(AHEAD >> score("prm", "last"), "prm"))
    live = sum(not c.done for c in plain.population)
    assert live
    assert ahead.spent == ahead.engine.sold
    draws = [r for r in ahead.engine.asked if r.score_steps is None]
    assert len(draws) == 3 + live
    assert ahead.spent.calls == len(ahead.engine.asked) > len(draws)
    assert ahead.account.path > plain.account.path


def test_what_runs_ahead_is_not_what_is_drawn_later() -> None:
    """At the same temperature too: else the text that was judged good would be drawn by design."""
    ran = run(step(2) >> lookahead(step(2) >> score("prm", "last"), "prm") >> step(2))
    draws = [r for r in ran.engine.asked if r.score_steps is None]
    assert len({r.key for r in draws}) == len(draws) > 6


def test_of_several_rollouts_the_best_counts() -> None:
    strategy = step(2) >> lookahead(step(3) >> score("prm", "last"), "prm")
    out, _, _ = play(strategy, 3)
    model = World(3)
    for i, c in enumerate(out):
        made = model.draw(Made(), i)
        ends = [made] if made.done else [model.draw(made, j) for j in range(3)]
        assert c.score("prm") == max(model.rating(end.text) for end in ends)


def test_what_the_budget_refuses_keeps_the_score_it_had() -> None:
    rated = step(2) >> score("rule")
    before = run(rated).population
    after = run(rated >> lookahead(AHEAD >> score("rule"), "rule").within(calls=0)).population
    assert after == before


def test_what_is_finished_goes_through_and_is_rated_once() -> None:
    ahead = lookahead(AHEAD >> score("prm", "last"), "prm")
    ran = run(sample(3) >> ahead >> ahead)
    assert ran.spent.calls == 3 + len({c.text for c in ran.population})
    assert [c.score("prm") for c in ran.population] == [
        c.score("prm") for c in run(sample(3) >> score("prm", "last")).population
    ]


@pytest.mark.parametrize(
    "strategy",
    [
        lookahead(AHEAD**2 >> score("prm", "last"), "prm"),
        step(3) >> lookahead(step(2) >> score("prm", "mean") >> top(1, "prm"), "prm"),
    ],
)
def test_its_bound_covers_it(strategy: Strategy) -> None:
    cost, shape = bound(strategy)
    for seed in range(20):
        ran = run(strategy, seed=seed)
        assert ran.spent.calls <= cost.calls
        assert ran.spent.tokens <= cost.tokens
        assert len(ran.population) <= shape.count


def test_what_runs_ahead_is_a_strategy() -> None:
    with pytest.raises(ConfigError, match="expected a strategy"):
        parse("lookahead(3, prm)")
