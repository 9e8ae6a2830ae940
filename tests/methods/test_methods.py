"""What each method promises beyond its golden trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.strategy import Strategy
from itc.budget.account import Caps
from itc.budget.cost import Budget
from itc.errors import ConfigError
from tests.laws.trees import Ran, caps, law, parse, run

texts = st.sampled_from(
    (
        "best_of_n(4)",
        "best_of_n(4, weighted=True)",
        "best_of_n(5, likelihood, None)",
        "self_consistency(5)",
        "self_consistency(5, prm, min)",
        "beam(4, 2)",
        "beam(6, 3, agg=min, rounds=3, weighted=True)",
        "particle_filter(4)",
        "particle_filter(5, agg=prod, scheme=residual, ess_below=0.5, weighted=True)",
    )
)
methods = texts.map(parse)


@law
@given(methods, st.integers(0, 99), st.integers(0, 99))
def test_one_candidate_whatever_the_order_of_replies(method: Strategy, seed: int, jitter: int) -> None:
    ran = run(method, seed=seed, jitter=jitter)
    assert len(ran.population) == 1
    assert ran.result() == run(method, seed=seed).result()


@law
@given(methods, caps, st.integers(0, 99))
def test_at_any_budget_the_best_of_what_there_is(method: Strategy, cap: Budget, jitter: int) -> None:
    ran: Ran = run(method, cap, jitter=jitter)
    assert len(ran.population) == 1
    assert Caps.of(cap).covers(ran.spent, ran.account.path)
    assert ran.result() == run(method, cap).result()


@law
@given(methods)
def test_a_finished_path_is_never_extended(method: Strategy) -> None:
    """Nor is a text that ended asked for again."""
    ran = run(method)
    ended = {c.key for c in ran.trace.made.values() if c.done}
    drawn_from = {c.parent for c in ran.trace.made.values()}
    assert not ended & drawn_from


@law
@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 99))
def test_methods_of_whole_draws_share_them(n: int, more: int, seed: int) -> None:
    few, many = (
        run(parse(f"best_of_n({n})"), seed=seed),
        run(parse(f"self_consistency({n + more})"), seed=seed),
    )
    assert set(few.trace.made) <= set(many.trace.made)


def test_what_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="divide"):
        parse("beam(5, 2)")


def test_they_read_as_the_stages_they_are() -> None:
    weigh = "score(prm, last) >> reweight(prm, logit, set)"
    for method, stages in (
        ("best_of_n(8)", "sample(8) >> score(prm, last) >> top(1, prm)"),
        ("self_consistency(8)", "sample(8) >> vote()"),
        (
            "particle_filter(2)",
            f"identity * 2 >> (resample() >> step() >> {weigh}).until(done, 40) >> top(1, prm)",
        ),
    ):
        assert parse(method) == parse(stages)
