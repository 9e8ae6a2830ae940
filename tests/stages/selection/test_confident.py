"""Confidence of groups of tokens, against the plain formulas; who stays, and whose draw is stopped."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.budget.cost import ZERO
from itc.errors import ConfigError, StrategyFailed
from itc.keys import Key
from itc.stages.draws.extend import sample
from itc.stages.selection.confident import confident, groups, measured, percentile
from itc.stages.stopping.online import Falling, online
from itc.types import Candidate, Population, Step
from tests.laws.engine import Engine
from tests.laws.trees import context, law, root, run

sureness = st.lists(st.floats(0, 30), min_size=1, max_size=40)
windows = st.integers(1, 12)


@law
@given(sureness, windows)
def test_groups_are_sliding_means(confidences: list[float], window: int) -> None:
    if len(confidences) < window:
        expected = [math.fsum(confidences) / len(confidences)]
    else:
        expected = [
            math.fsum(confidences[i : i + window]) / window for i in range(len(confidences) - window + 1)
        ]
    assert groups(confidences, window) == pytest.approx(expected, abs=1e-9)


@law
@given(sureness, windows)
def test_measures_are_those_of_the_paper(confidences: list[float], window: int) -> None:
    found = np.sort(groups(confidences, window))
    expected = {
        "mean": np.mean(confidences),
        "tail": np.mean(confidences[-window:]),
        "least": found[0],
        "bottom": np.mean(found[: max(1, int(len(found) * 0.1))]),
    }
    for measure, value in expected.items():
        assert measured(confidences, measure, window) == pytest.approx(value, abs=1e-9)
        assert measured([], measure, window) == 0.0


@law
@given(sureness, st.floats(0, 1))
def test_the_quantile_is_numpys(xs: list[float], q: float) -> None:
    assert percentile(xs, q) == pytest.approx(float(np.percentile(xs, 100 * q)), abs=1e-9)


def answers(*given: tuple[str | None, tuple[float, ...]]) -> Population:
    made = (
        Candidate(
            Key("s", i),
            (Step(str(answer), len(sure), token_confidences=sure),),
            done=True,
            answer=answer,
        )
        for i, (answer, sure) in enumerate(given)
    )
    return Population(tuple(made))


def stay(pop: Population, *options: Any) -> list[tuple[str | None, float]]:
    out = asyncio.run(confident(*options)(pop, context()))
    return [(c.answer, c.score("confidence")) for c in out]


def test_the_surest_stay_and_weigh_their_confidence() -> None:
    pop = answers(("1", (2.0,)), ("2", (8.0,)), (None, (9.0,)), ("3", (4.0,)), ("4", (6.0,)))
    assert stay(pop, 0.5, "mean") == [("2", 1.0), ("4", 0.75)]
    assert stay(pop, 1.0, "mean") == [("1", 0.25), ("2", 1.0), ("3", 0.5), ("4", 0.75)]
    assert stay(pop, 0.0, "mean") == [("2", 1.0)]
    assert stay(answers((None, (3.0,)), (None, (6.0,)))) == [(None, 1.0)]
    assert stay(answers(("1", ()))) == [("1", 0.0)]
    assert len(asyncio.run(confident()(Population(), context()))) == 0


def test_draws_must_say_how_sure_the_model_was() -> None:
    with pytest.raises(StrategyFailed, match="confidence=20"):
        run(sample(3) >> confident())
    refused: tuple[tuple[Any, ...], ...] = ((1.5,), (0.5, "median"), (0.5, "mean", 0))
    for options in refused:
        with pytest.raises(ConfigError):
            confident(*options)


@law
@given(sureness, windows, st.floats(0, 30), st.integers(1, 7))
def test_a_draw_is_cut_where_a_group_is_first_below_the_bar(
    confidences: list[float], window: int, bar: float, size: int
) -> None:
    """However the engine cuts its stream, to within a piece."""
    whole = groups(confidences, window) if len(confidences) >= window else []
    below = [i for i, x in enumerate(whole) if x < bar]
    watch = Falling(bar, window)
    read = len(confidences)
    for at in range(0, len(confidences), size):
        piece = confidences[at : at + size]
        if not watch.follow("x", len(piece), (), piece):
            read = at + len(piece)
            break
    if below:
        assert read - size < below[0] + window <= read
    else:
        assert read == len(confidences)


def test_the_name_tells_bars_apart() -> None:
    assert len({Falling(bar, window).name for bar in (0.1, 0.1 + 1e-16, 0.2) for window in (2, 3)}) == 6


class Surer(Engine):
    """Draws of 12 tokens. Draw i has confidence 10 but for its fourth and fifth token, where it has i."""

    def reply(self, r: Request) -> Completion:
        tokens, low = 12, float(r.index)
        sure = (10.0, 10.0, 10.0, low, low, *[10.0] * 7)
        text = f"{r.index % 2}" + "." * 90
        logprobs = (-0.1,) * tokens
        return Completion(text, "eos", Usage(9, 0, tokens), logprobs, token_confidences=sure)


LIVE = online(sample(8, confidence=3), 4, 0.5, 2, 1.0, 2)
"""The least groups of the first four are 0, 1, 2 and 3: half are at least 1.5."""


def test_unsure_draws_are_stopped_under_way() -> None:
    class Worse(Surer):
        def reply(self, r: Request) -> Completion:
            # After the warm-up even draws are sure throughout, odd ones are not.
            made = super().reply(r)
            if r.index < 4:
                return made
            low = 9.0 if r.index % 2 == 0 else 1.0
            sure = tuple(low if x == r.index else x for x in made.token_confidences)
            return Completion(made.text, "eos", made.usage, made.token_logprobs, token_confidences=sure)

    engine = Worse(caches=False)
    ctx = context(engine=engine)
    made = asyncio.run(LIVE(root(), ctx))
    assert [c.tokens for c in made] == [12, 12, 12, 12, 12, 5, 12, 5]
    assert [c.finish for c in made][4:] == ["eos", "cut", "eos", "cut"]
    assert [c.answer for c in made][4:] == ["0", None, "0", None]
    weights = [c.score("confidence") for c in made]
    assert weights == [0.0, 0.0, 2 / 9, 3 / 9, 1.0, 0.0, 1.0, 0.0]
    assert ctx.account.spent == engine.sold
    assert ctx.account.spent.completion_tokens == 6 * 12 + 2 * 5
    assert ctx.account.held == ZERO


def test_all_stops_once_the_votes_agree() -> None:
    ran = Surer(caches=False)
    made = asyncio.run(online(sample(20, confidence=3), 4, 0.5, 2, 0.55, 2)(root(), context(engine=ran)))
    # Votes of the first four: 0 + 2 for one answer, 1 + 3 for the other, a share of .67.
    assert len(made) == 4
    assert len(ran.asked) == 4


def test_a_cut_draw_is_in_the_journal_and_is_not_asked_for_again(tmp_path: object) -> None:
    with Journal.open(f"{tmp_path}/j.sqlite") as journal:
        first, second = Surer(), Surer(crash_after=0)
        strict = online(sample(8, confidence=3), 4, 0.25, 2, 1.0, 4)
        one = asyncio.run(strict(root(), context(engine=Journaled(first, journal))))
        ctx = context(engine=Journaled(second, journal))
        assert asyncio.run(strict(root(), ctx)) == one
        # Whole draws of before the bar are those of anyone who asks for confidences.
        whole = context(engine=Journaled(second, journal))
        assert len(asyncio.run(sample(4, confidence=3)(root(), whole))) == 4
    assert not second.asked


def test_its_needs_and_what_it_refuses() -> None:
    needs = {capability for _, capability in LIVE.needs.capabilities}
    assert {"stream", "confidence"} <= needs
    for options in ({"warmup": 0}, {"keep": 2.0}, {"window": 0}, {"share": -1.0}, {"every": 0}):
        with pytest.raises(ConfigError):
            online(sample(8, confidence=3), **options)
    assert Sampling().confidence == 0
    with pytest.raises(StrategyFailed, match="confidences"):
        run(online(sample(3), 2))
