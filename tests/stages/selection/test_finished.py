"""Answers before fragments, and one of equal siblings."""

from __future__ import annotations

import asyncio

from itc.algebra.strategy import Strategy
from itc.keys import Key
from itc.stages.selection.finished import finished
from itc.stages.selection.merge import merge
from itc.types import Candidate, Population, Step
from tests.laws.trees import context


def candidate(i: int, text: str, parent: str = "p", done: bool = False) -> Candidate:
    return Candidate(Key(i), (Step(text),), parent=Key(parent), done=done)


def out(strategy: Strategy, *members: Candidate) -> tuple[Candidate, ...]:
    return asyncio.run(strategy(Population(members), context())).members


def test_what_is_finished_if_anything_is() -> None:
    a, b, c = candidate(0, "a"), candidate(1, "b", done=True), candidate(2, "c", done=True)
    assert out(finished(), a, b, c) == (b, c)
    assert out(finished(), a) == (a,)
    assert out(finished()) == ()


def test_siblings_with_one_text_are_one_and_cousins_are_not() -> None:
    twins = candidate(0, "x"), candidate(1, "x"), candidate(2, "y"), candidate(3, "x", parent="q")
    assert out(merge(), *twins) == (twins[0], twins[2], twins[3])
    ended = candidate(4, "x", done=True)
    assert out(merge(), twins[0], ended, twins[1]) == (twins[0], ended)
