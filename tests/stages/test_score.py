"""Rating: aggregation, what is sent to a reward model, what is not sent twice."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.budget.cost import ZERO, Budget
from itc.errors import ConfigError, StrategyFailed
from itc.keys import Key
from itc.scorers.base import SCORERS, FunctionScorer, scorer
from itc.stages.draws.extend import annotate, sample, step
from itc.stages.score import aggregate, score
from itc.types import Candidate, Population, Step
from tests.laws.trees import SCORERS_OF_LAWS, context, law, run

unit = st.floats(0, 1)


@law
@given(st.lists(unit, min_size=1, max_size=9))
def test_aggregations_stay_between_zero_and_one(scores: list[float]) -> None:
    steps = tuple(scores)
    assert aggregate(steps, "last") == steps[-1]
    assert aggregate(steps, "min") == min(steps)
    assert aggregate(steps, "prod") == math.prod(steps)
    assert aggregate(steps, "mean") == pytest.approx(sum(steps) / len(steps))
    assert all(0 <= aggregate(steps, agg) <= 1 for agg in ("last", "min", "prod", "mean"))


def test_how_step_scores_add_up_is_never_a_default() -> None:
    with pytest.raises(ConfigError, match="last"):
        run(sample() >> score("prm"))
    with pytest.raises(ConfigError, match="mean"):
        score("prm", "median")


def test_every_step_keeps_its_score_and_the_path_the_aggregate() -> None:
    out = run(step(at=2) ** 3 >> score("prm", "min")).population[0]
    found = [dict(s.scores)["prm"] for s in out.steps]
    assert len(found) == len(out.steps)
    assert out.score("prm") == min(found)


def test_what_was_rated_is_not_sent_again() -> None:
    once = run(sample(3) >> score("prm", "last"))
    twice = run(sample(3) >> score("prm", "last") >> score("prm", "min"))
    assert twice.spent == once.spent
    grown = run((step(at=2) >> score("prm", "last")) ** 5, seed=1)
    lengths = [len(r.score_steps) for r in grown.engine.asked if r.score_steps is not None]
    assert lengths == list(range(1, len(grown.population[0].steps) + 1))
    assert len(lengths) > 1


def test_equal_texts_are_rated_once() -> None:
    same = Population(tuple(Candidate(Key("same", i), (Step("3", 1),), done=True) for i in range(5)))
    ran = run(score("prm", "last"), population=same)
    assert ran.spent.calls == 1
    assert len({c.score("prm") for c in ran.population}) == 1


def test_only_the_solution_is_rated() -> None:
    ran = run(sample() >> annotate("law_merge") >> score("prm", "last"))
    (rating,) = [r for r in ran.engine.asked if r.score_steps is not None]
    assert rating.score_steps == (ran.population[0].steps[0].text,)
    assert ran.population[0].has_score("prm")


def rated_pieces(text: str, agg: str = "min") -> tuple[list[str], Candidate]:
    """What a reward model is shown of one draw, and the rated candidate."""
    whole = Population((Candidate(Key("whole"), (Step(text, 9),), done=True),))
    ran = run(score("prm", agg), population=whole)
    (rating,) = [r for r in ran.engine.asked if r.score_steps is not None]
    return list(rating.score_steps or ()), ran.population[0]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("one\n\ntwo\n\nthree", ["one\n\n", "two\n\n", "three"]),
        ("one\n\ntwo\n\n", ["one\n\n", "two\n\n"]),
        ("\n\none\n\n\n\n \n\ntwo", ["\n\none\n\n\n\n \n\n", "two"]),
        ("one\ntwo", ["one\ntwo"]),
        ("\n\n", ["\n\n"]),
    ],
)
def test_a_whole_draw_is_rated_as_the_steps_it_is(text: str, pieces: list[str]) -> None:
    shown, rated = rated_pieces(text)
    assert shown == pieces
    assert [s.text for s in rated.steps] == [text]


@law
@given(st.text("ab\n ", max_size=30).filter(bool))
def test_pieces_make_up_the_text_and_no_step_is_blank(text: str) -> None:
    shown, _ = rated_pieces(text)
    assert "".join(shown) == text
    assert all(piece.strip() for piece in shown) or len(shown) == 1
    assert all(piece.endswith("\n\n") for piece in shown[:-1])


def test_a_whole_draw_scores_as_the_same_text_drawn_in_steps() -> None:
    texts = ("one\n\n", "two\n\n", "three")
    for agg in ("last", "min", "prod", "mean"):
        _, whole = rated_pieces("".join(texts), agg)
        steps = Population((Candidate(Key("steps"), tuple(map(Step, texts)), done=True),))
        by_step = run(score("prm", agg), population=steps).population[0]
        assert whole.score("prm") == by_step.score("prm")
    _, whole = rated_pieces("".join(texts), "model")
    assert whole.score("prm") != by_step.score("prm")


def test_a_whole_draw_rated_again_is_rated_by_its_steps_again() -> None:
    whole = Population((Candidate(Key("whole"), (Step("one\n\ntwo\n\nthree", 9),), done=True),))
    once = run(score("prm", "min"), population=whole).population[0]
    twice = run(score("prm", "min") >> score("prm", "min"), population=whole).population[0]
    assert twice == once
    assert run(score("prm", "min") >> score("prm", "min"), population=whole).spent.calls == 1
    other = run(score("prm", "min") >> score("prm", "mean"), population=whole)
    assert other.population[0].score("prm") == run(score("prm", "mean"), population=whole).population[
        0
    ].score("prm")


def test_nothing_to_rate_costs_nothing() -> None:
    ran = run(score("prm", "last"))
    assert ran.spent == ZERO
    assert not ran.population[0].has_score("prm")
    assert run(score("rule")).population[0].score("rule") == 0.0


def test_a_refused_rating_leaves_what_was_known() -> None:
    drawn = run(sample(3)).population
    ran = run(score("prm", "last"), Budget(calls=2), population=drawn)
    assert [c.has_score("prm") for c in ran.population] == [True, True, False]
    assert [c.text for c in ran.population] == [c.text for c in drawn]


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, math.inf])
def test_a_score_is_a_number_from_zero_to_one(bad: float) -> None:
    ctx = context(scorers={**SCORERS_OF_LAWS, "bad": FunctionScorer(lambda c: bad)})
    with pytest.raises(StrategyFailed, match="bad"):
        asyncio.run(score("bad")(run(sample()).population, ctx))


def test_likelihoods_are_probabilities() -> None:
    c = Candidate(Key("c"), (Step("a", 2, math.log(0.25)), Step("b", 1, math.log(0.5))), done=True)

    def rate(name: str) -> tuple[float, ...]:
        return asyncio.run(SCORERS[name]([c], context()))[0]

    assert rate("likelihood") == pytest.approx((0.125,))
    assert rate("normalized_likelihood") == pytest.approx((0.5,))
    assert rate("step_likelihood") == pytest.approx((0.5, 0.5))


def test_a_scorers_name_is_its_own() -> None:
    with pytest.raises(ConfigError, match="already"):

        @scorer()
        def likelihood(c: Candidate) -> float:
            return 0.0
