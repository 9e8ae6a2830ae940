"""The console script as a process, against a real server on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.console.served import Done, Toy, itc, overrides, questions, start, toy


@pytest.fixture
def served() -> Iterator[Toy]:
    with toy() as one:
        yield one


@pytest.fixture
def common(served: Toy, tmp_path: Path) -> list[str]:
    return overrides(served, questions(tmp_path / "q.jsonl", 3))


VOTE = "strategy=sample(4) >> vote()"


def test_a_run_and_the_same_again(served: Toy, common: list[str], tmp_path: Path) -> None:
    first = itc("run", *common, VOTE, cwd=tmp_path)
    assert first.code == 0, first.err
    for told in (
        "accuracy (95 %)",
        "tokens",
        "calls",
        "billed",
        "replayed",
        "seconds",
        "runs/q/sample-4-vote",
    ):
        assert told in first.out
    assert served.calls > 0
    lines = [json.loads(line) for line in first.err.splitlines()]
    assert (lines[-1]["done"], lines[-1]["problems"]) == (3, 3)
    before = served.calls
    again = itc("run", *common, VOTE, cwd=tmp_path)
    assert again.code == 0
    assert served.calls == before
    assert "finished before: nothing was done" in again.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["q.jsonl", "runs"]


def test_a_run_directory_holds_the_resolved_configuration(common: list[str], tmp_path: Path) -> None:
    run = itc("run", "--json", *common, VOTE, cwd=tmp_path).json
    directory = tmp_path / run["run"]
    assert "text: sample(4) >> vote()" in (directory / "config.yaml").read_text()
    assert "fail_fast" not in (directory / "config.yaml").read_text()
    assert json.loads((directory / "manifest.json").read_text())["status"] == "finished"
    assert pq.read_table(directory / "rows.parquet").num_rows == 3


def test_json_is_all_there_is_on_standard_output(common: list[str], tmp_path: Path) -> None:
    run = itc("run", *common, VOTE, "--json", cwd=tmp_path).json
    assert (run["problems"], run["cost"]["calls"], run["already_finished"]) == (3, 12, False)
    assert [a["problem"] for a in run["answers"]] == ["q0", "q1", "q2"]
    assert itc("run", *common, VOTE, "--json", cwd=tmp_path).json["already_finished"] is True
    sweep = itc("run", "-m", "--json", *common, "strategy.n=1,2", cwd=tmp_path).json
    assert [job["cost"]["calls"] for job in sweep] == [3, 6]
    assert all("strategy.n=" in " ".join(job["overrides"]) for job in sweep)
    planned = itc("plan", "--json", *common, VOTE, cwd=tmp_path).json
    assert (planned["finished"], planned["worst_case"]["calls"]) == (True, 12)


def test_a_sweep_over_expressions_in_one_pair_of_quotes(
    served: Toy, common: list[str], tmp_path: Path
) -> None:
    typed = "strategy=sample(4) >> top(1, likelihood), self_consistency, sample(2, max_tokens=20) >> vote()"
    done = itc("run", "-m", *common, typed, "seed=0", cwd=tmp_path)
    assert done.code == 0, done.err
    for place in ("[1/3] sample(4)", "[2/3] self_consistency()", "[3/3] sample(2, max_tokens=20)"):
        assert place in done.out
    assert served.calls > 0
    table = done.out[done.out.index("\njob") :].splitlines()
    assert table[1].split()[:3] == ["job", "accuracy", "%"]
    assert [len(line.split("  ")) > 3 for line in table[2:5]] == [True] * 3


def test_a_shared_prefix_is_drawn_once(served: Toy, common: list[str], tmp_path: Path) -> None:
    big = itc("run", "--json", *common, VOTE, cwd=tmp_path).json
    before = served.calls
    small = itc("run", "--json", *common, "strategy=sample(2) >> vote()", cwd=tmp_path).json
    assert (small["billed"]["calls"], small["replayed_calls"], big["billed"]["calls"]) == (0, 6, 12)
    assert served.calls == before


def test_a_sweep_reports_failures_and_goes_on(common: list[str], tmp_path: Path) -> None:
    typed = ["strategy=best_of_n,beam", "strategy.n=3", "scorer=step_likelihood"]
    done = itc("run", "-m", *common, *typed, cwd=tmp_path)
    assert done.code == 2
    assert "[2/2] strategy=beam: ConfigError: beam(n=3, m=4): expected m to divide n" not in done.out
    assert "beam(n=3, m=4): expected m to divide n" in done.err
    assert "[1/2]" in done.out
    assert "failed" in done.out
    told = itc("run", "-m", "--json", *common, *typed, "fail_fast=true", "seed=5", cwd=tmp_path).json
    assert [job["status"] for job in told] == ["not run", "failed"]
    assert told[1]["error"]["exit_code"] == 2


def error(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


def test_an_unreachable_server(common: list[str], tmp_path: Path) -> None:
    away = ["model.base_url=http://127.0.0.1:9/v1", "model.retry.total_deadline=1"]
    error(itc("run", *common, *away, cwd=tmp_path), 3, "Unreachable", "127.0.0.1:9")


def test_an_impossible_budget_stays_one(served: Toy, common: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        done = itc("run", *common, VOTE, "budget.calls=0", cwd=tmp_path)
        assert (done.code, done.out) == (4, "")
        assert "BudgetEnded" in done.err
    assert served.calls == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ("no rows",)),
        ('{"question": "one"\n', ("malformed", "line 1")),
        ('{"wrong": "one"}\n', ("question",)),
        ('{"id": "a", "question": "one"}\n{"id": "a", "question": "two"}\n', ("'a'", "line 1", "line 2")),
    ],
)
def test_bad_data(
    served: Toy, common: list[str], tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(content)
    error(itc("run", *common, f"task.path={bad}", cwd=tmp_path), 2, "TaskError", *words)
    assert served.calls == 0
    assert not (tmp_path / "runs").exists()


def test_two_writers_on_one_run_directory(served: Toy, common: list[str], tmp_path: Path) -> None:
    served.server.token_seconds = 2.0
    with start("run", *common, VOTE, cwd=tmp_path) as first:
        served.wait(served.server.until(lambda: served.calls > 0, 30))
        error(itc("run", *common, VOTE, cwd=tmp_path), 2, "BusyError", "Another process")
        os.killpg(first.pid, signal.SIGINT)
        assert first.wait(20) == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_resumes(served: Toy, tmp_path: Path, number: signal.Signals) -> None:
    many = overrides(served, questions(tmp_path / "q.jsonl", 30))
    typed = ["run", *many, VOTE, "model.concurrency=2", "--json"]
    served.server.token_seconds = 0.01
    with start(*typed, cwd=tmp_path) as process:
        served.wait(served.server.until(lambda: served.calls > 6, 30))
        sent = time.monotonic()
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - sent < 5
    assert process.returncode == 130
    told = json.loads(out)
    assert (told["status"], told["problems"]) == ("interrupted", 30)
    assert f"stopped after {told['done']} of 30 problems; the same command resumes" in err
    assert 0 < told["done"] < 30
    served.server.token_seconds = 0.0
    resumed = itc(*typed, cwd=tmp_path).json
    assert resumed["replayed_calls"] >= 4 * told["done"]
    fresh = itc(*typed, "workspace=fresh", cwd=tmp_path).json
    tables = [pq.read_table(tmp_path / r["run"] / "rows.parquet").to_pylist() for r in (resumed, fresh)]
    assert tables[0] == tables[1]
