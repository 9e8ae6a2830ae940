"""Candidates and populations: values that change by replacement only."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.keys import Key
from itc.types import Candidate, Population, Problem, Step, logsumexp
from tests.laws.trees import law


def test_a_problem_prompts_with_its_question() -> None:
    assert Problem("p", "Why?").prompt == "Why?"
    assert Problem("p", "Why?", "Q: Why? A:").prompt == "Q: Why? A:"


def test_scores_are_set_and_read_by_name() -> None:
    c = Candidate(Key("c")).scored("b", 0.5).scored("a", 0.25)
    assert c.scores == (("a", 0.25), ("b", 0.5))
    assert c.scored("b", 1.0).score("b") == 1.0
    assert c.has_score("a")
    assert not c.has_score("z")
    with pytest.raises(KeyError):
        c.score("z")


def test_a_path_adds_up() -> None:
    steps = (Step("a ", 2, -0.5), Step("no", 3, -1.0, kind="critique"), Step("b", 1, -0.25, finish="length"))
    c = Candidate(Key("c"), steps)
    assert (c.text, c.tokens, c.logprob, c.finish) == ("a nob", 6, -1.75, "length")
    assert [s.text for s in c.solution] == ["a ", "b"]
    assert Candidate(Key("c")).finish == "open"


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Candidate(Key("c")).done = True  # type: ignore[misc]


def test_two_candidates_never_share_a_key() -> None:
    c = Candidate(Key("c"))
    with pytest.raises(ValueError, match="share a key"):
        Population((c, c))
    assert len(Population((c, c.forked("copy", 1)))) == 2


def test_a_population_has_a_key_of_its_own_that_depends_on_order() -> None:
    a, b = Candidate(Key("a")), Candidate(Key("b"))
    assert Population((a, b)).key != Population((b, a)).key
    assert Population((a, b)).key == Population((a.scored("s", 1.0), b)).key
    assert Population((a,)).key not in (a.key, Population().key)


def test_the_root_depends_on_seed_and_problem() -> None:
    roots = {Population.root(Problem(p, "q"), s)[0].key for p in "ab" for s in (0, 1)}
    assert len(roots) == 4


def test_populations_pool_and_map_in_order() -> None:
    a, b = Candidate(Key("a")), Candidate(Key("b"), done=True)
    both = Population((a,)) + Population((b,))
    assert [c.key for c in both] == [a.key, b.key]
    assert both.map(lambda c: c.scored("s", 0.5))[1].score("s") == 0.5
    assert not both.done
    assert Population((b,)).done
    assert Population().done


@law
@given(st.lists(st.floats(-700, 700), max_size=9))
def test_logsumexp_is_that(xs: list[float]) -> None:
    assert logsumexp([*xs, -math.inf]) == logsumexp(xs)
    if xs:
        assert max(xs) <= logsumexp(xs) <= max(xs) + math.log(len(xs)) + 1e-9
        shifted = [x - max(xs) for x in xs]
        assert logsumexp(shifted) == pytest.approx(math.log(math.fsum(map(math.exp, shifted))))
    else:
        assert logsumexp(xs) == -math.inf
    assert Population().log_total == -math.inf
