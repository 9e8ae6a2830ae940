"""Figures for papers, and ``itc report``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from itc.cli import main
from itc.errors import ConfigError
from itc.report import figures
from itc.report.shown import shown
from itc.runs.result import Result
from itc.runs.store import RunDirectory
from tests.report.made import result

RUNS = [
    result(20, seed=seed, name=name, strategy=f"{name}({4 * seed})")
    for seed, name in ((1, "beam"), (2, "beam"), (3, "best_of_n"))
]
BEGINS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for run in RUNS:
        with RunDirectory(tmp_path / "runs" / str(run.manifest["hash"])) as directory:
            directory.write(run)
    return tmp_path


@pytest.mark.parametrize("kind", BEGINS)
def test_the_same_runs_make_the_same_figure(kind: str, tmp_path: Path) -> None:
    first, second = (figures.write(RUNS, tmp_path / f"{name}{kind}", "flops") for name in "ab")
    assert first.read_bytes().startswith(BEGINS[kind])
    assert first.read_bytes() == second.read_bytes()


def test_a_figure_without_gold_answers_is_refused(tmp_path: Path) -> None:
    rows = [replace(r, gold=None, correct=None, oracle=None) for r in RUNS[0].rows]
    with pytest.raises(ConfigError, match="needs gold answers"):
        figures.write([Result(rows, [], [], {})], tmp_path / "a.png")


def test_runs_have_names_of_their_own() -> None:
    assert [run.label for run in shown(RUNS)] == ["beam(4)", "beam(8)", "best_of_n(12)"]
    same = [result(seed=7), result(seed=8)]
    assert [run.label for run in shown(same)] == ["beam(3), seed 7", "beam(3), seed 8"]
    unlike = [
        result(seed=7),
        replace(result(), manifest={**result().manifest, "strategy": "a >> b", "hash": "other", "seed": 7}),
    ]
    labels = [run.label for run in shown(unlike)]
    assert len(set(labels)) == 2
    many = shown([result(1, name=f"m{i}", seed=i) for i in range(42)])
    assert len({(run.colour, run.shape) for run in many}) == 42


def test_the_command_writes_what_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["report", "runs", "-o", "page.html", "-o", "table.csv", "-o", "figure.pdf", "--png"]) == 0
    assert "page.html" in capsys.readouterr().out
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (folder / "table.csv").read_text(encoding="utf-8").startswith("problem,question")
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "report.png").exists()
    assert main(["report", "runs", "--at", "flops", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == ["report.html"]
    assert len(told["runs"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "of no runs"),
        (["runs", "-o", "page.doc"], "ends in .html"),
        (["runs", "--at", "tokns"], "Did you mean 'tokens'"),
        (["runs", "--nothing"], "--nothing makes no sense"),
        (["elsewhere"], "elsewhere"),
    ],
)
def test_the_command_refuses(
    words: list[str],
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["report", *words]) == 2
    assert said in capsys.readouterr().err
