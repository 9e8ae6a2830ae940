"""When there are votes enough: the vectors of the papers, their closed forms, and rules at their edges."""

from __future__ import annotations

import asyncio
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from itc.algebra.registry import Ref
from itc.algebra.strategy import holds
from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.stopping.stops import adaptive, agreed, consensus, leads, unanimous
from itc.types import Candidate, Population, Step
from tests.laws.trees import context, law, parse


def answers(*given: str | None, **scores: float) -> Population:
    made = (
        Candidate(Key("s", i), (Step(str(x)),), done=True, answer=x, scores=tuple(scores.items()))
        for i, x in enumerate(given)
    )
    return Population(tuple(made))


def asked(stop: Ref, pop: Population) -> bool:
    return asyncio.run(holds(stop, pop, context()))


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 0.5), (3, 0, 0.9375), (4, 0, 0.96875), (1, 1, 0.5), (5, 1, 0.9375)]
)
def test_vectors_of_the_beta_criterion(first: int, second: int, p: float) -> None:
    assert leads(first, second) == p


@law
@given(st.integers(0, 200), st.integers(0, 200))
def test_it_is_the_tail_of_a_beta_distribution(first: int, second: int) -> None:
    assert math.isclose(leads(first, second), beta.sf(0.5, first + 1, second + 1), rel_tol=1e-9)


def test_adaptive_stops_at_four_alike_and_not_at_three() -> None:
    assert not asked(adaptive, answers("1", "1", "1"))
    assert asked(adaptive, answers("1", "1", "1", "1"))
    assert asked(adaptive(threshold=0.93), answers("1", "1", "1"))
    assert not asked(adaptive, answers())
    assert not asked(adaptive(threshold=0.0), answers(None, None))
    # One that says nothing is no vote; 3 and 4 are equal answers in this world.
    assert asked(adaptive, answers("3", "4", None, "3", "4"))
    # Only the two most frequent count: 7 against 1 of each other.
    assert asked(adaptive, answers(*"1111111", "2", "5"))
    assert not asked(adaptive, answers(*"1111", "2", "5"))


def test_a_window_agrees_whole_or_not() -> None:
    assert asked(unanimous(last=3), answers("2", "1", "1", "1"))
    assert asked(unanimous(last=3), answers("2", "3", "4", "3"))
    assert not asked(unanimous(last=3), answers("1", "1"))
    assert not asked(unanimous(last=3), answers("1", "1", None))
    assert not asked(unanimous(last=3), answers("1", "1", "1", "2"))


def test_consensus_is_a_share_of_the_votes() -> None:
    assert asked(consensus(share=0.75), answers("1", "1", "1", "2"))
    assert not asked(consensus(share=0.76), answers("1", "1", "1", "2"))
    assert not asked(consensus(share=0.1), answers(None))
    sure, unsure = answers("1", sure=0.9), Population(answers("1", None, "2", sure=0.05).members[1:])
    assert asked(consensus(share=0.9, by="sure"), sure + unsure)
    assert not asked(consensus(share=0.95, by="sure"), sure + unsure)
    assert not asked(consensus(share=0.0, by="never computed"), answers("1"))


def test_an_agreed_window_votes_alone() -> None:
    def voters(pop: Population, last: int) -> int:
        return len(asyncio.run(agreed(last)(pop, context())))

    assert voters(answers("1", "1", "2", "2"), 2) == 2
    assert voters(answers("1", "1", "2", "1"), 2) == 4
    assert voters(answers("1"), 2) == 1
    with pytest.raises(ConfigError):
        agreed(0)


def expected(p: list[float], window: int, at_most: int) -> float:
    """E[n] of early-stopping self-consistency, as its paper has it."""
    q, m = math.fsum(x**window for x in p), at_most // window
    early = math.fsum(i * q * (1 - q) ** (i - 1) for i in range(1, m))
    return window * (early + m * (1 - q) ** (m - 1))


@pytest.mark.parametrize(
    ("p", "window", "at_most"),
    [([0.8, 0.2], 4, 40), ([0.5, 0.3, 0.2], 2, 20), ([0.9, 0.05, 0.05], 8, 40), ([0.3, 0.3, 0.4], 5, 40)],
)
def test_samples_of_esc_are_those_of_its_closed_form(p: list[float], window: int, at_most: int) -> None:
    """Within four standard errors of 1000 simulated questions."""
    rng, stop = Random(7), unanimous(last=window)

    async def one() -> int:
        pop = Population()
        for i in range(at_most):
            answer = rng.choices("1258", [*p, *[0.0] * (4 - len(p))])[0]
            pop += Population((Candidate(Key("esc", i), done=True, answer=answer),))
            if (i + 1) % window == 0 and await holds(stop, Population(pop.members[-window:]), ctx):
                break
        return len(pop)

    ctx = context()

    async def simulated() -> list[int]:
        return [await one() for _ in range(1000)]

    counts = asyncio.run(simulated())
    mean = math.fsum(counts) / len(counts)
    spread = math.sqrt(math.fsum((n - mean) ** 2 for n in counts) / (len(counts) - 1) / len(counts))
    assert abs(mean - expected(p, window, at_most)) <= 4 * max(spread, 1e-9)


def test_they_read_back() -> None:
    for text in (
        "sample().grow(adaptive(threshold=0.9), 40) >> vote()",
        "sample(5).grow(unanimous(last=5), 8) >> agreed() >> vote()",
        "enough(sample(40), consensus(by='sure', share=0.95), 8, ahead=4) >> vote(sure)",
        "finish_first(sample(8) >> score(prm, last), 3) >> vote()",
    ):
        assert parse(str(parse(text))) == parse(text)
