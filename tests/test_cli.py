"""The console script by itself: help, lists, arguments and errors; nothing here needs a server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from itc import __version__
from itc.cli import COMMANDS, main
from itc.console.arguments import read
from itc.errors import ConfigError
from tests.console.served import environment, itc

HEAVY = (
    "hydra",
    "omegaconf",
    "pydantic",
    "pyarrow",
    "aiohttp",
    "numpy",
    "rich",
    "jinja2",
    "sympy",
    "asyncio",
)


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["version"], ["rnu"], []], ids=lambda w: " ".join(w) or "nothing"
)
def test_what_is_instant_imports_nothing_heavy(words: list[str]) -> None:
    code = f"import sys; from itc.cli import main; main({words!r}); print('loaded:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert [name for name in HEAVY if name in loaded] == []


def test_the_package_runs_as_a_module() -> None:
    words = [sys.executable, "-m", "itc"]
    done = subprocess.run([*words, "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"
    wrong = subprocess.run([*words, "rnu"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Did you mean 'run'?" in wrong.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_two_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = COMMANDS[name]
    assert callable(command.load())
    assert len(command.examples) >= 2
    assert all(example.startswith(f"itc {name}") for example in command.examples)
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert command.summary in told
    assert all(example in told for example in command.examples)


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {name} " in told for name in COMMANDS)


def test_the_script_is_installed(tmp_path: Path) -> None:
    assert itc("version", cwd=tmp_path).out == f"{__version__}\n"
    assert itc("--version", cwd=tmp_path).out == f"{__version__}\n"


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rnu"]) == 2
    assert "Did you mean 'run'?" in capsys.readouterr().err


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json", "strategy.nn=4"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["error"]["type"], told["error"]["exit_code"]) == ("error", "ConfigError", 2)


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["strategies"]["beam"].startswith("(n=16, m=4, by='prm'")
    assert "sample" in told["stages"]
    assert "sample" not in told["strategies"]
    assert {"gsm8k", "math500", "jsonl"} <= set(told["tasks"])
    assert "likelihood" in told["scorers"]
    assert "beam" in told["configs"]["strategy"]
    assert main(["list", "tasks"]) == 0
    assert "gsm8k" in capsys.readouterr().out
    assert main(["list", "taks"]) == 2
    assert "Did you mean 'tasks'?" in capsys.readouterr().err


def test_what_a_name_is_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Its call, its paper and what its parameters cost, of whatever can be chosen."""
    assert main(["list", "beam"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("beam(n=16, m=4, by='prm'")
    assert "Snell et al. 2024" in told
    assert "One unit of ``n`` costs" in told
    assert main(["list", "likelihood", "math500", "tasks", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "probability of the whole path" in found["likelihood"]
    assert "arXiv:2103.03874" in found["math500"]
    assert "gsm8k" in found["tasks"]
    assert main(["list", "xyzzy"]) == 2
    assert "Known: configs, formats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["strategy.nn=4"], ["Unknown key strategy.nn.", "Did you mean `strategy.n`?"]),
        (["n=4"], ["Did you mean `strategy.n`?"]),
        (["modle=openai"], ["Did you mean `model`?"]),
        (["strategy=beam", "strategy.mm=2"], ["Did you mean `strategy.m`?"]),
        (["strategy=beem"], ["Did you mean `strategy=beam`?", "best_of_n"]),
        (["strategy=vote"], ["names no configuration", "strategy='vote()'", "--config-dir"]),
        (["strategy.n=4,8"], ["strategy.n=4,8", "-m"]),
        (["strategy.n=[4"], ["cannot be read", "KEY=VALUE"]),
        (["gsm8k"], ["'gsm8k' is not an override", "strategy.n=4"]),
        (["+seed=1"], ["seed is there already"]),
        (["+sede=1"], ["Unknown key sede", "'seed'"]),
        (["strategy=sample(4) >> vote(), beam"], ["2 strategies", "-m"]),
        (["strategy=sample(4)", "strategy.n=2"], ["strategy.n=2", "inside"]),
        (["-m", "strategy=sample(4), beam", "strategy.n=2"], ["strategy.n=2", "inside"]),
        (["-m", "strategy=sample(4), baem"], ["strategy=baem", "'beam'"]),
        (["--jsno"], ["Unknown option '--jsno'", "'--json'"]),
        (["--cfg", "jbo"], ["job, hydra, all", "'job'"]),
        (["--cfg"], ["--cfg stands alone"]),
        (["--resolve"], ["--cfg job --resolve"]),
        (["--cfg", "job", "-m"], ["exclude each other"]),
        (["workspace=${now:%Y}"], ["'now'", "oc.env"]),
        (["model.name=${oc.env:MY_API_KEY}"], ["model.api_key_env=MY_API_KEY"]),
        (["workspace=${nope}"], ["workspace", "nope"]),
        (["model=openai"], ["model.name is missing: set model.name=…"]),
        (["--config-name", "nope"], ["'nope'"]),
        (["scorer.name=likelyhood", "task=jsonl", "task.path={q}"], ["'likelihood'"]),
        (["strategy=sampel(4)", "task=jsonl", "task.path={q}"], ["'sampel'", "'sample'"]),
        (["strategy=sample(m=4)", "task=jsonl", "task.path={q}"], ["no argument 'm'"]),
        (["budget.calls=-1"], ["budget.calls=-1"]),
        (["strategy=beam", "strategy.n=3", "task=jsonl", "task.path={q}"], ["Try n=4"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_errors_say_what_was_given_and_what_to_try(
    typed: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "one"}\n')
    given = [word.replace("{q}", str(tmp_path / "q.jsonl")) for word in typed]
    assert (
        main(
            ["run", f"workspace={tmp_path}/runs", *given] if "workspace" not in typed[0] else ["run", *given]
        )
        == 2
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    for word in words:
        assert word in err
    assert not (tmp_path / "runs").exists()


def test_the_composed_configuration_can_be_seen(tmp_path: Path) -> None:
    typed = ["strategy=sample(2) >> vote()", "seed=7"]
    shown = itc("run", "--cfg", "job", "--resolve", *typed, cwd=tmp_path)
    assert shown.code == 0
    assert "  text: sample(2) >> vote()\n" in shown.out
    assert "seed: 7\n" in shown.out
    assert itc("run", "--cfg", "job", "--json", *typed, cwd=tmp_path).json["seed"] == 7
    defaults = itc("run", "--info", "defaults", cwd=tmp_path)
    assert "strategy/self_consistency" in defaults.out
    assert list(tmp_path.iterdir()) == []


def complete(line: str) -> list[str]:
    told = subprocess.run(
        [Path(sys.executable).with_name("itc"), "-sc", "query=bash"],
        env={**environment(), "COMP_LINE": line, "COMP_POINT": str(len(line))},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.split()


def test_tab_completes_commands_keys_and_options(tmp_path: Path) -> None:
    assert set(complete("itc ")) == set(COMMANDS)
    assert complete("itc ru") == ["run"]
    assert {"strategy=beam", "strategy=best_of_n"} <= set(complete("itc run strategy=b"))
    assert complete("itc run -m --json task=gs") == ["task=gsm8k"]
    assert complete("itc plan strategy=beam strategy.rou") == ["strategy.rounds="]
    assert "complete" in itc("-sc", "install=bash", cwd=tmp_path).out


def test_configurations_are_found_inside_an_installed_package(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "itc", tmp_path / "itc", ignore=ignore)
    shutil.copytree(root / "configs", tmp_path / "itc" / "configs")
    code = "from itc.console.compose import config_folder; print(config_folder())"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str(tmp_path / "itc" / "configs")


def test_flags_may_stand_anywhere() -> None:
    given = read(["seed=1", "-m", "strategy.n=1,2", "--json", "-cd", "mine", "--cfg=job"][:6])
    assert given.overrides == ("seed=1", "strategy.n=1,2")
    assert (given.multirun, given.json, given.config_dir) == (True, True, "mine")
    assert given.for_hydra() == ["--multirun", "--config-dir=mine"]
    assert given.command("run") == "itc run seed=1 -m strategy.n=1,2 -cd mine"
    assert read(["strategy=sample(2) >> vote()"]).command("run") == "itc run 'strategy=sample(2) >> vote()'"
    assert read(["--info", "seed=1"]).flags == {"--info": "all"}
    with pytest.raises(ConfigError):
        read(["--config-dir"])
