"""Loaders, prompts and the registry, on files made here."""

from __future__ import annotations

import gzip
import json
import typing
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.answers import rule
from itc.errors import ConfigError, TaskError
from itc.tasks import content_sha256, gsm8k, jsonl, load, loader, math500, register_task, svamp, task_names
from itc.tasks.prompts import few_shot
from itc.tasks.shots import GSM8K_SHOTS, MATH_SHOTS, SVAMP_SHOTS

ROWS = [
    {"question": "How many is 2 + 2?", "answer": "Two and two.\n#### 4"},
    {"question": "How many is 3,000 - 1?", "answer": "One less.\n#### 2,999"},
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write text, bytes or rows to a file of this name; returns its path."""

    def to(name: str, content: Any) -> str:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif name.endswith(".json"):
            path.write_text(json.dumps(content), encoding="utf-8")
        elif name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(content), path)
        else:
            data = "".join(json.dumps(row) + "\n" for row in content).encode()
            path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return to


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.json", "t.parquet"])
def test_every_format_gives_the_same_task(write: Callable[..., str], name: str) -> None:
    task = gsm8k(path=write(name, ROWS))
    assert [e.gold for e in task] == ["4", "2999"]
    assert task.sha256 == content_sha256((r["question"], r["answer"]) for r in ROWS)
    assert not task.official
    assert task.source.endswith(name)
    assert (task.name, task.rule, task.licence, len(task)) == ("gsm8k", "gsm8k", "MIT", 2)


def test_gold_is_nowhere_in_the_problem(write: Callable[..., str]) -> None:
    row = {"question": "What?", "answer": "Because.\n#### 987654"}
    for style in ("chat", "completion"):
        (example,) = gsm8k(path=write("t.jsonl", [row]), style=style)
        assert "987654" not in repr(example.problem)
        assert example.gold == "987654"


def test_gsm8k_ids_depend_on_place_split_and_content(write: Callable[..., str]) -> None:
    path = write("t.jsonl", ROWS)
    first, second = (e.problem.id for e in gsm8k(path=path))
    assert first.startswith("gsm8k/test/0000-")
    assert second.startswith("gsm8k/test/0001-")
    assert first[-6:] != second[-6:]
    assert gsm8k(path=path, split="train").examples[0].problem.id == first.replace("test", "train")
    assert gsm8k(path=path, style="chat").examples[0].problem.id == first


def test_completion_prompts_end_where_the_answer_begins(write: Callable[..., str]) -> None:
    task = gsm8k(path=write("t.jsonl", ROWS), shots=2)
    prompt = task.problems[0].prompt
    assert prompt.count("Question:") == 3
    assert prompt.endswith("Question: How many is 2 + 2?\nAnswer:")
    assert task.stop == ("\nQuestion:",)
    assert task.step_delimiter == "\n"
    assert task.problems[0].system == ""
    assert gsm8k(path=write("t.jsonl", ROWS), shots=0).problems[0].prompt.count("Question:") == 1


def test_chat_prompts_ask_for_the_form_that_the_rule_finds(write: Callable[..., str]) -> None:
    task = gsm8k(path=write("t.jsonl", ROWS), style="chat")
    assert "####" in task.problems[0].prompt
    assert task.problems[0].system
    assert task.stop == ()
    rows = [
        {
            "problem": "What is $x$?",
            "answer": "\\frac12",
            "level": 3,
            "subject": "Algebra",
            "unique_id": "a/1.json",
        }
    ]
    task = math500(path=write("m.jsonl", rows))
    (example,) = task
    assert "\\boxed{}" in example.problem.prompt
    assert (example.gold, example.level, example.subject) == ("\\frac12", 3, "Algebra")
    assert example.problem.id.startswith("math500/a/1-")
    assert task.step_delimiter == "\n\n"
    assert math500(path=write("m.jsonl", rows), style="completion").stop == ("\nProblem:",)


def test_svamp_asks_body_and_question_in_one(write: Callable[..., str]) -> None:
    row = {"Body": "Two bags hold 6 pears each", "Question": "How many pears?", "Answer": 12.0, "Type": "Sum"}
    rows = [row, {**row, "Body": "Is it so?", "Answer": "7"}]
    task = svamp(path=write("s.jsonl", rows), shots=0)
    assert [e.problem.question for e in task] == [
        "Two bags hold 6 pears each. How many pears?",
        "Is it so? How many pears?",
    ]
    assert [(e.gold, e.subject) for e in task] == [("12", "Sum"), ("7", "Sum")]
    for answer in ("many", None, True, [1]):
        with pytest.raises(TaskError, match=r"line 1: field .Answer. is .* expected a number"):
            svamp(path=write("s.jsonl", [{**row, "Answer": answer}]))


@pytest.mark.parametrize(
    ("shots", "name", "answers"),
    [
        (GSM8K_SHOTS, "gsm8k", ["330", "132", "36", "53"]),
        (SVAMP_SHOTS, "gsm8k", ["37", "32", "8", "43"]),
        (MATH_SHOTS, "math", ["9", "\\frac{1}{4}", "2\\sqrt{5}", "(-2, 5)"]),
    ],
)
def test_the_strict_rule_finds_the_answer_of_every_shot(shots: str, name: str, answers: list[str]) -> None:
    blocks = shots.strip().split("\n\n")
    assert [rule(name, strict=True).extract(block) for block in blocks] == answers


@given(st.text())
def test_a_question_may_hold_anything(question: str) -> None:
    prompt = few_shot(MATH_SHOTS, 1)
    assert prompt.problem("id", question).prompt.endswith(f"Problem: {question}\nSolution:")


def test_a_user_may_replace_every_part(write: Callable[..., str]) -> None:
    task = gsm8k(
        path=write("t.jsonl", ROWS),
        template="Q {question} {x} A",
        system="Be brief.",
        stop=["\n\n"],
        step_delimiter=". ",
    )
    assert task.problems[0].prompt == "Q How many is 2 + 2? {x} A"
    assert task.problems[0].system == "Be brief."
    assert task.stop == ("\n\n",)
    assert task.step_delimiter == ". "


def test_head_keeps_the_identity_of_the_whole(write: Callable[..., str]) -> None:
    task = gsm8k(path=write("t.jsonl", ROWS))
    assert len(task.head(1)) == 1
    assert task.head(1).sha256 == task.sha256
    assert task.head(1).examples == task.examples[:1]


def test_jsonl_takes_the_usual_names(write: Callable[..., str]) -> None:
    rows = [
        {"problem": "a", "target": 7},
        {"prompt": "b"},
        {"input": "c", "gold": "x", "id": 12},
        {"question": "d", "answer": None},
    ]
    task = jsonl(path=write("t.jsonl", rows))
    assert [e.gold for e in task] == ["7", None, "x", None]
    assert task.examples[2].problem.id == "12"
    assert task.problems[0].prompt == "a"
    assert task.rule == "math"
    named = jsonl(path=write("u.jsonl", [{"q": "a", "a": "1"}]), field="q", answer_field="a", rule="gsm8k")
    assert (named.problems[0].question, named.examples[0].gold) == ("a", "1")


def test_ids_come_from_the_content_and_repetitions_are_numbered(write: Callable[..., str]) -> None:
    rows = [{"question": q} for q in ("a", "b", "a", "a")]
    ids = [p.id for p in jsonl(path=write("t.jsonl", rows)).problems]
    assert ids[2:] == [f"{ids[0]}#2", f"{ids[0]}#3"]
    assert len(set(ids)) == 4
    shuffled = [p.id for p in jsonl(path=write("u.jsonl", [rows[1], rows[0]])).problems]
    assert shuffled == [ids[1], ids[0]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", "", "has no rows"),
        ("t.json", "", "has no rows"),
        ("t.json", "[]", "has no rows"),
        ("t.json", '{"question": "a"}', "expected a list"),
        ("t.jsonl", '{"question": "a"}\n{"question": \n', "line 2: malformed JSON"),
        ("t.jsonl", '{"question": "a"}\n\n[1]\n', "line 3: list given"),
        ("t.jsonl", '{"queston": "a"}\n', "line 1: no field .*has queston.*Did you mean 'queston'"),
        ("t.jsonl", '{"question": 3}\n', "line 1: field 'question' is int 3; expected text"),
        ("t.jsonl", '{"question": " "}\n', "an empty string"),
        ("t.jsonl", '{"question": "a", "answer": [1]}\n', "'answer' is list; expected text or a number"),
        (
            "t.jsonl",
            '{"question": "a", "id": 1}\n{"question": "b"}\n{"question": "c", "id": "1"}\n',
            "id '1' is given to line 1 and line 3",
        ),
        ("t.jsonl", '{"question": "a", "id": 1.5}\n', "'id' is 1.5"),
        ("t.jsonl", b"\xff\xfe{", "not UTF-8"),
        ("t.jsonl.gz", b"not gzip", "cannot be read"),
        ("t.jsonl.gz", gzip.compress(b'{"question": "a"}' * 99, mtime=0)[:-20], "cannot be read"),
        ("t.parquet", b"PAR0", "not a Parquet file"),
        ("t.csv", "question\n", "cannot tell the format"),
        ("t.jsonl", '{"question": ' + "[" * 100_000, "malformed JSON"),
    ],
)
def test_bad_files_say_what_is_wrong(
    write: Callable[..., str], name: str, content: Any, message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        jsonl(path=write(name, content))


def test_other_mistakes_are_named(write: Callable[..., str], tmp_path: Path) -> None:
    path = write("t.jsonl", ROWS)
    with pytest.raises(TaskError, match="no such file"):
        jsonl(path=str(tmp_path / "absent.jsonl"))
    (tmp_path / "dir.jsonl").mkdir()
    with pytest.raises(TaskError, match="cannot be read"):
        jsonl(path=str(tmp_path / "dir.jsonl"))
    with pytest.raises(TaskError, match=r"has no \{question\}"):
        gsm8k(path=path, template="no slot")
    with pytest.raises(TaskError, match="shots=9: expected 0 to 4"):
        gsm8k(path=path, shots=9)
    with pytest.raises(TaskError, match="Did you mean 'chat'"):
        load("gsm8k", path=path, style="chatt")
    with pytest.raises(TaskError, match="Did you mean 'train'"):
        load("gsm8k", path=path, split="trian")
    with pytest.raises(TaskError, match="expected '#### n'"):
        gsm8k(path=write("u.jsonl", [{"question": "a", "answer": "4"}]))
    with pytest.raises(ConfigError, match="Did you mean 'math'"):
        jsonl(path=path, rule="maths")
    with pytest.raises(TaskError, match="no field 'gould'"):
        jsonl(path=path, answer_field="gould")


def test_the_registry_suggests(write: Callable[..., str]) -> None:
    assert task_names()[:3] == ("gsm8k", "jsonl", "math500")
    with pytest.raises(TaskError, match="Did you mean 'gsm8k'"):
        load("gsm8")
    with pytest.raises(TaskError, match="no option 'shot'; Did you mean 'shots'"):
        load("gsm8k", shot=3)
    with pytest.raises(TaskError, match="needs 'path'"):
        load("jsonl")
    with pytest.raises(ConfigError, match="already registered"):
        register_task("gsm8k", gsm8k)
    assert load("gsm8k", path=write("t.jsonl", ROWS)) == gsm8k(path=write("t.jsonl", ROWS))


@pytest.mark.parametrize("name", ["gsm8k", "math500", "jsonl"])
def test_options_can_be_read_off_the_signature(name: str) -> None:
    parameters = signature(loader(name)).parameters
    types = typing.get_type_hints(loader(name))
    assert all(p in types for p in parameters)
    assert all(p.default is not p.empty for p in parameters.values() if p.name != "path" or name != "jsonl")


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out like the hub's gsm8k repository."""
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "repo"
    (folder / "main").mkdir(parents=True)
    return folder


def fill_hub(folder: Path, rows: list[dict[str, Any]]) -> None:
    for split in ("test", "train"):
        pq.write_table(pa.Table.from_pylist(rows), folder / "main" / f"{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train-*\n"
        "  - split: test\n    path: main/test-*\n---\n",
        encoding="utf-8",
    )


def test_the_hub_path_reads_what_it_pins(hub_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_hub(hub_folder, ROWS)
    sha256 = content_sha256((r["question"], r["answer"]) for r in ROWS)
    monkeypatch.setitem(import_module("itc.tasks.gsm8k")._SHA256, "test", sha256)
    task = gsm8k(repo=str(hub_folder))
    assert task.official
    assert [e.gold for e in task] == ["4", "2999"]
    assert task.source == f"{hub_folder}@cc7b047b6e5bb11b4f1af84efc572db110a51b3c"


def test_other_content_from_the_hub_is_refused(hub_folder: Path) -> None:
    fill_hub(hub_folder, ROWS)
    with pytest.raises(TaskError, match="the data set was changed"):
        gsm8k(repo=str(hub_folder))


def test_an_unusable_hub_repository_is_a_task_error(hub_folder: Path) -> None:
    with pytest.raises(TaskError, match="cannot be loaded"):
        gsm8k(repo=str(hub_folder))


def test_math500_from_the_hub_keeps_level_and_subject(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"problem": "p", "answer": "1", "level": 2, "subject": "Algebra", "unique_id": "test/a/1.json"}]
    (hub_folder / "test.jsonl").write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    (hub_folder / "main").rmdir()
    module = import_module("itc.tasks.math500")
    pinned = replace(module._PINNED, sha256=content_sha256([("p", "1")]))
    monkeypatch.setattr(module, "_PINNED", pinned)
    (example,) = math500(repo=str(hub_folder))
    assert (example.level, example.subject, example.gold) == (2, "Algebra", "1")
