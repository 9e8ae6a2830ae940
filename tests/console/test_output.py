"""What is shown: plans, tables, progress; and that model text cannot steer the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from itc.budget.cost import Cost
from itc.console import tables
from itc.console.progress import Shown, progress
from itc.console.terminal import clean
from itc.runs.crew import Progress
from tests.console.pseudo_terminal import on_terminal
from tests.console.served import Toy, itc, overrides, questions, toy

COST = Cost(12, 900, 300, 250, 0, 0).as_dict()
SUMMARY: dict[str, Any] = {
    "task": "toy",
    "strategy": "sample(4) >> vote()",
    "model": "some",
    "run": "runs/toy/sample/0123abcd",
    "problems": 3,
    "accuracy": {"mean": 2 / 3, "low": 0.208, "high": 0.939},
    "accuracy_without_errors": {"mean": 1.0, "low": 0.34, "high": 1.0},
    "oracle": {"mean": 1.0, "low": 0.438, "high": 1.0},
    "largest_population": 4,
    "answered": 2,
    "truncated": 0,
    "cut": 0,
    "failed": 0,
    "grading_timeouts": 0,
    "retried": 0,
    "cost": COST,
    "billed": Cost(4, 300, 100, 80).as_dict(),
    "replayed_calls": 8,
    "unknown": {},
    "overrun": {},
    "seconds": 12.34,
    "already_finished": False,
    "answers": [],
}


@pytest.fixture
def served() -> Iterator[Toy]:
    with toy() as one:
        yield one


def shown(capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    tables.result({**SUMMARY, **changes})
    return capsys.readouterr().out


def test_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys)
    for line in (
        "accuracy (95 %)  66.7 % [20.8, 93.9]",
        "oracle, pass@N   100.0 % [43.8, 100.0]",
        "answered         2 of 3",
        "tokens           900 prompt (300 cached) + 250 completion",
        "billed           4 calls, 380 tokens",
        "replayed         8 calls from the journal",
        "seconds          12.3",
        "run directory    runs/toy/sample/0123abcd",
    ):
        assert line in told
    for word in ("truncated", "failed", "cut", "FLOPs", "dollars", "unknown", "beyond"):
        assert word not in told


def test_a_result_with_everything_that_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    cost = {**COST, "usd": 0.0375, "flops": 3.2e12}
    wrong = {"truncated": 1, "failed": 1, "cut": 2, "retried": 3, "overrun": {"calls": 2, "usd": 0.0}}
    told = shown(capsys, **wrong, cost=cost, unknown={"tokens": 1234, "usd": 0.5})
    for line in ("truncated", "failed", "without failed", "cut", "retried", "3.2e+12", "$0.0375", "2 calls"):
        assert line in told
    assert "1,234 tokens, $0.5 beside" in told


def test_one_candidate_has_no_oracle_and_no_gold_no_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    assert "oracle" not in shown(capsys, largest_population=1)
    assert "accuracy" not in shown(capsys, accuracy=None, oracle=None)


def test_model_text_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert clean("\x1b[31mred\x07\x9b2J\u202e\ttab\n") == "[31mred2J\ttab\n"
    answer = {"problem": "a", "answer": "\x1b]0;title\x07five", "truncated": True}
    tables.answers({"accuracy": None, "answers": [answer] * 12})
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "]0;titlefive" in told
    assert "2 more" in told


@pytest.mark.parametrize(
    ("value", "text"), [(0, "$0.00"), (0.0375, "$0.0375"), (1234.5, "$1,234.50"), (None, "unbounded")]
)
def test_dollars(value: float | None, text: str) -> None:
    assert tables.dollars(value) == text


def test_jobs_are_named_by_what_varies() -> None:
    jobs = [['strategy.text="sample(2)"', "seed=1", "task=q"], ['strategy.text="beam()"', "seed=2", "task=q"]]
    assert tables.job_names(jobs) == ["sample(2) seed=1", "beam() seed=2"]
    assert tables.job_names([["seed=1"]]) == ["seed=1"]
    assert tables.job_names([[]]) == ["default"]


def test_lines_of_progress_are_few_and_the_last_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    keeper = Shown()
    with progress(keeper, 2000) as report:
        for done in range(1, 1000):
            report(Progress(total=2000, done=done))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["done"] for line in lines] == [1, 999]
    assert keeper.last is not None
    assert keeper.last.done == 999


def plain(told: str) -> str:
    """Colours removed."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)


def test_a_bar_and_a_table_on_a_terminal(served: Toy, tmp_path: Path) -> None:
    common = overrides(served, questions(tmp_path / "q.jsonl", 3))
    told = plain(on_terminal("run", "-m", *common, "strategy=sample(2) >> vote(), sample(1)", cwd=tmp_path))
    assert "3/3" in told
    assert "{" not in told
    assert "accuracy % (95 %)" in told
    assert " ─────" in told


def test_a_plan_shows_what_would_be_done(served: Toy, tmp_path: Path) -> None:
    common = overrides(served, questions(tmp_path / "q.jsonl", 3))
    typed = [*common, "strategy=sample(4) >> vote()", "model.price.completion=10", "budget.usd=5"]
    typed += ["budget.tokens=4000", 'model.stop=["\n\nQ:"]']
    plan = itc("plan", *typed, cwd=tmp_path)
    assert plan.code == 0, plan.err
    assert plan.err == ""
    assert "  text: sample(4) >> vote()" in plan.out
    assert r"stops           '\n\nQ:'" in plan.out
    assert r"a step ends at  '\n'" in plan.out
    assert "in the journal  0 calls" in plan.out
    table = {line.split("  ")[0]: line.split() for line in plan.out.splitlines() if "  " in line}
    assert table["calls"][1:] == ["4", "–", "12", "–"]
    assert table["completion tokens"][2:] == ["96", "–", "288", "–"]
    assert table["tokens"][2] == "4,000"
    assert table["usd"][-1] == "$5.00"
    assert "to run it:  itc run task=jsonl" in plan.out
    assert served.calls == 0
    assert not (tmp_path / "runs").exists()
    assert itc("run", *typed, cwd=tmp_path).code == 0
    assert "the run is finished" in itc("plan", *typed, cwd=tmp_path).out
    more = itc("plan", "-m", "--json", *common, "strategy.n=2,8", cwd=tmp_path).json
    assert [p["worst_case"]["calls"] for p in more] == [6, 24]


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("model.step='\\n'", "backslash"),
        ("strategy=step(at='\\\\n') >> vote()", "backslash"),
        ("budget.usd=1", "the model is free"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(
    served: Toy, tmp_path: Path, override: str, word: str
) -> None:
    common = overrides(served, questions(tmp_path / "q.jsonl", 1))
    plan = itc("plan", "--json", *common, override, cwd=tmp_path)
    assert plan.code == 0, plan.err
    assert word in plan.err
    assert plan.json["problems"] == 1
