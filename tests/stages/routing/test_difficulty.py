"""How hard a problem looks, and policies that go by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from itc.errors import ConfigError
from itc.keys import Key
from itc.stages.routing.difficulty import agreement, certain, difficulty, ease, edges_of
from itc.stages.routing.policy_file import Policy
from itc.types import Candidate, Population, Step
from tests.laws.trees import context, parse, run


def population(*answers: str | None, scores: tuple[float | None, ...] = ()) -> Population:
    made = [Candidate(Key("c", i), (Step("x"),), done=True, answer=a) for i, a in enumerate(answers)]
    for i, value in enumerate(scores):
        made[i] = made[i] if value is None else made[i].scored("prm", value)
    return Population(tuple(made))


def test_agreement_counts_equal_answers_and_those_who_have_none() -> None:
    ctx = context()
    assert asyncio.run(agreement(population("3", "4", "1", None), ctx)) == 0.5  # 3 and 4 are equal
    assert asyncio.run(agreement(population(None, None), ctx)) == 0.0
    assert asyncio.run(agreement(Population(), ctx)) == 0.0


def test_ease_is_a_mean_in_which_the_unscored_count_nothing() -> None:
    pop = population("1", "2", "3", scores=(0.3, 0.6, None))
    assert asyncio.run(ease(pop, context(), "prm")) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("value", "name"), [(0.0, "bin0"), (0.25, "bin1"), (0.49, "bin1"), (0.5, "bin2"), (1.0, "bin2")]
)
def test_a_bin_begins_at_its_edge(value: float, name: str) -> None:
    test = difficulty(by="prm", edges="0.25 0.5")
    assert asyncio.run(test.run(population("1", scores=(value,)), context())) == name


def test_confidence() -> None:
    pop = population("1", "1", "2", scores=(0.2, 0.6, 0.1))
    for test, said in (
        (certain(at_least=0.6), "sure"),
        (certain(at_least=0.7), "unsure"),
        (certain(by="prm", at_least=0.6), "sure"),
        (certain(by="prm", at_least=0.61), "unsure"),
    ):
        assert asyncio.run(test.run(pop, context())) == said


@pytest.mark.parametrize("text", ["0.7 0.4", "0.4 0.4", "1.5", "nan", "a", "-0.1"])
def test_edges_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="ascending"):
        edges_of(text)


POLICY = Policy(
    "sample(2) >> score(rule)", ("more(5) >> score(rule)", "identity"), "vote(rule)", (0.4,), "rule"
)


def test_a_policy_is_read_as_it_was_written(tmp_path: Path) -> None:
    POLICY.write(tmp_path / "p.json")
    assert Policy.read(tmp_path / "p.json") == POLICY
    assert parse(f"compute_optimal({str(tmp_path / 'p.json')!r})") == POLICY.strategy()


def test_a_policy_gives_each_bin_its_arm_and_pays_for_the_probe_once() -> None:
    strategy = POLICY.strategy()
    drawn = {run(strategy, seed=seed).spent.calls for seed in range(40)}
    assert drawn == {2, 5}
    assert parse(str(strategy)) == strategy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"probe": "sample(2)"}', "KeyError"),
        ('{"probe": "sample(2)", "arms": ["identity"], "choose": "vote()", "edges": [0.5]}', "2 bins"),
        ('{"probe": "sample(2)", "arms": [1], "choose": "vote()", "edges": []}', "Expected a policy"),
        (
            '{"probe": "sample(2)", "arms": ["identity"], "choose": "vote()", "edges": [], "x": 1}',
            "Expected a policy",
        ),
        (
            '{"probe": "import os", "arms": ["identity"], "choose": "vote()", "edges": []}',
            "not an expression",
        ),
    ],
)
def test_a_file_that_is_no_policy(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ConfigError, match=why):
        parse(f"compute_optimal({str(tmp_path / 'p.json')!r})")


@pytest.mark.parametrize(
    ("given", "why"), [("nowhere.json", "cannot be read"), ("chian", "Did you mean"), ("", "name")]
)
def test_a_policy_that_is_not_there(given: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse(f"compute_optimal({given!r})")
