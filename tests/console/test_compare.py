"""``itc compare`` and ``itc power`` on real runs of the embedded models."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from itc.analysis.anytime import anytime
from itc.analysis.axes import AXES
from itc.cli import main
from itc.runs.store import find_runs, open_run


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    words = [
        "task=chain",
        "model=embedded",
        "scorer=embedded",
        "problems=24",
        f"workspace={folder}",
        "seed=0,1",
    ]
    assert main(["run", "-m", "strategy=self_consistency,best_of_n", "strategy.n=2,6", *words]) == 0
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_the_table(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "compare", str(workspace))
    assert out.startswith("chain, 24 problems: accuracy against tokens")
    for name in ("self_consistency(2)", "self_consistency(6)", "best_of_n(2)", "best_of_n(6)"):
        assert name in out
    assert "mean of 2 seeds" in out
    assert "McNemar" in out
    assert "by difficulty" in out
    assert "24 problems" in out


def compared(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(told(capsys, "compare", *words, "--json"))


def test_json_is_the_same_as_the_runs(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, str(workspace), "--at", "calls")
    assert found["axis"] == "calls"
    assert [r["run"] for r in found["runs"]].count("best_of_n(6)") == 1
    results = [open_run(p) for p in find_runs([workspace])]
    for entry in found["runs"]:
        n = entry["run"].partition("(")[2].rstrip(")")
        same = [
            r for r in results
            if r.manifest["name"] == entry["method"] and f"sample({n})" in r.manifest["strategy"]
        ]  # fmt: skip
        assert len(same) == 2
        assert entry["cost"] == pytest.approx(sum(float(r.cost.calls) for r in same) / 48)
        means = [r.accuracy.mean for r in same if r.accuracy]
        assert entry["accuracy"]["mean"] == pytest.approx(sum(means) / 2)
    (pair,) = found["pairs"]
    assert {pair["a"], pair["b"]} == {"self_consistency", "best_of_n"}
    assert pair["over_range"]["low"] <= pair["over_range"]["mean"] <= pair["over_range"]["high"]
    assert len(found["verdicts"]) == 1


@pytest.mark.parametrize(
    "axis", ["tokens", "total_tokens", "completion_tokens", "flops", "sequential_tokens"]
)
def test_every_axis(workspace: Path, capsys: pytest.CaptureFixture[str], axis: str) -> None:
    assert all(r["cost"] > 0 for r in compared(capsys, str(workspace), "--at", axis)["runs"])


def test_against(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pair,) = compared(capsys, str(workspace), "--against", "best_of_n(2)")["pairs"]
    assert (pair["a"], pair["b"]) == ("self_consistency", "best_of_n")


def test_a_picture(workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = told(capsys, "compare", str(workspace), "-o", str(tmp_path / "frontier.png"))
    assert "frontier.png" in out
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_says_what_the_terminal_does(
    workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (sentence,) = compared(capsys, str(workspace), "-o", str(tmp_path / "page.html"))["verdicts"]
    page = (tmp_path / "page.html").read_text()
    assert "<html" in page
    assert html.escape(sentence) in page


def test_stopped_early(workspace: Path) -> None:
    """The last point of a run's own frontier is the run."""
    run = open_run(find_runs([workspace])[-1])
    frontier = anytime(run, AXES["tokens"])
    assert run.accuracy is not None
    assert frontier.accuracy[-1].mean == pytest.approx(run.accuracy.mean)
    assert frontier.cost[-1] == pytest.approx(sum(map(AXES["tokens"].of, run.rows)) / len(run.rows))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare"], "of no runs makes no sense"),
        (["compare", "nowhere"], "nowhere is no folder"),
        (["compare", "{}", "--at", "token"], "Did you mean 'tokens'"),
        (["compare", "{}", "--against", "bemm"], "No method compared is called 'bemm'"),
        (["compare", "{}", "--at", "usd"], "cost on this axis is 0"),
        (["compare", "{}", "-o", "x.pdf"], "ends in .html, .png or .svg"),
        (["compare", "{}", "--frobnicate"], "makes no sense"),
        (["compare", "{}", "--at"], "expected one argument"),
        (["power", "--gap", "0"], "percentage points between 0 and 100"),
        (["power", "--gap", "two"], "invalid float"),
        (["power", "--accuracy", "60"], "such as 0.6"),
        (["power", "--discordant", "0.01"], "A gap of 0.02"),
        (["power", "--discordant", "1.5"], "a share in"),
        (["power", "--accuracy", "0.5", "--discordant", "0.2"], "Name one"),
        (["power", "--problems", "0"], "at least 1"),
        (["power", "{}"], "4 configurations"),
        (["power", "--x"], "makes no sense"),
        (["power", "--power", "1"], "from 0.5 to below 1"),
    ],
)
def test_errors(workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main([w.format(workspace) for w in words]) == 2
    assert message in capsys.readouterr().err


def test_power(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "power", "--gap", "2", "--discordant", "0.2", "--problems", "300")
    assert "3,923 problems show a gap of 2 points" in out
    assert "300 ←" in out
    assert "pessimistic" in told(capsys, "power")
    found = json.loads(told(capsys, "power", "--gap", "5", "--accuracy", "0.99", "--json"))
    assert found["discordant"] >= found["gap"] == 0.05
    best, other = (str(workspace / "chain" / name) for name in ("best_of_n", "self_consistency"))
    runs = [str(next(p for p in find_runs([folder]))) for folder in (best, other)]
    assert "on 24 problems of chain" in told(capsys, "power", "--gap", "1", *runs)
