"""Large recipes made small: the same jobs, with fewer draws and small weights, and nothing else changed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.embedded.backend import MODELS
from itc.config import Settings, scorers_of, strategy_of
from itc.console.compose import Composed
from itc.console.recipe import recipe_of
from itc.console.reduction import (
    Reduction,
    Special,
    check_weights,
    models_of,
    read_reduction,
    weights_folder,
)
from itc.console.reproducing import Place, worst_case
from itc.errors import ConfigError
from tests.console.test_recipes import PLAIN, RECIPES
from tests.data_files import ROOT, data_file

LARGE = [name for name, recipe in RECIPES.items() if recipe.kind == "large"]
PLACE = Place(Path("/a folder/of 'data'"), "runs", Path("/small/weights"))
REDUCTION = read_reduction()
NUMBER = re.compile(r"\d+")


def small(name: str, reduction: Reduction = REDUCTION) -> Any:
    return reduction.of(name, RECIPES[name], PLACE.composed(RECIPES[name]))


@pytest.mark.parametrize("name", LARGE)
def test_every_large_recipe_is_made_small(name: str) -> None:
    """Its strategies but for their numbers, its scorers and its figures, of weights in the given folder."""
    recipe, made = RECIPES[name], small(name)
    assert (made.claim, made.kind, list(made.jobs)) == (recipe.claim, recipe.kind, list(recipe.jobs))
    assert made.needs.missing(None) == [f"{n} under data=" for n in recipe.needs.data] + [
        missing for missing in recipe.needs.missing(None) if missing.startswith("Python's")
    ]
    whole, less = PLACE.composed(recipe), PLACE.composed(made)
    for job in recipe.jobs:
        before, after = Settings.read(whole[job].config), Settings.read(less[job].config)
        assert after.problems == REDUCTION.problems
        assert after.task == before.task
        assert after.scorer.name == before.scorer.name
        one, other = strategy_of(before.strategy)[0], strategy_of(after.strategy)[0]
        if job not in REDUCTION.recipes.get(name, Special()).jobs:
            assert NUMBER.sub("", str(one)) == NUMBER.sub("", str(other))
        assert other.needs.scorers <= set(scorers_of(after.scorer))
        assert other.needs == one.needs
        for (place, model), (_, small_one) in zip(
            models_of(whole[job].config), models_of(less[job].config), strict=True
        ):
            told = small_one["server"]["model"] if small_one["backend"] == "openai" else small_one["name"]
            assert told == f"/small/weights/{REDUCTION.weights[model['name']]}", place
            assert small_one["backend"] == model["backend"]
            for kept in ("temperature", "top_p", "chat_template", "confidence", "logprobs"):
                assert small_one.get(kept) == model.get(kept)
    for figure, less_figure in zip(recipe.figures, made.figures, strict=True):
        assert (figure.name, figure.paper, figure.job) == (
            less_figure.name,
            less_figure.paper,
            less_figure.job,
        )
        assert NUMBER.sub("", figure.read) == NUMBER.sub("", less_figure.read)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_what_is_left_is_little(name: str, tmp_path: Path) -> None:
    """By `itc plan`, every answer as long as it may be: minutes of a small model on two cores."""
    for needed in RECIPES[name].needs.data:
        data_file(needed)
    for folder in REDUCTION.weights.values():
        shutil.copytree(MODELS / "policy", tmp_path / folder, dirs_exist_ok=True)
    place = Place(ROOT.resolve(), "runs", tmp_path)
    found = worst_case(small(name), place)
    assert found is not None
    assert 0 < found["completion_tokens"] < 100_000 * len(RECIPES[name].jobs)


def test_nothing_is_left_over() -> None:
    """Every model and every recipe that the file names is one that is there."""
    assert set(REDUCTION.weights) == {w for name in LARGE for w in RECIPES[name].needs.weights}
    assert set(REDUCTION.recipes) <= set(LARGE)
    for name, special in REDUCTION.recipes.items():
        assert set(special.jobs) <= set(RECIPES[name].jobs)


COUNTS = st.integers(1, 20_000)


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 64))
def test_counts_are_capped_and_nothing_else(n: int, m: int, k: int, most: int) -> None:
    strategy = f"strategy=sample({n}, confidence={m}) >> top({k}, prm) >> deepconf({n}, keep=0.95)"
    jobs = {"one": ["task=chain", "task.count=70", "seed=12345", strategy]}
    figures = [
        {**PLAIN["figures"][0], "read": f"weighted maj@{k} prm"},
        {**PLAIN["figures"][0], "read": "completion_tokens"},
    ]
    recipe = recipe_of({**PLAIN, "kind": "large", "jobs": jobs, "figures": figures}, "recipe.yaml")
    made = reduction(draws=most).of("r", recipe, {"one": composed()})
    n, m, k = min(n, most), min(m, most), min(k, most)
    assert made.jobs["one"] == [
        "task=chain",
        "task.count=70",
        "seed=12345",
        f"strategy=sample({n}, confidence={m}) >> top({k}, prm) >> deepconf({n}, keep=0.95)",
        "problems=2",
    ]
    assert [f.read for f in made.figures] == [f"weighted maj@{k} prm", "completion_tokens"]


def test_overrides_of_the_file_come_after_the_recipes() -> None:
    """One of the same key takes its place: a strategy may stand once."""
    jobs = {"one": ["problems=128", "strategy=beam(64, 4)", "model.max_tokens=2048"], "two": ["seed=1"]}
    figures = [{**PLAIN["figures"][0], "read": "best-of-64 prm"}]
    recipe = recipe_of({**PLAIN, "kind": "large", "jobs": jobs, "figures": figures}, "recipe.yaml")
    made = reduction(
        models={"openai": ["name={weights}/{folder}", "max_tokens=8"]},
        recipes={"r": {"draws": 16, "jobs": {"one": ["strategy=beam(4, 2)", "in_flight=2"]}}},
    )
    roles = {"judge": "policy", "second": {"backend": "openai", "name": "m"}}
    found = made.of("r", recipe, {"one": composed(roles=roles), "two": composed()})
    assert found.jobs["one"] == [
        "problems=2",
        "strategy=beam(4, 2)",
        "model.max_tokens=8",
        "model.name={weights}/small",
        "roles.second.name={weights}/small",
        "roles.second.max_tokens=8",
        "in_flight=2",
    ]
    assert found.jobs["two"] == ["seed=1", "problems=2", "model.name={weights}/small", "model.max_tokens=8"]
    assert found.figures[0].read == "best-of-16 prm"


@pytest.mark.parametrize("model", [{"backend": "openai", "name": "x"}, {"backend": "vllm", "name": "m"}])
def test_a_model_that_nothing_stands_for_is_said(model: dict[str, Any]) -> None:
    recipe = recipe_of({**PLAIN, "kind": "large"}, "recipe.yaml")
    with pytest.raises(ConfigError, match=rf"scorer\.model\.name={model['name']}.*Add it there"):
        reduction().of("r", recipe, {"one": composed(scorer={"model": model})})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"problems": 0}, "problems"), ({"drawn": 1}, "Unknown key drawn"), ({"recipes": {"r": {"n": 1}}}, "n")],
)
def test_what_is_wrong_with_the_file_is_said(wrong: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "reduced.yaml"
    file.write_text(json.dumps({**reduction().model_dump(), **wrong}))
    with pytest.raises(ConfigError, match=rf"reduced\.yaml.*{said}"):
        read_reduction(file)


def test_where_small_weights_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITC_WEIGHTS", raising=False)
    with pytest.raises(ConfigError, match=r"weights=DIR, or ITC_WEIGHTS.*convert\.py weights"):
        weights_folder()
    with pytest.raises(ConfigError, match=r"weights=.*no such folder.*convert\.py"):
        weights_folder(str(tmp_path / "none"))
    monkeypatch.setenv("ITC_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"ITC_WEIGHTS=.*no such folder"):
        weights_folder()
    monkeypatch.setenv("ITC_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text("{}")
    check_weights(tmp_path, {"a"})
    with pytest.raises(ConfigError, match=r"lacks b, c\. Make them with"):
        check_weights(tmp_path, {"c", "a", "b"})


def composed(**fields: Any) -> Any:
    model = {"backend": "openai", "name": "m"}
    return Composed((), {"model": model, "scorer": {"model": None}, "roles": {}, **fields})


def reduction(**fields: Any) -> Reduction:
    given = {"problems": 2, "draws": 2, "weights": {"m": "small"}, "models": {"openai": []}, **fields}
    return Reduction.model_validate(given)
