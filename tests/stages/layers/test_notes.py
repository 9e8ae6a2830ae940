"""Notes, their combinations, answers made from them, and the bar."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.layers.subsets import items
from itc.types import Candidate, Population, Step
from tests.laws.trees import law, parse, run


def noted(*steps: tuple[str, str], answer: str | None = None) -> Population:
    made = tuple(Step(text, 3, kind=kind) for kind, text in steps)  # type: ignore[arg-type]
    return Population((Candidate(Key("noted"), made, done=True, answer=answer),))


def test_without_its_notes_an_answer_counts_again() -> None:
    pop = noted(("plan", "p 9"), ("solution", "so 1"), ("critique", "not 2"))
    (bare,) = run(parse("forget()"), population=pop).population
    assert ([s.text for s in bare.steps], bare.answer) == (["so 1"], "1")
    (half,) = run(parse("forget(critique)"), population=pop).population
    assert ([s.text for s in half.steps], half.answer) == (["p 9", "so 1"], "1")
    (plan,) = run(parse("forget(plan)"), population=pop).population
    assert ([s.text for s in plan.steps], plan.answer) == (["so 1", "not 2"], None)


def test_an_answer_survives_a_critique_whose_revision_is_refused() -> None:
    ran = run(
        parse("sample() >> (annotate(law_improve) >> rewrite(law_improve)).within(calls=1) >> forget()")
    )
    before = run(parse("sample()"))
    assert ran.population[0].answer == before.population[0].answer


@pytest.mark.parametrize("bad", ["forget(solution)", "subsets(-1)", "passed(prm, 2)", "solve(law_merge, 0)"])
def test_nonsense_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        parse(bad)


def test_items_of_a_list() -> None:
    assert items("1. one\n2) two\n\n- three\n* three\n(4) four\nfive", 5) == [
        "one",
        "two",
        "three",
        "four",
        "five",
    ]
    assert items("1. one\n2. two", 1) == ["one"]
    assert items(" \n", 3) == []


@law
@given(st.integers(0, 3), st.integers(1, 5), st.integers(0, 5))
def test_every_combination_once(size: int, of: int, there: int) -> None:
    pop = noted(("plan", "kept"), ("observation", "".join(f"- o{i}\n" for i in range(there))))
    out = run(parse(f"subsets({size}, {of})"), population=pop).population
    n = min(of, there)
    assert len(out) == sum(comb(n, k) for k in range(size + 1))
    assert len({c.steps[-1].text for c in out}) == len(out)
    assert all(c.steps[0].text == "kept" and c.steps[-1].kind == "observation" for c in out)
    assert out[0].steps[-1].text == ""
    assert list(run(parse(f"subsets({size}, {of}, 2)"), population=pop).population) == list(out)[:2]


def test_answers_have_no_combinations() -> None:
    pop = noted(("observation", "a\nb"), ("solution", "1"))
    assert run(parse("subsets()"), population=pop).population == pop


def test_an_answer_keeps_the_notes_it_was_made_from() -> None:
    pop = noted(("plan", "p"), ("solution", "old"), ("critique", "c"))
    for c in run(parse("solve(law_improve, 2)"), population=pop).population:
        assert [s.kind for s in c.steps] == ["plan", "critique", "solution"]
        assert c.steps[-1].text != "old"


def test_the_bar() -> None:
    steps = (Step("x"),)
    low = Candidate(Key("low"), steps, done=True).scored("prm", 0.2)
    high = Candidate(Key("high"), steps, done=True).scored("prm", 0.5)
    none = Candidate(Key("none"), steps, done=True)
    bar = parse("passed(prm)")
    assert run(bar, population=Population((low, high, none))).population.members == (high,)
    assert run(bar, population=Population((low, none))).population.members == (low, none)
