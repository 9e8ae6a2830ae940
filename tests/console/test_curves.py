"""``itc curves`` on runs of a toy model: a table, JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from itc.api import run
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.cli import main
from itc.runs.result import Result
from itc.scorers.base import FunctionScorer
from itc.tasks import Example, Task
from itc.types import Candidate, Problem

ASKED = tuple(Example(Problem(f"p{i}", f"How many are {i}?"), gold="7") for i in range(60))
TASK = Task("counts", ASKED, "gsm8k", "0" * 64, "here", "none")


def guess(r: Request) -> Completion:
    rng = Random(f"{r.seed}/{r.prompt}")
    said = 7 if rng.random() < int(r.prompt.split()[3].rstrip("?")) / 60 else rng.randrange(4)
    return Completion(f"so\n#### {said}", "eos", Usage(5, 0, 4))


def liking(c: Candidate) -> float:
    """A verifier that accepts every right answer and one wrong one of four."""
    return 0.9 if c.answer in ("7", "3") else 0.1


def ran(text: str, folder: Path) -> Result:
    model, scorers = FunctionBackend(guess), {"liking": FunctionScorer(liking)}
    return run(text, task=TASK, model=model, scorers=scorers, workspace=folder)


def test_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = ran("sample(12) >> score(liking)", tmp_path)
    assert main(["curves", str(drawn.manifest["directory"])]) == 0
    told, err = capsys.readouterr()
    assert err == ""
    assert "counts, 60 problems, 12 draws each: sample(12) >> score(liking)" in told
    for name in ("pass@k", "maj@k", "best-of-k liking", "weighted maj@k liking", "pass@48", "pass@192"):
        assert name in told
    assert [line.split()[0] for line in told.splitlines() if line.startswith(("8 ", "12 "))] == [
        "8",
        "12",
    ] * 3
    for law in ("power law", "beta-binomial", "beta-binomial, some never"):
        assert f"\n{law} " in told
    assert "the first of k draws that liking rates 0.5 or more" in told
    assert "liking accepts 100.0 % of right draws and 2" in told
    assert "compute-optimal allocation" in told
    assert f"run directory  {drawn.manifest['directory']}" in told


def test_json_has_every_k(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = ran("sample(12) >> score(liking)", tmp_path)
    assert main(["curves", "--json", str(tmp_path), "--accept", "0.95"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    points = told["curves"]["maj@k"]["points"]
    assert [p["k"] for p in points] == list(range(1, 13))
    assert all(p["low"] <= p["mean"] <= p["high"] for p in points)
    assert points[-1]["tokens"] == pytest.approx(drawn.cost.tokens / 60)
    assert drawn.oracle is not None
    assert told["curves"]["pass@k"]["points"][-1]["mean"] == pytest.approx(drawn.oracle.mean)
    laws = told["coverage"]["laws"]
    assert [p["k"] for p in laws["beta-binomial"]["predicted"]] == [48, 192]
    assert [h["k"] for h in told["coverage"]["held_out"]] == [4, 8, 12]
    verifier = told["verifiers"]["liking"]
    assert (verifier["accept"], verifier["right_accepted"], verifier["ceiling"]) == (0.95, 0.0, None)
    assert "Try another threshold" in verifier["lacks"]
    assert [share["k"] for share in told["allocation"]["maj@k"]] == [1, 2, 4, 8, 12]


def test_a_run_that_voted_is_refused_where_named_and_passed_over_in_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voted = ran("sample(4) >> vote()", tmp_path / "runs")
    assert main(["curves", str(voted.manifest["directory"])]) == 2
    assert "strategy='sample(4)'" in capsys.readouterr().err
    assert main(["curves", str(tmp_path / "runs")]) == 2
    assert "strategy='sample(4)'" in capsys.readouterr().err
    ran("sample(4)", tmp_path / "runs")
    assert main(["curves", str(tmp_path / "runs")]) == 0
    out, err = capsys.readouterr()
    assert out.count("run directory") == 1
    assert "1 other run" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "expected a run's directory"),
        (["nowhere"], "nowhere is no folder"),
        (["x", "--acept", "1"], "no option '--acept'"),
        (["x", "--accept", "2"], "--accept 2: expected a number in [0, 1]"),
        (["x", "--accept"], "expected a number in [0, 1]"),
        (["x", "--accept=no"], "--accept no"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curves", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
