"""Selectors by example: votes, ties, order, finished candidates."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from itc.algebra.strategy import Strategy, holds
from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.selection.select import answered, distinct, done, majority, top, vote
from itc.types import Candidate, Population, Step
from tests.laws.trees import context


def pop(*rows: tuple[str, str | None, float | None]) -> Population:
    """Finished candidates of (name, answer, score), all of equal weight."""
    made = []
    for i, (name, answer, value) in enumerate(rows):
        c = Candidate(Key("select", i), (Step(name),), done=True, answer=answer)
        made.append(c if value is None else c.scored("s", value))
    return Population(tuple(made))


def names(stage: Strategy, population: Population) -> list[str]:
    return [c.text for c in asyncio.run(stage(population, context()))]


def test_top_is_stable_and_puts_the_unscored_last() -> None:
    rows = pop(("a", None, 0.5), ("b", None, None), ("c", None, 0.9), ("d", None, 0.5), ("e", None, 0.0))
    assert names(top(9, "s"), rows) == ["c", "a", "d", "e", "b"]
    assert names(top(2, "s"), rows) == ["c", "a"]
    assert names(top(3, "unknown"), rows) == ["a", "b", "c"]


def test_live_top_keeps_the_finished_beside_the_best() -> None:
    rows = pop(("a", None, 0.1), ("b", None, 0.9), ("c", None, 0.3), ("d", None, 0.2))
    mixed = Population(tuple(replace(c, done=c.text == "d") for c in rows))
    assert names(top(2, "s", live=True), mixed) == ["d", "b", "c"]


def test_a_vote_counts_classes_of_answers() -> None:
    """3 and 4 are equal to this task: together they have two votes."""
    assert names(vote(), pop(("a", "1", None), ("b", "3", None), ("c", "4", None))) == ["b"]


def test_no_answer_no_vote() -> None:
    rows = pop(("a", None, 0.9), ("b", None, 0.9), ("c", "1", 0.1), ("d", None, 0.9))
    assert names(vote(), rows) == ["c"]
    assert names(vote("s"), rows) == ["c"]
    assert names(vote(), pop(("a", None, None), ("b", None, None))) == ["a"]
    assert names(vote(), Population()) == []


def test_a_tie_goes_to_the_answer_seen_first() -> None:
    rows = pop(("a", "2", 0.5), ("b", "1", 0.5), ("c", "1", 0.5), ("d", "2", 0.5))
    assert names(vote(), rows) == ["a"]
    assert names(vote("s"), rows) == ["a"]


def test_a_weighted_vote_adds_scores_and_returns_the_best_backer() -> None:
    rows = pop(("a", "1", 0.8), ("b", "2", 0.3), ("c", "2", 0.6), ("d", "5", None))
    assert names(vote(), rows) == ["b"]
    assert names(vote("s"), rows) == ["c"]
    heavy = pop(("a", "1", 0.95), ("b", "2", 0.3), ("c", "2", 0.6))
    assert names(vote("s"), heavy) == ["a"]


def test_a_vote_by_particle_weight() -> None:
    base = pop(("a", "1", None), ("b", "2", None), ("c", "2", None))

    def at(*logs: float) -> Population:
        return Population(tuple(replace(c, log_weight=x) for c, x in zip(base, logs, strict=True)))

    assert names(vote("weight"), at(-700.0, -1400.0, -1400.0)) == ["a"]
    assert names(vote("weight"), at(math.log(3), math.log(1), math.log(2.5))) == ["c"]
    assert names(vote("weight"), at(-math.inf, -math.inf, -math.inf)) == ["b"]


def test_distinct_keeps_the_first_of_equal_texts() -> None:
    rows = pop(("a", "1", 0.1), ("b", "1", 0.2), ("a", "1", 0.9))
    assert [c.key for c in asyncio.run(distinct()(rows, context()))] == [rows[0].key, rows[1].key]


def test_predicates() -> None:
    def is_so(test: object, population: Population) -> bool:
        return asyncio.run(holds(test, population, context()))  # type: ignore[arg-type]

    two, three = pop(("a", "1", None), ("b", None, None)), pop(*[("a", x, None) for x in "134"])
    assert is_so(done, two)
    assert not is_so(done, Population((Candidate(Key("x")),)))
    assert is_so(answered, two)
    assert not is_so(answered, pop(("a", None, None)))
    assert is_so(majority, three)
    assert not is_so(majority(share=0.7), three)
    assert not is_so(majority(floor=4), three)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError):
        top(0)
