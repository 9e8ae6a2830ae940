"""Arms by their rewards."""

from __future__ import annotations

import math

import pytest

from itc.errors import ConfigError
from itc.stages.draws.extend import sample
from itc.stages.routing.bandit import Bandit
from tests.laws.trees import law_merge, parse, run


def worth(rewards: list[float], runs: int, **options: float) -> float:
    return Bandit("prm", 1, (("a", sample()),), **options)._worth(rewards, runs)


def test_the_index_of_an_arm() -> None:
    assert worth([], 3) == math.inf
    assert worth([0.2, 0.6], 5) == pytest.approx(0.4 + math.sqrt(2 * math.log(6) / 2))
    assert worth([0.5], 1, c=0.0, variety=0.3) == pytest.approx(0.5 + 0.15)


def test_every_arm_is_run_once_before_any_is_run_again() -> None:
    rate = "score(rule)"
    text = f"bandit(rule, 3, c=0.0, a=sample(2) >> {rate}, b=sample(3) >> {rate}, d=sample() >> {rate})"
    sizes = {len(run(parse(text), seed=seed).population) for seed in range(20)}
    # A reward of 1 ends it early.
    assert {6} < sizes <= {2, 5, 6}


def test_without_exploration_the_better_arm_is_run_to_the_end() -> None:
    text = "bandit(rule, 5, enough=1.0, c=0.0, a=sample(1) >> score(rule), b=sample(2) >> score(rule))"
    for seed in range(10):
        made = run(parse(text), seed=seed).population
        best = max(c.score("rule") for c in made[:1]), max(c.score("rule") for c in made[1:3])
        if max(best) < 1.0 and best[1] > best[0]:
            assert [c.key.path[2:4] for c in made[3:5]] == [("arm", 2), ("arm", 2)]


def test_enough_is_enough() -> None:
    text = "bandit(rule, 9, enough=0.0, a=sample() >> score(rule), b=sample(2) >> score(rule))"
    assert len(run(parse(text)).population) == 1


def test_runs_of_an_arm_are_different_draws() -> None:
    made = run(parse("bandit(rule, 4, c=0.0, a=sample() >> score(rule))")).population
    assert len({c.key for c in made}) == len(made) > 1


@pytest.mark.parametrize(
    "bad",
    [
        "bandit(prm, 2)",
        "bandit(prm, 0, a=sample())",
        "bandit(prm, 2, a=3)",
        "bandit(prm, 2, enough=2, a=sample())",
    ],
)
def test_nonsense_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        parse(bad)


def test_it_reads_back() -> None:
    text = f"bandit(rule, 4, enough=0.5, a=sample(2), b=annotate({law_merge}, kind=plan) >> sample())"
    assert str(parse(text)) == text
