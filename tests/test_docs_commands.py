"""Every ``itc`` command of the README and of docs/ is one that composes, and runs where nothing is lacking.

A command stands after ``$`` in a console block, or alone on an indented line. The commands of a page are run
in their order, in a folder of their own, as they stand but for the number of problems, which is held to few.
Not run are those with something to fill in (``…``, ``NAME``), and those that need a server, the hub, weights
or a browser: of these the overrides must compose into a configuration.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from unittest.mock import patch

import pytest

from itc.cli import COMMANDS
from itc.config import Settings, scorers_of, strategy_of
from itc.console.arguments import read
from itc.console.compose import compose
from tests.console.served import inside

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^(?:\$ | {4})((?:[A-Z_]+=\S+ )*itc [a-z].*)$", re.MULTILINE)
FILL_IN = re.compile(r"…|(?<![\w/.-])(?!OPENAI|HF|VLLM)[A-Z]{3,}\b|my_\w+|mine\.json|/[0-9a-f]{8}\b")
ELSEWHERE = re.compile(
    r"https?://|model=(?:local|openai|vllm|smollm2)|smollm2|first_contact|itc (?:view|demo)\b|math500"
    r"|task=gsm8k|task=processbench|scorer=(?:qwen|grade)|hardware\.name=mine|runs/gsm8k|compute_optimal"
)
FEW = 2
"""Problems."""
COMPOSED = tuple(name for name, command in COMMANDS.items() if "OVERRIDE" in command.usage)
FILLED = {"price": "1", "flops": "1e12", "bandwidth": "1e11", "memory": "1e10"}
"""What stands for a value that is to be filled in, by a part of its key; otherwise a word."""


def commands(page: Path) -> list[str]:
    text = page.read_text().replace("\\\n", " ")
    return [match[1].strip() for match in COMMAND.finditer(text)]


def stands(command: str) -> bool:
    """Whether it can be run as it stands, here."""
    line = " ".join(shlex.split(command, comments=True))
    return not FILL_IN.search(line) and not ELSEWHERE.search(line)


def environment(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables that a command begins with, and the rest."""
    given = {}
    while re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        given[name] = value
    return given, words


def inputs(folder: Path) -> None:
    """The files that commands name."""
    rows = [{"id": f"q{i}", "question": f"How much is {i} + 1?", "answer": str(i + 1)} for i in range(FEW)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = [{"text": f"It is {i % 3}.", "answer": str(i % 3), "score": 0.5} for i in range(40)]
    record = {"id": "p1", "question": "What is 1+1?", "gold": "2", "samples": samples}
    (folder / "samples.jsonl").write_text(json.dumps(record) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(map(stands, commands(p)))], ids=lambda p: p.stem)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    inputs(tmp_path)
    for command in filter(stands, commands(page)):
        given, words = environment(shlex.split(command, comments=True))
        if words[1] in COMPOSED:
            words = [w for w in words if not w.startswith("problems=")] + [f"problems={FEW}"]
        with patch.dict(os.environ, given):
            ended = inside(*words[1:], cwd=tmp_path)
        # Where an extra is not installed, a command need only say which.
        told = ended.code == 2 and "pip install 'itc[" in ended.err
        assert told or ended.code == 0, f"{command}\n{ended.out}{ended.err}"


def filled(word: str) -> str:
    """An override with something in the place of what is left open; '' where that is an option's name."""
    name, _, value = word.partition("=")
    if value.strip("…"):
        return word.replace("…", "some")
    if "." not in name:
        return ""
    return f"{name}={next((v for part, v in FILLED.items() if part in name), 'some')}"


OPEN = [(page, command) for page in PAGES for command in commands(page) if not stands(command)]


@pytest.mark.parametrize(("page", "command"), OPEN, ids=[f"{p.stem}:{c[:60]}" for p, c in OPEN])
def test_what_cannot_run_here_composes(page: Path, command: str) -> None:
    _, (_, name, *words) = environment(shlex.split(command, comments=True))
    assert name in COMMANDS, command
    if name not in COMPOSED:
        return
    flags = [w for w in words if w.startswith("-")]
    overrides = [f for w in words if not w.startswith("-") and (f := filled(w))]
    jobs = compose(read([*flags, *overrides]))
    for job in jobs:
        known = str(job.error or "").split(" is missing")[0]
        if re.fullmatch(r"[\w.]+\.(?:name|path|prompt|completion)", known):
            continue  # what the page says nothing of, and a … stands for
        assert job.error is None, f"{command}: {job.error}"
        settings = Settings.read(job.config)
        if "…" not in command:
            assert strategy_of(settings.strategy)
            assert scorers_of(settings.scorer)


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "concepts"], ids=lambda p: p.stem)
def test_pages_of_concepts_show_what_they_say(page: Path) -> None:
    """Each is short, and has an example or a command that runs."""
    text = page.read_text()
    assert len(text.splitlines()) <= 80
    assert "```python" in text or any(map(stands, commands(page)))
    assert f"concepts/{page.name}" in (ROOT / "docs" / "README.md").read_text()


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page
