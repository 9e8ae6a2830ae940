"""``itc check``: promises kept and broken, of this package's own and of another's."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random

import pytest

from itc.cli import main
from itc.testing.promise import Promise, Verdict, examine, require

ROOT = Path(__file__).resolve().parents[2]

THIRD_PARTY = """
    from itc.algebra.registry import strategy
    from itc.backends.base import Completion, Usage
    from itc.backends.function import FunctionBackend
    from itc.scorers.base import scorer
    from itc.stages.draws.extend import sample
    from itc.stages.draws.splitters import splitter

    @strategy
    def twice():
        return sample(2)

    @scorer()
    def loud(c):
        return float(c.text.count("!"))

    @scorer()
    def brief(c):
        return 1 / (1 + len(c.text))

    @splitter()
    def restless(text, logprobs):
        return len(text) // 2 or None

    def parrot():
        return FunctionBackend(lambda r: Completion("so it is", "eos", Usage(5, 0, 3)), name="parrot")
"""
OFFERED = ("twice", "loud", "brief", "restless", "parrot")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another package's module and its entry points, as an installer leaves them."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "theirs.py").write_text(textwrap.dedent(THIRD_PARTY))
    info = folder / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[itc]\n" + "".join(f"{n} = theirs:{n}\n" for n in OFFERED))
    return folder


def itc(folder: Path, *words: str) -> tuple[int, str, str]:
    env = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "itc.cli", *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=env,
    )
    return done.returncode, done.stdout, done.stderr


BREAKS = {
    "twice": {"one candidate comes out", "no cap is exceeded, and at any budget a candidate comes out"},
    "loud": {"scores are numbers in [0,1], one for each candidate or step"},
    "brief": set[str](),
    "restless": {"more text moves no end"},
    "parrot": {
        "a draw is a function of the request",
        "it costs no more than was set aside",
        "every token has a log-probability where asked",
        "a prefix is continued and not repeated",
        "every step has a score in [0,1], whatever else is rated",
    },
}
KINDS = {"twice": "strategy", "restless": "splitter", "parrot": "backend"}


@pytest.mark.parametrize("name", OFFERED)
def test_another_packages_are_found_by_their_entry_points(name: str, elsewhere: Path) -> None:
    code, out, err = itc(elsewhere, "check", name, "--json", "--cases", "40" if name == "loud" else "6")
    told = json.loads(out)
    assert told["kind"] == KINDS.get(name, "scorer"), err
    broken = {p["says"] for p in told["promises"] if not p["kept"]}
    assert broken == BREAKS[name]
    assert (code, told["kept"]) == ((1, False) if broken else (0, True))
    assert all(p["example"] for p in told["promises"] if not p["kept"])


def test_what_another_package_registers_can_be_named_in_a_run(elsewhere: Path) -> None:
    code, out, _ = itc(elsewhere, "plan", "strategy=twice() >> score(brief) >> top(1, brief)", "problems=1")
    assert code == 0
    assert "twice" in out or "sample(2)" in out


def test_an_entry_point_that_does_not_load_is_named(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[itc]\nhalf = no_such_module:f\n")
    code, _, err = itc(tmp_path, "check", "beam")
    assert code == 2
    assert "'half' of broken does not load" in err


def test_a_table_of_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "likelihood", "--cases", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("scorer likelihood")
    assert out.count("kept ") == 5
    assert main(["check", "puct(prior=likelihood)", "--cases=2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["kept"]) == ("frontier", True)
    assert main(["check", "surprise(least=1)", "--cases", "5"]) == 0


def test_a_model_is_checked_by_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "scorer=embedded", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "backend"
    assert [p["kept"] for p in told["promises"]] == [True, True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected one name"),
        (["beam", "dvts"], "expected one name"),
        (["baem"], "Did you mean"),
        (["beam", "--case", "3"], "no option '--case'"),
        (["beam", "--cases", "many"], "expected an integer"),
        (["beam("], "not an expression"),
        (["model=embeded"], "embedded"),
    ],
)
def test_what_cannot_be_checked_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_first_case_that_fails_is_the_example() -> None:
    seen = []

    async def odd(subject: int, rng: Random) -> None:
        seen.append(rng.random())
        require(len(seen) < 3, f"the third of {subject}")

    async def raising(subject: int, rng: Random) -> None:
        raise KeyError("missing")

    found = asyncio.run(examine(7, (Promise("three", odd), Promise("none", raising)), seed=5))
    assert found == [
        Verdict("three", False, 3, "case 2 of seed 5: the third of 7"),
        Verdict("none", False, 1, "case 0 of seed 5: KeyError: 'missing'"),
    ]
