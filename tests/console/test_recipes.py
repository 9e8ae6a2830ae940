"""Recipes: each composes and says what it must; how figures are read and compared."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import itc
from itc.backends.template import load_template
from itc.config import Settings, scorers_of, strategy_of
from itc.console.measured import check_read, measured, percent
from itc.console.recipe import Figure, Needs, chosen, data_folder, placed, recipe_of, recipes, recipes_folder
from itc.console.reproduced import bound
from itc.console.reproducing import Place
from itc.errors import ConfigError
from itc.runs.result import Result

RECIPES = recipes()
PLAIN: dict[str, Any] = {
    "claim": "One is one.",
    "paper": {
        "title": "T",
        "authors": "A",
        "year": 2024,
        "link": "https://arxiv.org/abs/1",
        "place": "table 1",
    },
    "kind": "replay",
    "jobs": {"one": ["task=chain"]},
    "figures": [{"name": "f", "job": "one", "read": "accuracy", "paper": 1, "tolerance": 0}],
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_composes(name: str) -> None:
    recipe = RECIPES[name]
    found = Place(Path("/a folder/of 'data'"), "runs").composed(recipe)
    assert list(found) == list(recipe.jobs)
    for composed in found.values():
        settings = Settings.read(composed.config)
        strategy, _ = strategy_of(settings.strategy)
        known = scorers_of(settings.scorer)
        assert strategy.needs.scorers <= set(known)
        models = [settings.model, *settings.roles.values()]
        models += [settings.scorer.model] if settings.scorer.model else []
        for model in models:
            assert not isinstance(model, str)
            if recipe.kind == "replay":
                assert model.backend == "replay"
            elif recipe.kind == "large":
                assert model.name in recipe.needs.weights
            if template := getattr(model, "chat_template", ""):
                assert "How many?" in load_template(template).render("Be careful.", "How many?")
        path = settings.task.get("path")
        assert path is None or path.removeprefix("/a folder/of 'data'/") in recipe.needs.data


def test_small_weights_are_looked_for_in_their_folder(tmp_path: Path) -> None:
    needs = Needs(checkpoints=["one", "two"])
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "config.json").write_text("{}")
    assert needs.missing(None) == ["one under weights=", "two under weights="]
    assert needs.missing(None, tmp_path) == ["one under weights="]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_told(name: str) -> None:
    """The command on top, each figure with the paper's and the tolerance, and a row in the table of all."""
    recipe, folder = RECIPES[name], recipes_folder()
    page = (folder / name / "README.md").read_text()
    title, _, command, *_ = page.splitlines()
    assert title == f"# {recipe.claim.rstrip('.')}"
    assert command == f"    itc reproduce {name}"
    assert recipe.paper.link in page
    for figure in recipe.figures:
        assert f"| {figure.name} | {bound(figure)} |" in page
    for needed in (*recipe.needs.data, *recipe.needs.weights, *recipe.needs.checkpoints):
        assert f"`{needed}`" in page
    table = (folder / "README.md").read_text()
    assert f"| [{name}]({name}/README.md) | {recipe.kind} |" in table


def test_every_large_recipe_says_what_it_is_expected_to_cost() -> None:
    folder = recipes_folder()
    told = runpy.run_path(str(folder / "expected.py"))
    assert set(told["EXPECTED"]) == {name for name, recipe in RECIPES.items() if recipe.kind == "large"}
    for name in told["EXPECTED"]:
        page = " ".join((folder / name / "README.md").read_text().split())
        assert f"It is expected to cost {told['line'](name)}" in page, name


@given(
    st.floats(-100, 100),
    st.floats(0, 10),
    st.floats(-200, 200),
    st.sampled_from(["near", "at least", "at most"]),
)
def test_a_figure_is_met_within_its_tolerance(
    paper: float, tolerance: float, value: float, sense: str
) -> None:
    figure = Figure(
        name="f",
        job="one",
        read="accuracy",
        paper=paper,
        tolerance=tolerance,
        sense=sense,  # type: ignore[arg-type]
    )
    away = value - paper
    if abs(abs(away) - tolerance) > 1e-6:
        assert (
            figure.met(value)
            == {
                "near": abs(away) <= tolerance,
                "at least": away >= -tolerance,
                "at most": away <= tolerance,
            }[sense]
        )
    assert figure.met(paper)


def changed(**fields: Any) -> dict[str, Any]:
    return {**PLAIN, **fields}


def figured(**fields: Any) -> dict[str, Any]:
    return changed(figures=[{**PLAIN["figures"][0], **fields}])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (changed(tolerence=1), "Unknown key tolerence"),
        (changed(kind="medium"), "kind='medium'"),
        (changed(jobs={}), "jobs"),
        (changed(figures=[]), "figures"),
        (changed(claim=""), "claim"),
        (changed(needs={"gpu": "one"}), "neither a GPU nor weights"),
        (changed(paper={**PLAIN["paper"], "link": "somewhere"}), "link"),
        (figured(job="two"), "no job 'two'"),
        (figured(over="two"), "no job 'two'"),
        (figured(minus="one", over="one"), "exclude each other"),
        (figured(read="acuracy"), "Did you mean 'accuracy'"),
        (figured(read="best-of-8"), "no figure of a run"),
        (figured(read="pass@0"), "no figure of a run"),
        (figured(tolerance=-1), "tolerance"),
        (figured(sense="about"), "sense"),
        ([], "recipe.yaml"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(data: Any, told: str) -> None:
    assert recipe_of(PLAIN, "recipe.yaml").kind == "replay"
    with pytest.raises(ConfigError, match=told):
        recipe_of(data, "recipe.yaml")


def test_recipes_are_chosen_by_name() -> None:
    assert chosen("all", RECIPES) == RECIPES
    assert list(chosen("self-consistency-addsub", RECIPES)) == ["self-consistency-addsub"]
    with pytest.raises(ConfigError, match="Did you mean 'self-consistency-addsub'"):
        chosen("self-consistency-adsub", RECIPES)


def test_folders_are_put_into_values_and_quoted() -> None:
    folders = {"data": Path("/a b/c'd")}
    assert placed(["seed=1", "task.path={data}/x.jsonl"], folders) == [
        "seed=1",
        'task.path="/a b/c\'d/x.jsonl"',
    ]


def test_where_data_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITC_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    (tmp_path / "mine").mkdir()
    assert data_folder(str(tmp_path / "mine")) == tmp_path / "mine"
    with pytest.raises(ConfigError, match=r"data=.*no such folder"):
        data_folder(str(tmp_path / "none"))
    monkeypatch.setenv("ITC_DATA", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"ITC_DATA=.*no such folder"):
        data_folder()


def test_an_installation_without_a_checkout_looks_where_it_is_run(tmp_path: Path) -> None:
    root = Path(itc.__file__).parents[1]
    shutil.copytree(root / "itc", tmp_path / "itc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "configs", tmp_path / "itc" / "configs")

    def told(cwd: Path) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-P", "-m", "itc.cli", "reproduce"]
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)

    nowhere = told(tmp_path)
    assert nowhere.returncode == 2
    assert f"No recipes in {tmp_path / 'recipes'}" in nowhere.stderr
    assert "adaptive-consistency-addsub" in told(root).stdout


def recorded(path: Path) -> str:
    """Two problems of four samples: three right ones and one, of scores that rise."""
    rows = [
        {
            "id": i,
            "question": f"{i}?",
            "gold": "6",
            "samples": [
                {"text": f"It rates {s}.", "answer": a, "score": s}
                for a, s in zip(answers, (0.1, 0.2, 0.3, 0.4), strict=True)
            ],
        }
        for i, answers in enumerate((["6", "6", "6", "5"], ["4", "6", "5", "4"]))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def drawn(tmp_path: Path) -> Result:
    path = recorded(tmp_path / "four.jsonl")
    replay = {"backend": "replay", "path": path}
    return itc.run(
        "sample(4) >> score(prm, last)",
        task={"name": "recorded", "path": path},
        model=replay,
        scorers={"prm": replay},
        workspace=tmp_path / "runs",
    )


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("accuracy", 50.0),
        ("oracle", 100.0),
        ("pass@1", 50.0),
        ("pass@2", 75.0),
        ("maj@1", 50.0),
        # The first goes to its three sixes, the second to its two fours.
        ("maj@4", 50.0),
        ("best-of-1 prm", 50.0),
        # The fourth has the highest score, and is wrong.
        ("best-of-4 prm", 0.0),
        ("weighted maj@4 prm", 50.0),
    ],
)
def test_figures_are_read(drawn: Result, read: str, value: float) -> None:
    check_read(read)
    assert measured(drawn, read) == pytest.approx(value)


def test_costs_are_read_by_the_problem(drawn: Result) -> None:
    assert measured(drawn, "calls") == drawn.cost.calls / 2
    assert measured(drawn, "completion_tokens") == drawn.cost.completion_tokens / 2
    assert measured(drawn, "tokens") == (drawn.cost.tokens - drawn.cost.cached_tokens) / 2


def test_calls_are_read_by_role(drawn: Result) -> None:
    for read in ("calls of policy", "calls of prm"):
        check_read(read)
        assert not percent(read)
        assert measured(drawn, read) == 4
    with pytest.raises(ConfigError, match=r"none\. Its calls are of policy, prm"):
        measured(drawn, "calls of judge")


def test_a_figure_that_a_run_lacks_is_said(drawn: Result) -> None:
    with pytest.raises(ConfigError):
        measured(drawn, "pass@5")
    with pytest.raises(ConfigError):
        measured(drawn, "best-of-2 other")
