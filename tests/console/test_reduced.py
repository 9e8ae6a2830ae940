"""``itc reproduce --reduced``: large recipes are run small, told without verdicts, and resumed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import itc
from itc.backends.embedded.backend import MODELS
from itc.cli import main
from itc.console import recipe as recipes_module
from itc.console import reduced, reduction, reproduce, reproducing
from itc.console.recipe import recipes_folder
from itc.console.reduced import BEGIN, headline
from itc.console.reduction import read_reduction
from itc.console.reproduced import END
from tests.console.served import environment
from tests.console.test_recipes import PLAIN

FIGURE = PLAIN["figures"][0]
JOBS = {
    "draws": ["task=chain", "model=embedded", "scorer=embedded", "strategy=sample(64) >> score(prm, last)"],
    "beam": ["task=chain", "model=embedded", "scorer=embedded", "strategy=beam(64, 4)"],
}
READS = {"draws": ["pass@1", "best-of-64 prm", "weighted maj@32 prm"], "beam": ["accuracy", "calls"]}
FIGURES = [{**FIGURE, "name": read, "job": job, "read": read} for job in JOBS for read in READS[job]]
REDUCED: dict[str, Any] = {
    "problems": 2,
    "draws": 4,
    "weights": {"policy": "policy", "prm": "prm"},
    "models": {"embedded": ["name={weights}/{folder}", "max_tokens=48"]},
}


def of(**fields: Any) -> dict[str, Any]:
    return {**PLAIN, "kind": "large", "jobs": JOBS, "figures": FIGURES, **fields}


def lay(place: Path, mine: dict[str, Any]) -> Path:
    """A folder of recipes whose large models are those that ship with the package."""
    for name, data in mine.items():
        (place / name).mkdir(parents=True)
        # JSON is YAML.
        (place / name / "recipe.yaml").write_text(json.dumps(data))
    (place / "reduced.yaml").write_text(json.dumps(REDUCED))
    (place / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return place


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe that runs, a second of a figure that is not to be had, one that needs what is nowhere."""
    weights = {"weights": ["policy", "prm"]}
    mine = {
        "good": of(needs={**weights, "gpu": "a GPU of 80 GB"}),
        "broken": of(needs=weights, figures=[{**FIGURE, "job": "beam", "read": "best-of-2 other"}]),
        "heavy": of(needs={**weights, "modules": ["no_such_module"]}),
        "small": {**of(), "kind": "small"},
    }
    place = lay(tmp_path / "recipes", mine)
    for module in (recipes_module, reproduce, reproducing, reduced, reduction):
        monkeypatch.setattr(module, "recipes_folder", lambda: place)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ITC_WEIGHTS", raising=False)
    return place


def told(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["reproduce", *words])
    return code, capsys.readouterr().out


def test_a_large_recipe_runs_small_and_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No verdict, whatever the value; the second time nothing is drawn."""
    code, out = told("good", "--reduced", f"weights={MODELS}", capsys=capsys)
    assert code == 0
    first, _, *lines = out.splitlines()
    assert first == headline(read_reduction())
    assert "2 problems, with at most 4 draws" in first
    assert "nothing of the claims" in first
    reads = [re.match(r"RAN  good: .*: (.*) \d+\.\d\d \(paper 1\)$", line) for line in lines[:-1]]
    assert [m and m[1] for m in reads] == [
        "pass@1",
        "best-of-4 prm",
        "weighted maj@4 prm",
        "accuracy",
        "calls",
    ]
    spent = re.fullmatch(r"     (\d+) calls, ([\d,]+) tokens, [\d,]+ s, (\d+) calls new", lines[-1])
    assert spent is not None
    assert 0 < int(spent[3]) <= int(spent[1])
    assert not re.search("pass |fail", out.casefold().replace("pass@", ""))
    again = told("good", "--reduced", f"weights={MODELS}", capsys=capsys)[1].splitlines()
    assert again[2:-1] == lines[:-1]
    assert again[-1].startswith(f"     {spent[1]} calls, {spent[2]} tokens, ")
    assert again[-1].endswith(" 0 calls new")


def test_what_cannot_run_is_said_and_what_breaks_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told("heavy", "--reduced", capsys=capsys)
    assert code == 0
    assert out.endswith("NOT RUN  heavy: needs Python's no_such_module\n")
    code, out = told("broken", "--reduced", f"weights={MODELS}", capsys=capsys)
    assert code == 1
    assert "FAILED  broken: " in out
    before = (folder / "README.md").read_text()
    code, out = told("all", "--reduced", "--write", f"weights={MODELS}", capsys=capsys)
    assert code == 1
    assert "small" not in out.partition("\n")[2]
    page = (folder / "README.md").read_text()
    assert page.startswith(f"before\n{BEGIN}\n\n{headline(read_reduction())}\n\n| recipe | figure |")
    assert page.endswith(f"{END}\nafter\n")
    assert re.search(r"\n\| good \| pass@1 \| 1 \| pass@1 \| \d+\.\d\d \| \d+ \| [\d,]+ \| \d+ \|\n", page)
    assert re.search(r"\n\|  \| best-of-64 prm \| 1 \| best-of-4 prm \| \d+\.\d\d \|  \|  \|  \|\n", page)
    assert "| heavy | pass@1 | 1 | pass@1 | not run |  |  |  |" in page
    assert "| broken | f | 1 | best-of-2 other | failed |  |  |  |" in page
    assert page != before


def test_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told("all", "--reduced", "--json", f"weights={MODELS}", capsys=capsys)
    assert code == 1
    found = json.loads(out)
    assert found["headline"] == headline(read_reduction())
    by_name = {r["name"]: r for r in found["recipes"]}
    assert set(by_name) == {"good", "broken", "heavy"}
    assert by_name["good"]["figures"][1]["read"] == "best-of-4 prm"
    # They are the same runs, and the first of them made the calls.
    assert by_name["broken"]["new_calls"] > by_name["good"]["new_calls"] == 0
    assert by_name["broken"]["calls"] == by_name["good"]["calls"] > 0
    assert by_name["heavy"]["missing"]
    assert by_name["broken"]["error"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["good", "--reduced"], r"expected weights=DIR, or ITC_WEIGHTS.*convert\.py"),
        (["good", "--reduced", "weights=nowhere"], r"no such folder.*convert\.py"),
        (["all", "--reduced", "weights=."], r"lacks policy, prm.*convert\.py"),
        (["small", "--reduced"], "no large recipe: leave --reduced out"),
        (["all", "--reduced", "--replay"], "--replay"),
        (["good", "--reduced", "--write"], "all --write"),
    ],
)
def test_errors_come_before_anything_is_run(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", *words]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (folder.parent / "runs").exists()


@pytest.mark.slow
def test_killed_in_the_middle_it_draws_nothing_twice(tmp_path: Path) -> None:
    """In a checkout of its own: all that was received before the kill is in the journal and stays."""
    root = Path(itc.__file__).parents[1]
    shutil.copytree(root / "itc", tmp_path / "itc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "configs", tmp_path / "configs")
    figures = [{**FIGURE, "job": "draws", "read": "calls"}]
    jobs = {"draws": [*JOBS["draws"][:3], "in_flight=1", "model.concurrency=1", "strategy=sample(32)"]}
    lay(tmp_path / "recipes", {"long": of(jobs=jobs, figures=figures, needs={"weights": ["policy", "prm"]})})
    models = {"embedded": ["name={weights}/{folder}", "max_tokens=12"]}
    longer = {**REDUCED, "draws": 32, "models": models}
    (tmp_path / "recipes/reduced.yaml").write_text(json.dumps(longer))
    command = [sys.executable, "-m", "itc.cli", "reproduce", "long", "--reduced", "--json"]
    command.append(f"weights={MODELS}")
    given = {**environment(), "PYTHONPATH": str(tmp_path)}
    first = subprocess.Popen(command, cwd=tmp_path, env=given, stdout=subprocess.DEVNULL)
    try:
        before: set[Any] = set()
        while len(before) < 4:
            assert first.poll() is None, "it ended before it could be killed"
            time.sleep(0.1)
            before = journalled(tmp_path / "runs/journal.sqlite")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = journalled(tmp_path / "runs/journal.sqlite")
    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout)["recipes"]
    after = journalled(tmp_path / "runs/journal.sqlite")
    assert before < after
    assert found["calls"] == 2 * 32 == len(after)
    assert found["new_calls"] == len(after) - len(before)


def journalled(path: Path) -> set[Any]:
    """The draws that are in the journal, as they stand there."""
    if not path.exists():
        return set()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as opened:
        try:
            return set(opened.execute("SELECT * FROM draws"))
        except sqlite3.OperationalError:
            return set()


def test_the_page_has_a_place_for_the_table() -> None:
    assert BEGIN in (recipes_folder() / "README.md").read_text()
