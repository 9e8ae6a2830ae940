"""Selections without a reward model: ranked votes, minimum risk, places, pruning by probability."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from itc.algebra.context import Context
from itc.errors import ConfigError
from itc.keys import Key
from itc.library import parse
from itc.stages.selection.mbr import edit, f1, words
from itc.stages.selection.ranked import borda, listed, reciprocal, run_off
from itc.stages.selection.weibull import Mixture, Weibull, fit
from itc.types import Candidate, Population, Problem, Step
from tests.laws.engine import Digits

CONTEXT = Context(Problem("p", "?"), {}, answers=Digits())

ballots = st.lists(
    st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True).map(tuple), min_size=1, max_size=9
)
scores = st.floats(0.0, 1.0, allow_subnormal=False)


def population(*texts: str, by: str = "s", values: list[float] | None = None) -> Population:
    made = []
    for i, text in enumerate(texts):
        told = ((by, values[i]),) if values else ()
        made.append(
            Candidate(
                Key("c", i), (Step(text),), scores=told, done=True, answer=CONTEXT.answers.extract(text)
            )
        )
    return Population(tuple(made))


def choose(strategy: str, pop: Population) -> Candidate:
    (won,) = asyncio.run(parse(strategy)(pop, CONTEXT))
    return won


# ------------------------------------------------------------------ ranked votes
@given(ballots)
@settings(deadline=None)
def test_a_majority_of_first_choices_wins_the_run_off(cast: list[tuple[int, ...]]) -> None:
    leader, votes = Counter(b[0] for b in cast).most_common(1)[0]
    assume(2 * votes > len(cast))
    assert run_off(cast) == leader


@given(ballots, st.integers(0, 10**6))
@settings(deadline=None)
def test_the_run_off_is_what_its_rounds_are(cast: list[tuple[int, ...]], seed: int) -> None:
    """By hand: strike one of those first on fewest ballots until somebody has more than half of the rest."""
    left = [list(b) for b in cast]
    while True:
        left = [b for b in left if b]
        first = list(dict.fromkeys(b[0] for b in left))
        votes = Counter(b[0] for b in left)
        best = max(first, key=lambda a: votes[a])
        if 2 * votes[best] > len(left) or len(first) == 1:
            break
        weakest = [a for a in first if votes[a] == min(votes.values())][-1]
        left = [[a for a in b if a != weakest] for b in left]
    assert run_off(cast) == best


@given(ballots)
@settings(deadline=None)
def test_places_count_as_the_papers_say(cast: list[tuple[int, ...]]) -> None:
    points = {a: sum(len(b) - b.index(a) for b in cast if a in b) for b in cast for a in b}
    assert points[borda(cast)] == max(points.values())
    ranks = {a: math.fsum(1 / (b.index(a) + 1) for b in cast if a in b) for b in cast for a in b}
    assert ranks[reciprocal(cast)] == pytest.approx(max(ranks.values()))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
@settings(deadline=None)
def test_ballots_of_one_are_votes(cast: list[int]) -> None:
    winner = Counter(cast).most_common(1)[0][0]
    single = [(a,) for a in cast]
    assert borda(single) == reciprocal(single) == winner
    pop = population(*(f"so {a}" for a in cast))
    for rule in ("borda", "mrr"):
        assert choose(f"rank_vote({rule})", pop).answer == choose("vote()", pop).answer


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("Thinking.\n1. 7 apples\n 2) 8\n3: nine\n", ("7 apples", "8", "nine")),
        ("- A\n* B\n• C", ("A", "B", "C")),
        ("A > B > C", ("A", "B", "C")),
        ("Some say 3.\nThe order is:\n5 > 7", ("5", "7")),
        ("42", ("42",)),
        ("", ()),
    ],
)
def test_lists_as_they_are_written(text: str, items: tuple[str, ...]) -> None:
    assert listed(text) == items


def test_equal_answers_are_one_at_the_better_place() -> None:
    """3 and 4 are equal here: each ballot has them once, where they stand first."""
    won = choose("rank_vote(borda)", population("3 > 4 > 1", "4 > 2", "1 > 2"))
    assert (won.text, won.answer) == ("3 > 4 > 1", "3")


def test_the_winner_need_not_be_anybodys_first_choice() -> None:
    won = choose("rank_vote(mrr)", population("5 > 8", "6 > 8", "7 > 8"))
    assert (won.text, won.answer) == ("5 > 8", "8")


def test_nobody_who_lists_nothing_votes() -> None:
    assert choose("rank_vote()", population("a > b", "1 > 2", "x")).answer == "1"
    assert choose("rank_vote()", population("a > b", "x")).text == "a > b"
    assert len(asyncio.run(parse("rank_vote()")(Population(), CONTEXT))) == 0
    with pytest.raises(ConfigError, match="Did you mean"):
        parse("rank_vote(bordo)")


# ------------------------------------------------------------------ minimum risk
def levenshtein(a: list[str], b: list[str]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


texts = st.lists(st.sampled_from("abcd"), max_size=12)


@given(texts, texts)
@settings(deadline=None)
def test_edit_similarity_is_levenshteins(a: list[str], b: list[str]) -> None:
    longer = max(len(a), len(b))
    assert edit(a, b) == pytest.approx(1 - levenshtein(a, b) / longer if longer else 1.0)
    assert edit(a, b) == pytest.approx(edit(b, a))


@given(texts, texts)
@settings(deadline=None)
def test_f1_is_the_harmonic_mean(a: list[str], b: list[str]) -> None:
    shared = sum(min(a.count(w), b.count(w)) for w in set(a))
    if not a or not b:
        assert f1(a, b) == (a == b)
    elif not shared:
        assert f1(a, b) == 0.0
    else:
        precision, recall = shared / len(a), shared / len(b)
        assert f1(a, b) == pytest.approx(2 * precision * recall / (precision + recall))


def test_words_and_marks() -> None:
    assert words("The Answer, is 3.5!") == ("the", "answer", ",", "is", "3", ".", "5", "!")


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
@settings(deadline=None)
def test_with_equal_answers_for_utility_it_is_a_vote(answers: list[int]) -> None:
    pop = population(*(f"{i} is {a}" for i, a in enumerate(answers)))
    assert choose("least_risk(exact)", pop) == choose("vote()", pop)


@given(st.lists(texts.map(" ".join), min_size=1, max_size=6), st.sampled_from(("f1", "edit")))
@settings(deadline=None)
def test_the_least_risk_is_the_highest_mean_utility(drawn: list[str], utility: str) -> None:
    compare = {"f1": f1, "edit": edit}[utility]
    gains = [
        math.fsum(compare(words(a), words(b)) for j, b in enumerate(drawn) if j != i)
        for i, a in enumerate(drawn)
    ]
    won = choose(f"least_risk({utility})", population(*drawn))
    assert gains[won.key.path[1]] == pytest.approx(max(gains))  # type: ignore[index]


def test_only_answers_stand_where_there_are_any() -> None:
    assert choose("least_risk(f1)", population("a b c", "a b c", "so 7")).text == "so 7"
    assert choose("least_risk(exact)", population("a", "b")).text == "a"
    assert len(asyncio.run(parse("least_risk()")(Population(), CONTEXT))) == 0


# ------------------------------------------------------------------ places by a score
@given(st.lists(st.tuples(st.integers(0, 3), scores), min_size=1, max_size=9))
@settings(deadline=None)
def test_places_without_a_power_are_votes(drawn: list[tuple[int, float]]) -> None:
    pop = population(*(f"{a}" for a, _ in drawn), values=[s for _, s in drawn])
    assert choose("borda_vote(s, 0.0)", pop).answer == choose("vote()", pop).answer


@given(st.lists(st.tuples(st.integers(0, 3), scores), min_size=1, max_size=9))
@settings(deadline=None)
def test_a_high_power_leaves_the_choice_to_the_best(drawn: list[tuple[int, float]]) -> None:
    pop = population(*(f"{a}" for a, _ in drawn), values=[s for _, s in drawn])
    assert choose("borda_vote(s, 100.0)", pop) == choose("top(1, s)", pop)


def test_places_vector() -> None:
    """Four draws: 4, 3, 2, 1 votes for the places; the text without an answer holds the second."""
    pop = population("is 7", "?", "is 8", "so 8", values=[0.9, 0.8, 0.7, 0.6])
    assert choose("borda_vote(s, 1.0)", pop).text == "is 7"
    assert choose("borda_vote(s, 0.5)", pop).text == "is 8"  # 2 against √2 + 1
    assert choose("borda_vote(s)", population("?", "!", values=[0.1, 0.2])).text == "?"


# ------------------------------------------------------------------ pruning
def drawn_from(mixture: Mixture, count: int, seed: int) -> list[float]:
    rng = Random(seed)
    parts = [mixture.high if rng.random() < mixture.share else mixture.low for _ in range(count)]
    return [rng.weibullvariate(math.exp(p.log_scale), p.shape) for p in parts]


MIXTURES = st.builds(
    Mixture,
    st.floats(0.25, 0.75),
    st.builds(Weibull, st.floats(8, 20), st.floats(math.log(0.6), math.log(0.9))),
    st.builds(Weibull, st.floats(3, 6), st.floats(math.log(0.1), math.log(0.4))),
)


@given(MIXTURES, st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_mixture_is_at_least_as_likely_as_a_minimisers(mixture: Mixture, seed: int) -> None:
    """The official code gives the negative log-likelihood to scipy's L-BFGS-B, from the same start."""
    optimize = pytest.importorskip("scipy.optimize")
    points = np.array(drawn_from(mixture, 64, seed))

    def density(shape: float, scale: float) -> np.ndarray:
        return (shape / scale) * (points / scale) ** (shape - 1) * np.exp(-((points / scale) ** shape))

    def loss(p: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return float(-np.sum(np.log(p[0] * density(p[1], p[2]) + (1 - p[0]) * density(p[3], p[4]))))

    bounds = [(0.2, 0.8)] + [(0.01, None)] * 4
    with np.errstate(all="ignore"):
        theirs = optimize.minimize(loss, [0.5, 1.0, 1.0, 1.5, 2.0], bounds=bounds)
    assume(math.isfinite(theirs.fun))
    assert fit(list(points)).log_likelihood(list(points)) >= -theirs.fun - 0.05


def test_a_known_mixture_is_found_again() -> None:
    truth = Mixture(0.6, Weibull(15.0, math.log(0.85)), Weibull(4.0, math.log(0.3)))
    points = drawn_from(truth, 4000, 1)
    found = fit(points)
    assert found.share == pytest.approx(truth.share, abs=0.02)
    assert found.high.shape == pytest.approx(15.0, rel=0.06)
    assert math.exp(found.high.log_scale) == pytest.approx(0.85, rel=0.01)
    assert found.low.shape == pytest.approx(4.0, rel=0.06)
    assert math.exp(found.low.log_scale) == pytest.approx(0.3, rel=0.02)


@given(st.lists(st.one_of(scores, st.sampled_from((0.0, 1.0, 0.1))), min_size=1, max_size=12))
@settings(deadline=None)
def test_pruning_drops_only_what_is_below_the_mean(values: list[float]) -> None:
    texts = [f"draw {i}" for i in range(len(values))]
    kept = asyncio.run(parse("prune(s)")(population(*texts, values=values), CONTEXT))
    assert len(kept)
    mean = math.fsum(values) / len(values)
    assert all(
        v < mean + 1e-12 for v, t in zip(values, texts, strict=True) if t not in {c.text for c in kept}
    )
    assert [c.text for c in kept] == [t for t in texts if t in {c.text for c in kept}]
    posterior = fit(values).belongs_high(values)
    assert np.all((posterior >= 0) & (posterior <= 1))


def test_what_was_never_rated_is_not_pruned() -> None:
    pop = population("a", "b")
    assert asyncio.run(parse("prune(s)")(pop, CONTEXT)) == pop
    assert len(asyncio.run(parse("prune(s)")(Population(), CONTEXT))) == 0
    with pytest.raises(ValueError, match="no points"):
        fit([])


@given(MIXTURES, st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_pruned_and_added_up_is_what_the_formulas_say(mixture: Mixture, seed: int) -> None:
    """The answer with the most probability over distinct draws, those of the lower heap below the mean left
    out."""
    rng = Random(seed)
    values = [min(1.0, v) for v in drawn_from(mixture, 24, seed)]
    texts = [f"{i % 20} says {rng.randrange(3)}" for i in range(24)]
    values = [values[texts.index(t)] for t in texts]
    upper = fit(values).belongs_high(values)
    mean = math.fsum(values) / len(values)
    confidence: dict[str, float] = {}
    for text in dict.fromkeys(texts):
        i = texts.index(text)
        if upper[i] >= 0.5 or values[i] >= mean:
            confidence[text[-1]] = confidence.get(text[-1], 0.0) + values[i]
    won = choose("prune(s) >> distinct() >> vote(s)", population(*texts, values=values))
    assert confidence[won.answer or ""] == pytest.approx(max(confidence.values()))
