"""What every method promises, at any budget and in any order of replies. A new one is a line here."""

from __future__ import annotations

import pkgutil

from hypothesis import given
from hypothesis import strategies as st

import itc.methods
from itc.algebra.strategy import Strategy
from itc.budget.account import Caps
from itc.budget.cost import Budget
from tests.laws.trees import Ran, caps, law, parse, run

METHODS = (
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
methods = st.sampled_from(METHODS).map(parse)


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


def test_every_method_is_here() -> None:
    known = {m.name for m in pkgutil.iter_modules(itc.methods.__path__)}
    assert known == {text.partition("(")[0] for text in METHODS}
