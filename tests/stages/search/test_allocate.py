"""Shares of a width: exact, in order of score, and between all-to-the-best and equal."""

from __future__ import annotations

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st

from itc.keys import Key
from itc.stages.draws.extend import step
from itc.stages.score import score
from itc.stages.search.allocate import allocate, shares
from itc.types import Candidate, Population, Step
from tests.laws.trees import context, law, run

scores = st.lists(st.floats(0, 1) | st.integers(0, 8).map(lambda k: k / 8), min_size=1, max_size=30)
widths = st.integers(0, 300)
temperatures = st.floats(1e-6, 1e3)


@law
@given(scores, widths, temperatures)
def test_shares_add_up_exactly(values: list[float], width: int, temperature: float) -> None:
    given_ = shares(values, width, temperature)
    assert sum(given_) == width
    assert min(given_) >= 0


@law
@given(scores, widths, temperatures)
def test_the_better_gets_no_less(values: list[float], width: int, temperature: float) -> None:
    given_ = shares(values, width, temperature)
    ranked = [given_[i] for i in sorted(range(len(values)), key=lambda i: -values[i])]
    assert ranked == sorted(ranked, reverse=True)


@law
@given(scores, st.integers(1, 300), temperatures)
def test_the_best_gets_its_share_rounded_up(values: list[float], width: int, temperature: float) -> None:
    top = max(values)
    exact = width / math.fsum(math.exp((v - top) / temperature) for v in values)
    assert shares(values, width, temperature)[values.index(top)] == min(width, math.ceil(exact - 1e-9))


@law
@given(scores, st.integers(1, 300), st.randoms())
def test_order_does_not_matter_where_scores_differ(values: list[float], width: int, rng: object) -> None:
    values = list(dict.fromkeys(values))
    mixed = values[:]
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    one, two = shares(values, width, 0.2), shares(mixed, width, 0.2)
    assert [two[mixed.index(v)] for v in values] == one


@law
@given(st.lists(st.integers(0, 8).map(lambda k: k / 8), min_size=1, max_size=12, unique=True), widths)
def test_cold_gives_all_to_the_best(values: list[float], width: int) -> None:
    assert shares(values, width, 1e-6)[values.index(max(values))] == width


@law
@given(st.floats(0, 1), st.integers(1, 40), widths, temperatures)
def test_equal_scores_get_the_same_but_for_one(value: float, n: int, width: int, temperature: float) -> None:
    given_ = shares([value] * n, width, temperature)
    assert max(given_) - min(given_) <= 1
    assert given_ == sorted(given_, reverse=True)


def test_rounding_adds_no_place() -> None:
    """Three equal paths share nine places after the best took its own: three each, not 4, 3, 2."""
    assert shares([1.0, 0.75, 0.75, 0.75], 20, 0.2) == [11, 3, 3, 3]


def test_no_values_get_nothing() -> None:
    assert shares([], 5, 0.2) == []
    assert shares([0.5], -3, 0.2) == [0]


def test_places_and_finished_members_are_the_width() -> None:
    def one(i: int, value: float, done: bool) -> Candidate:
        return Candidate(Key("c", i), (Step(str(i)),), scores=(("prm", value),), done=done)

    pop = Population((one(0, 0.2, False), one(1, 0.9, True), one(2, 0.8, False)))

    def out(width: int) -> list[str]:
        return [c.text for c in asyncio.run(allocate(width, "prm")(pop, context()))]

    assert out(1) == ["1"]
    assert out(2) == ["1", "2"]
    assert out(6) == ["0", "1", "2", "2", "2", "2"] or len(out(6)) == 6
    few = asyncio.run(allocate(4, "prm")(pop, context()))
    many = asyncio.run(allocate(9, "prm")(pop, context()))
    assert {c.key for c in few} <= {c.key for c in many}


@law
@given(st.integers(0, 99), st.integers(1, 8))
def test_so_many_draws_are_made(seed: int, width: int) -> None:
    ran = run(step(3) >> score("rule") >> allocate(width, "rule") >> step(), seed=seed)
    before = run(step(3) >> score("rule"), seed=seed).population
    done = sum(c.done for c in before)
    live = len(before) - done
    assert ran.spent.calls == 3 + (max(0, width - done) if live else 0)
    assert len(ran.population) == done + (max(0, width - done) if live else 0) or not len(ran.population)
