"""Comparisons of runs, and the sentences they make."""

from __future__ import annotations

from random import Random

import pytest

from itc.analysis.axes import AXES
from itc.runs.comparison import Comparison, compare
from itc.runs.result import Result
from itc.runs.verdicts import verdicts
from tests.runs.test_methods import row, run

TOKENS = AXES["tokens"]


def method(name: str, sizes: dict[int, float], cost: int, problems: int = 400, seed: int = 0) -> list[Result]:
    """Runs right on so many per cent of problems at each size; problems differ in how hard they are."""
    made = []
    for n, share in sizes.items():
        rng = Random(f"{name} {seed}")
        rows = [
            row(f"p{i}", 0.8 * (i / problems) + 0.2 * rng.random() < share, cost * n, level=str(1 + i % 2))
            for i in range(problems)
        ]
        made.append(run(f"{name}({n})", "", name=name, rows=rows))
    return made


GOOD = method("good", {4: 0.5, 16: 0.6, 64: 0.7}, 10)
POOR = method("poor", {4: 0.4, 16: 0.5, 64: 0.6}, 10)
MUCH = method("much", {4: 0.4, 16: 0.5, 64: 0.6}, 1000)


def the_pair(found: Comparison) -> str:
    (sentence,) = verdicts(found)
    return sentence


def test_better_at_equal_tokens() -> None:
    found = compare([*POOR, *GOOD], TOKENS)
    (pair,) = found.pairs
    assert (pair.a.name, pair.b.name) == ("good", "poor")
    assert pair.over_range is not None
    assert pair.over_range.difference.mean == pytest.approx(0.1, abs=0.04)
    assert pair.multiplier.times.mean == pytest.approx(4, rel=0.6)
    assert pair.multiplier.times.low > 1
    told = the_pair(found)
    assert told.startswith("good reaches poor(64)'s accuracy (")
    assert "× fewer tokens (95 %: " in told
    assert "good is more accurate than poor at equal tokens (40–640 tokens a problem): +1" in told


def test_of_many_pairs_those_are_told_that_differ() -> None:
    others = [method(f"m{i}", {4: 0.5, 16: 0.6}, 10, seed=i) for i in range(6)]
    found = compare([run for one in [GOOD, *others] for run in one], TOKENS)
    told = [pair for pair in found.pairs if pair.adjusted < 0.05]
    *each, rest = verdicts(found)
    assert len(each) == len(told)
    assert f"cannot tell the {'other ' if told else ''}{21 - len(told)} pairs apart" in rest
    assert len(verdicts(compare([run for one in [GOOD, *others] for run in one], TOKENS, "good"))) == 6


def test_against_turns_the_pair() -> None:
    (pair,) = compare([*POOR, *GOOD], TOKENS, against="good").pairs
    assert (pair.a.name, pair.b.name) == ("poor", "good")
    assert pair.over_range is not None
    assert pair.over_range.difference.mean < 0
    assert verdicts(compare([*POOR, *GOOD], TOKENS, "good"))[0].count("good is more accurate than poor") == 1


def test_three_methods_make_three_pairs_and_holm() -> None:
    found = compare([*POOR, *GOOD, *MUCH], TOKENS)
    assert len(found.pairs) == 3
    assert all(pair.adjusted >= pair.p for pair in found.pairs)
    assert len(compare([*POOR, *GOOD, *MUCH], TOKENS, "poor").pairs) == 2


def test_no_common_cost() -> None:
    found = compare([*GOOD, *MUCH], TOKENS)
    (pair,) = found.pairs
    assert pair.over_range is None
    assert pair.p == pair.bests.p
    assert pair.multiplier.times.low > 50
    assert "no cost in tokens in common" in the_pair(found)
    assert "fewer tokens" in the_pair(found)


def test_alike() -> None:
    found = compare([*GOOD, *method("same", {4: 0.5, 16: 0.6, 64: 0.7}, 10, seed=1)], TOKENS)
    told = the_pair(found)
    assert "400 problems cannot tell" in told
    assert "problems to see" in told or "show gaps from" in told


def test_identical_answers() -> None:
    twins = [r for name in ("a", "b") for r in [run(f"{name}(4)", "110100", 10, name=name)]]
    (pair,) = compare(twins, TOKENS).pairs
    assert pair.over_range is not None
    assert pair.over_range.difference.mean == 0
    assert pair.p == pair.adjusted == 1
    assert "cannot tell" in verdicts(compare(twins, TOKENS))[0]


def test_levels_and_front() -> None:
    found = compare([*POOR, *GOOD], TOKENS)
    assert list(found.pairs[0].levels) == ["level 1", "level 2"]
    assert found.front == {
        "poor(4)": False,
        "poor(16)": False,
        "poor(64)": False,
        "good(4)": True,
        "good(16)": True,
        "good(64)": True,
    }


def test_one_method_has_no_pairs() -> None:
    found = compare(GOOD, TOKENS)
    assert found.pairs == ()
    assert verdicts(found) == []
