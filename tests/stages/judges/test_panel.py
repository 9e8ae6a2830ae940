"""All candidates before a judge at once: no place on the page counts, and unreadable replies are left out."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.backends.base import Request
from itc.budget.cost import Budget
from itc.stages.judges.appraised import Appraised, appraised
from itc.stages.judges.listwise import Elected, Ranked, elected, ranked
from itc.stages.selection.temper import temper
from itc.types import Population
from tests.stages.judges.judging import bare, candidates, judged, shown


def by_place(r: Request, rng: Random) -> str:
    """Ranks, or grades, what is shown first highest, whatever it is."""
    n = len(shown(r))
    return " > ".join(f"[{i}]" for i in range(1, n + 1))


def by_name(r: Request, rng: Random) -> str:
    texts = shown(r)
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return " > ".join(f"[{i + 1}]" for i in order)


def forked(pop: Population, i: int) -> Population:
    return pop.map(lambda c: c.forked("again", i))


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=6), st.integers(1, 3))
def test_a_judge_who_knows_ranks_them(texts: list[str], k: int) -> None:
    ran = judged(ranked(bare, k), candidates(*texts), by_name)
    different = sorted(set(texts))
    n = len(different)
    assert len(ran.asked) == (k if n > 1 else 0)
    if n > 1:
        assert ran.scores() == [pytest.approx((n - 1 - different.index(t)) / (n - 1)) for t in texts]


def test_a_liking_for_a_place_averages_out() -> None:
    """Ranked by place alone, every candidate's mean tends to ½, within four standard errors."""
    k, n = 400, 5
    ran = judged(ranked(bare, k), candidates(*"abcde"), by_place)
    spread = math.sqrt(sum((i / (n - 1) - 0.5) ** 2 for i in range(n)) / n)
    for score in ran.scores():
        assert score is not None
        assert abs(score - 0.5) < 4 * spread / math.sqrt(k)
    assert len({r.prompt for r in ran.asked}) > 100  # of 120 orders


def test_whoever_stands_first_is_chosen_by_chance() -> None:
    pop = candidates(*"abcde")
    tally = dict.fromkeys("abcde", 0)
    for i in range(500):
        (won,) = judged(elected(bare), forked(pop, i), lambda r, rng: "Response 1").population
        tally[won.text] += 1
    for count in tally.values():
        assert abs(count / 500 - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 500)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("[2] > [1] > [3]", [0.5, 1.0, 0.0]),
        ("2 > 3 > 1", [0.0, 1.0, 0.5]),
        ("As [1] > [2], so\n[3]>[1]>[2]", [0.5, 0.0, 1.0]),
        ("[2] > [2] > [1]", [0.5, 1.0, 0.0]),
        ("[3] > [1]", [0.5, 0.0, 1.0]),
        ("[2] > [4]", None),
        ("[0] > [1]", None),
        ("[1]", None),
        ("[2] > [2]", None),
        ("all alike", None),
    ],
)
def test_rankings(text: str, points: list[float] | None) -> None:
    stage = ranked(bare)
    assert isinstance(stage, Ranked)
    assert stage.read(text, 3) == points


def test_places_not_named_share_what_is_left() -> None:
    stage = ranked(bare)
    assert isinstance(stage, Ranked)
    points = stage.read("[4] > [2]", 5)
    assert points == pytest.approx([0.25, 0.75, 0.25, 1.0, 0.25])
    # A whole ranking and a part of one hand out the same in all.
    assert sum(points or ()) == pytest.approx(sum(stage.read("1 > 2 > 3 > 4 > 5", 5) or ()))


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("The most consistent response is Response 2", 2),
        ("Response 1 differs. The most consistent response is **Response 3**.", 3),
        ("Choice: Response 2", 2),
        ("Choice: **3**. Response 1 differs, as does Response 2.", 3),
        ("\\boxed{2}", 2),
        ("#3", 3),
        (" 1. ", 1),
        ("Response 4", None),
        ("Response 0", None),
        ("None of the 3 agree.", None),
        ("", None),
    ],
)
def test_choices(text: str, chosen: int | None) -> None:
    stage = elected(bare)
    assert isinstance(stage, Elected)
    assert stage.read(text, 3) == (None if chosen is None else [float(i == chosen) for i in (1, 2, 3)])


@pytest.mark.parametrize(
    ("text", "grades"),
    [
        ("\\boxed{7, 4.5, 9}", [0.7, 0.45, 0.9]),
        ("Scores: 1, 2, 3", [0.1, 0.2, 0.3]),
        ("Weights 5, 5 and so \\boxed{[10, 0, 1]}", [1.0, 0.0, 0.1]),
        ("\\boxed{7, 4}", None),
        ("\\boxed{7, 4, 11}", None),
        ("\\boxed{7, 4, -1}", None),
        ("good, better, best", None),
    ],
)
def test_lists_of_grades(text: str, grades: list[float] | None) -> None:
    stage = appraised(bare)
    assert isinstance(stage, Appraised)
    assert stage.read(text, 3) == (None if grades is None else pytest.approx(grades))


def test_grades_go_to_the_texts_they_were_given_for() -> None:
    def says(r: Request, rng: Random) -> str:
        return f"\\boxed{{{', '.join(str(ord(t) - ord('a')) for t in shown(r))}}}"

    ran = judged(appraised(bare, 5), candidates(*"bdad"), says)
    assert ran.scores() == pytest.approx([0.1, 0.3, 0.0, 0.3])


def test_the_meta_model_keeps_the_replies_it_rates_best() -> None:
    """Noise and truth in turn: with a rating that knows them apart, only truth is left."""

    def says(r: Request, rng: Random) -> str:
        texts = shown(r)
        noise = rng.random() < 0.5
        grades = [rng.randrange(11) if noise else (10 if t == "b" else 0) for t in texts]
        return ("noise" if noise else "truth") + f" \\boxed{{{', '.join(map(str, grades))}}}"

    pop = candidates(*"abc")
    stage = appraised(bare, 20, meta="meta", keep=4)
    ran = judged(stage, pop, says, rates=lambda r: float("truth" in (r.score_steps or ("",))[0]))
    assert ran.scores() == [0.0, 1.0, 0.0]
    assert sum(r.score_steps is not None for r in ran.asked) == 20
    plain = judged(appraised(bare, 20), pop, says)
    assert plain.scores()[0] != 0.0


@pytest.mark.parametrize(
    "stage", [ranked(bare, 2), appraised(bare, 2), appraised(bare, 2, meta="meta", keep=1)]
)
def test_what_cannot_be_read_changes_nothing(stage: object) -> None:
    pop = candidates(*"abc")
    assert judged(stage, pop, lambda r, rng: "Hm.").population == pop  # type: ignore[arg-type]
    assert judged(stage, pop, by_name, Budget(calls=0)).population == pop  # type: ignore[arg-type]


def test_a_choice_nobody_can_read_is_the_majoritys() -> None:
    pop = candidates("x1", "y2", "z2")
    for cap in (Budget(), Budget(calls=0)):
        (won,) = judged(elected(bare, 3), pop, lambda r, rng: "Hm.", cap).population
        assert won.text == "y2"
    assert judged(elected(bare), candidates("a", "a"), by_name).asked == []


def test_softmax_weights() -> None:
    pop = candidates(*"abc")
    pop = Population(tuple(c.scored("s", x) for c, x in zip(pop, (0.1, 0.4, 0.9), strict=True)))

    def weigh(t: float) -> list[float | None]:
        return judged(temper("s", t), pop, by_name).scores("s")

    total = sum(math.exp(x / 0.5) for x in (0.1, 0.4, 0.9))
    assert weigh(0.5) == pytest.approx([math.exp(x / 0.5) / total for x in (0.1, 0.4, 0.9)])
    assert weigh(1e6) == pytest.approx([1 / 3] * 3, abs=1e-5)
    assert weigh(1e-6) == [0.0, 0.0, 1.0]
    some = Population((*pop.members[:2], *candidates("z", "z", "c").members[2:]))
    assert judged(temper("s"), some, by_name).scores("s")[2] == pytest.approx(
        math.exp(0.25) / (math.exp(0.1) + math.exp(0.4) + math.exp(0.25))
    )
    assert judged(temper("none"), pop, by_name).scores("none") == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("text", ["1" * 100_000, "[1] > " * 20_000, "1, " * 30_000, "Response " * 10_000])
def test_long_replies_are_read_in_time(text: str) -> None:
    for stage in (ranked(bare), elected(bare), appraised(bare)):
        assert isinstance(stage, Ranked | Elected | Appraised)
        stage.read(text, 3)
