"""Every configuration composes, validates and says what the code says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from itc.algebra.registry import STRATEGIES
from itc.config import BudgetSettings, Settings, scorers_of, strategy_of
from itc.console.arguments import read
from itc.console.compose import Composed, compose, config_folder
from itc.errors import ConfigError
from itc.models import ServedModel, VLLMModel
from itc.tasks import loader

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
GOLDEN = CONFIGS / "_generated" / "config.yaml"
GROUPS = ("task", "model", "scorer", "strategy", "budget", "sweep", "experiment", "debug")
FILL = {
    "task=jsonl": ["task.path=questions.jsonl"],
    "task=processbench": ["task.path=gsm8k.json"],
    "task=recorded": ["task.path=samples.jsonl"],
    "task=svamp": ["task.path=svamp.jsonl"],
    "model=local": ["model.name=some"],
    "model=vllm": ["model.name=some"],
    "model=openai": ["model.name=some", "model.price.prompt=1.5", "model.price.completion=6"],
    "strategy=expression": ["strategy.text=sample(4) >> vote()"],
}
"""Values for what an option leaves open."""


def options(group: str) -> list[str]:
    return sorted(f.stem for f in (CONFIGS / group).glob("*.yaml") if not f.stem.startswith("_"))


def choices() -> list[str]:
    return [f"{group}={option}" for group in GROUPS for option in options(group)]


def one(*overrides: str) -> Composed:
    (composed,) = compose(read(overrides))
    return composed


def config(*overrides: str) -> dict[str, Any]:
    composed = one(*overrides)
    if composed.error:
        raise composed.error
    return composed.config


@pytest.mark.parametrize("choice", choices())
def test_every_option_composes_and_validates(choice: str) -> None:
    settings = Settings.read(config(choice, *FILL.get(choice, [])))
    strategy, _ = strategy_of(settings.strategy)
    assert str(strategy)
    assert scorers_of(settings.scorer)
    settings.budget.scopes()
    task = dict(settings.task)
    inspect.signature(loader(task.pop("name"))).bind(**task)


@pytest.mark.parametrize("experiment", options("experiment"))
@pytest.mark.parametrize("debug", options("debug"))
def test_every_experiment_can_be_debugged(experiment: str, debug: str) -> None:
    settings = Settings.read(config(f"experiment={experiment}", f"debug={debug}"))
    assert (settings.problems or 99) <= 3


@pytest.mark.parametrize("name", [n for n in options("strategy") if n != "expression"])
def test_strategies_list_every_argument_with_its_default(name: str) -> None:
    told = dict(config(f"strategy={name}")["strategy"])
    assert told.pop("name") == name
    parameters = inspect.signature(STRATEGIES[name]).parameters
    assert told == {p.name: p.default for p in parameters.values()}


@pytest.mark.parametrize("name", options("task"))
def test_tasks_list_every_option_with_its_default(name: str) -> None:
    told = dict(config(f"task={name}", *FILL.get(f"task={name}", []))["task"])
    assert told.pop("name") == name
    for parameter in inspect.signature(loader(name)).parameters.values():
        if parameter.default is parameter.empty:
            told.pop(parameter.name)
        elif parameter.name == "style":
            assert told.pop("style") is None  # the model's
        else:
            assert told.pop(parameter.name) == parameter.default, parameter.name
    assert told == {}


def test_models_list_every_field_with_its_default() -> None:
    told = config("model=local", "model.name=some")["model"]
    assert told == ServedModel(name="some").model_dump()
    assert set(config("model=openai", *FILL["model=openai"])["model"]) == set(told)
    told = config("model=vllm", *FILL["model=vllm"])["model"]
    assert told == VLLMModel(backend="vllm", name="some").model_dump()


def test_no_budget_is_no_cap() -> None:
    assert config("budget=none")["budget"] == BudgetSettings().model_dump()
    run, problem = Settings.read(config()).budget.scopes()
    assert run.unlimited
    assert problem.unlimited


def test_every_setting_is_in_the_default_configuration() -> None:
    assert set(config()) == set(Settings.model_fields)


def test_the_flattened_default_is_checked_in(capfd: pytest.CaptureFixture[str]) -> None:
    assert compose(read(["--cfg", "job"])) == []
    assert capfd.readouterr().out == GOLDEN.read_text(), (
        "A default changed. If that is meant: itc run --cfg job > configs/_generated/config.yaml"
    )


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda p: str(p.relative_to(CONFIGS)))
def test_no_configuration_names_code(path: Path) -> None:
    text = path.read_text()
    assert "_target_" not in text
    assert "_partial_" not in text
    assert "${now:" not in text


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["task=jsonl"], ["task.path"]),
        (["model=openai"], ["model.name", "model.price.prompt", "model.price.completion"]),
        (["strategy=expression"], ["strategy.text"]),
    ],
)
def test_a_missing_value_is_named(overrides: list[str], keys: list[str]) -> None:
    error = one(*overrides).error
    assert isinstance(error, ConfigError)
    for key in keys:
        assert f"{key} is missing: set {key}=…" in str(error)


def test_an_expression_replaces_the_experiments_strategy() -> None:
    chosen = config("experiment=gsm8k_smollm2", "strategy=sample(4) >> vote()")
    assert chosen["strategy"] == {"name": "expression", "text": "sample(4) >> vote()"}
    assert config("experiment=gsm8k_smollm2")["strategy"]["n"] == 16


def test_a_folder_of_ones_own_adds_options(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 17\nproblems: 5\n")
    (composed,) = compose(read(["--config-dir", str(tmp_path), "experiment=mine"]))
    assert (composed.config["seed"], composed.config["problems"]) == (17, 5)
    with pytest.raises(ConfigError, match="Did you mean `experiment=mine`"):
        compose(read(["--config-dir", str(tmp_path), "experiment=mien"]))


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not found"):
        compose(read(["--config-dir", str(tmp_path / "none")]))


def test_a_file_that_is_no_yaml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "budget").mkdir()
    (tmp_path / "budget" / "broken.yaml").write_text("usd: [1\n")
    with pytest.raises(ConfigError, match="not YAML"):
        compose(read(["--config-dir", str(tmp_path), "budget=broken"]))


def test_the_packaged_folder_is_this_one() -> None:
    assert config_folder() == CONFIGS


def test_nothing_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(compose(read(["-m", "seed=1,2", "strategy.n=1,4"]))) == 4
    one("seed=3")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_ones_own_names_no_code(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    evil = '# @package _global_\nhydra:\n  callbacks:\n    x: {"\\x5ftarget_": builtins.print}\n'
    (tmp_path / "experiment" / "evil.yaml").write_text(evil)
    with pytest.raises(ConfigError, match="names no code"):
        compose(read(["--config-dir", str(tmp_path), "seed=1"]))
    with pytest.raises(ConfigError, match="names no code"):
        compose(read(["+hydra.callbacks.x._target_=builtins.print"]))


def test_settings_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "default.yaml").write_text("# @package _global_\nworkspace: elsewhere\n")
    assert config("--config-dir", str(tmp_path))["workspace"] == "elsewhere"
