"""Which candidate came of which."""

from __future__ import annotations

from dataclasses import replace

from itc.algebra.context import Trace
from itc.keys import Key
from itc.stages.search.descent import families
from itc.types import Candidate, Population, Step

A, B = Candidate(Key("a")), Candidate(Key("b"), parent=Key("above"))


def drawn(of: Candidate, i: int = 0) -> Candidate:
    return replace(of, key=of.key.fold("draw", i), parent=of.key, steps=(*of.steps, Step(str(i))))


def found(*made: Candidate, trace: Trace | None = None) -> list[list[Candidate]]:
    families_ = families((A, B), Population(made), trace or Trace())
    return [families_[A.key], families_[B.key]]


def test_draws_and_draws_of_draws_in_order() -> None:
    one, two, three = drawn(A), drawn(drawn(A, 1)), drawn(B)
    assert found(two, three, one) == [[two, one], [three]]


def test_what_came_back_as_it_was_or_as_a_fork_is_no_child() -> None:
    assert found(A, B) == [[], []]
    assert found(A.forked("|", 0), B.forked("copy", 1), replace(B, done=True)) == [[], []]
    child = drawn(A.forked("|", 1))
    assert found(A.forked("|", 0), child, B) == [[child], []]


def test_the_nearest_node_above_is_the_parent() -> None:
    below = drawn(A).forked("again", 0)
    child = drawn(below)
    assert families((A, below), Population((child,)), Trace()) == {A.key: [], below.key: [child]}


def test_what_was_written_from_several_is_of_the_first() -> None:
    """Its own key tells nothing: the trace knows the way up."""
    step = drawn(B)
    fused = Candidate(Key("population").fold("fuse", 0), (Step("f"),), parent=step.key, done=True)
    assert found(fused) == [[], [fused]]
    later = Candidate(Key("population").fold("fuse", 1), (Step("g"),), parent=fused.key, done=True)
    trace = Trace()
    trace.add(fused)
    assert found(later, trace=trace) == [[], [later]]


def test_what_descends_from_none_is_left_out() -> None:
    assert found(Candidate(Key("c")), drawn(Candidate(Key("d")))) == [[], []]
