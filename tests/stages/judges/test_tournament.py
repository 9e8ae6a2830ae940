"""Tournaments: the best is found, a liking for a place decides nothing, and what it costs is known."""

from __future__ import annotations

import math
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.algebra.context import Shape
from itc.backends.base import Request
from itc.budget.cost import Budget
from itc.keys import Key
from itc.stages.judges.tournament import knockout, round_robin
from itc.types import Population
from tests.stages.judges.judging import bare, candidates, judged, shown

names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8)


def alphabetical(r: Request, rng: Random) -> str:
    """The earlier letter is better."""
    one, two = shown(r)
    return f"Winner: {'A' if one < two else 'B'}"


def first(r: Request, rng: Random) -> str:
    """Whatever stands first is better."""
    return "Winner: A"


def won(pop: Population) -> str:
    return max(pop, key=lambda c: c.score("judge") if c.has_score("judge") else -1.0).text


@settings(deadline=None)
@given(names, st.sampled_from((knockout(bare), round_robin(bare), knockout(bare, 2))))
def test_a_judge_who_knows_finds_the_best(texts: list[str], stage: object) -> None:
    ran = judged(stage, candidates(*texts), alphabetical)  # type: ignore[arg-type]
    assert won(ran.population) == (min(texts) if len(set(texts)) > 1 else texts[0])
    told = dict(zip(texts, ran.scores(), strict=True))
    assert ran.scores() == [told[t] for t in texts]
    assert len(set(texts)) > 1 or ran.asked == []


@settings(deadline=None)
@given(st.integers(0, 2**28 - 1), st.permutations("abcdefgh"))
def test_round_robin_finds_the_condorcet_winner(beats: int, order: list[str]) -> None:
    """Any tournament graph of eight: who wins against all others has the highest score, alone, and is 1."""
    pairs = list(combinations("abcdefgh", 2))
    better = {p if beats >> i & 1 else p[::-1] for i, p in enumerate(pairs)}

    def says(r: Request, rng: Random) -> str:
        one, two = shown(r)
        return f"Winner: {'A' if (one, two) in better else 'B'}"

    ran = judged(round_robin(bare), candidates(*order), says)
    wins = {x: sum(y != x and (x, y) in better for y in order) for x in order}
    assert ran.scores() == [pytest.approx(wins[x] / 7) for x in order]


@pytest.mark.parametrize("form", [knockout, round_robin])
def test_a_liking_for_the_first_place_decides_nothing(form: object) -> None:
    ran = judged(form(bare, 2), candidates("c", "a", "b"), first)  # type: ignore[operator]
    if form is round_robin:
        assert ran.scores() == [0.5, 0.5, 0.5]
    # All drawn: the one seen first goes on.
    assert won(ran.population) == "c"


def test_both_orders_cancel_a_bias_that_one_order_keeps() -> None:
    """Half the time the judge names the better answer, else the one in the first place. With both orders the
    worse answer never gets ahead: it wins no pair, and loses one whenever the judge looks once."""
    says_truth = 0.5

    def biased(r: Request, rng: Random) -> str:
        return alphabetical(r, rng) if rng.random() < says_truth else first(r, rng)

    lost = drawn = 0
    for i in range(400):
        ran = judged(round_robin(bare), candidates(f"b{i}", f"a{i}"), biased)
        worse, better = ran.scores()
        assert worse is not None
        assert better is not None
        lost += worse > better
        drawn += worse == better
    assert lost == 0
    # Drawn is when the judge did not look at the pair with the worse one first.
    assert abs(drawn / 400 - (1 - says_truth)) < 4 * math.sqrt(0.25 / 400)


@pytest.mark.parametrize("k", [1, 4])
def test_comparisons_are_right_as_often_as_their_number_says(k: int) -> None:
    """Each reply right with probability p: a pair is ahead, behind or even, and k pairs add up."""
    p, runs = 0.7, 1500

    def noisy(r: Request, rng: Random) -> str:
        one, two = shown(r)
        return f"Winner: {'A' if (one < two) == (rng.random() < p) else 'B'}"

    hits = 0.0
    for i in range(runs):
        worse, better = judged(knockout(bare, k), candidates(f"b{i}", f"a{i}"), noisy).scores()
        hits += better == 1.0 and worse == 0.0
    # More than half of 2 k replies for the better; as many for either goes to the one seen first, the worse.
    chance = sum(math.comb(2 * k, i) * p**i * (1 - p) ** (2 * k - i) for i in range(k + 1, 2 * k + 1))
    assert abs(hits / runs - chance) < 4 * math.sqrt(chance * (1 - chance) / runs)


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(1, 3))
def test_what_it_costs(n: int, k: int) -> None:
    pop = candidates(*"abcdefghi"[:n])
    one, all_ = judged(knockout(bare, k), pop, alphabetical), judged(round_robin(bare, k), pop, alphabetical)
    assert (len(one.asked), len(all_.asked)) == (2 * k * (n - 1), k * n * (n - 1))
    # Two tokens a reply; the rounds of a knockout follow one another.
    assert (one.ctx.account.path, all_.ctx.account.path) == (2 * (n - 1).bit_length(), 2)
    for stage, ran in ((knockout(bare, k), one), (round_robin(bare, k), all_)):
        cost, _ = stage.bound(Shape(n, 0, 1), ran.ctx)
        assert cost.calls == len(ran.asked)
        assert cost.prompt_tokens >= max(len(r.prompt) for r in ran.asked) * len(ran.asked)


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(1, 2))
def test_under_a_cap_it_is_as_it_was_or_the_best_so_far(calls: int, k: int) -> None:
    pop = candidates(*"dcba")
    for stage in (knockout(bare, k), round_robin(bare, k)):
        ran = judged(stage, pop, alphabetical, Budget(calls=calls))
        assert len(ran.asked) <= calls
        assert [c.key for c in ran.population] == [c.key for c in pop]
        if not calls:
            assert ran.population == pop


def test_the_bracket_is_drawn_by_the_population() -> None:
    pop = candidates(*"abcdefgh")
    brackets = set()
    for i in range(20):
        forked = pop.map(lambda c, i=i: c.forked("seed", i))  # type: ignore[misc]
        first_round = judged(knockout(bare), forked, alphabetical).asked[:8]
        brackets.add(tuple(r.prompt for r in first_round))
        assert first_round == judged(knockout(bare), forked, alphabetical).asked[:8]
    assert len(brackets) > 10
    assert Key("c", 0) == pop[0].key
