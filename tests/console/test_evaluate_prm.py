"""`itc evaluate-prm` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from itc.tasks.chain_check import label_steps
from tests.console.served import Done, inside
from tests.data_files import data_file


def itc(folder: Path, *words: str) -> Done:
    folder.mkdir(exist_ok=True)
    return inside("evaluate-prm", *words, cwd=folder)


def told(folder: Path, *words: str) -> dict[str, Any]:
    ended = itc(folder, "--json", *words)
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.json
    return found


def rows(folder: Path, summary: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / summary["run"] / "rows.jsonl").read_text().splitlines()]


CHAIN = ("scorer=embedded", "task=chain", "task.levels=1-2", "problems=12")


def test_drawn_solutions_are_labelled_rated_and_paid_once(tmp_path: Path) -> None:
    first = told(tmp_path, *CHAIN)
    part = first["subsets"]["chain"]
    assert part["rated"] == part["solutions"] == 48
    assert 0 < part["with_error"] < 48
    assert part["f1"]["low"] <= part["f1"]["mean"] <= part["f1"]["high"]
    assert part["step_auc"] > 0.5
    again = told(tmp_path, *CHAIN)
    assert again["billed"]["calls"] == 0
    assert again == {**first, "billed": again["billed"]}
    stricter = told(tmp_path, *CHAIN, "threshold=0.9")
    assert stricter["run"] == first["run"]
    assert stricter["billed"]["calls"] == 0
    assert stricter["subsets"]["chain"]["correct"]["mean"] <= part["correct"]["mean"]
    for row in rows(tmp_path, first):
        assert len(row["scores"]) == len(row["steps"])
        assert -1 <= row["first_error"] < len(row["steps"])
    fewer = told(tmp_path / "apart", *CHAIN[:-1], "problems=6")
    more = told(tmp_path / "apart", *CHAIN)
    assert more["billed"]["calls"] == more["cost"]["calls"] - fewer["cost"]["calls"] > 0
    assert more["subsets"] == first["subsets"]


def test_the_table_says_what_was_measured(tmp_path: Path) -> None:
    ended = itc(tmp_path, *CHAIN, "strategy=sample(1)")
    assert ended.code == 0, ended.err
    assert "F1 (95 %)" in ended.out
    assert "held out" in ended.out
    assert "billed" in ended.out


PROBLEM = "Ann has 5 pens. Ann gets 3 more. How many pens does Ann have?"


def processbench(folder: Path, *solutions: tuple[list[str], int]) -> str:
    made = [
        {"id": f"mine-{i}", "problem": PROBLEM, "steps": steps, "label": label}
        for i, (steps, label) in enumerate(solutions)
    ]
    (folder / "mine.json").write_text(json.dumps(made))
    return f"task.path={folder / 'mine.json'}"


def test_given_solutions_are_rated_and_those_too_long_counted_apart(tmp_path: Path) -> None:
    path = processbench(
        tmp_path,
        (["Ann has 5 + 3 = 8 pens.", "#### 8"], -1),
        (["Ann has 5 + 3 = 9 pens.", "#### 9"], 0),
        (["Ann has 17 odd pens. " * 200, "#### 8"], -1),
        (["Ann has 5 + 3 = 8 pens.", "#### 8"], -1),
    )
    found = told(tmp_path, "scorer=embedded", "task=processbench", path)
    part = found["subsets"]["mine"]
    assert (part["solutions"], part["rated"], part["too_long"], part["with_error"]) == (4, 3, 1, 1)
    assert found["cost"]["calls"] == 2  # the same text is rated once, the long one is refused by the engine
    assert [row["lacks"] for row in rows(tmp_path, found)] == ["", "", "too long", ""]
    shown = itc(tmp_path, "scorer=embedded", "task=processbench", path).out
    assert "1 of 4 solutions are too long" in shown


@pytest.mark.data
def test_the_published_files_run(tmp_path: Path) -> None:
    files = ",".join(str(data_file(f"prm/processbench_{name}.json")) for name in ("gsm8k", "math"))
    found = told(tmp_path, "scorer=embedded", "task=processbench", f"task.path=[{files}]", "problems=40")
    assert found["subsets"]["gsm8k"]["solutions"] == 40


def test_chain_labels_are_those_of_the_tasks_checker(tmp_path: Path) -> None:
    from itc.tasks import chain

    summary = told(tmp_path, *CHAIN)
    problems = {p.id: p for p in chain(levels="1-2").problems}
    import pyarrow.parquet as pq

    (run,) = (tmp_path / "runs" / "chain").rglob("candidates.parquet")
    for row, c in zip(rows(tmp_path, summary), pq.read_table(run).to_pylist(), strict=True):
        labels = label_steps(problems[c["problem"]], c["text"])
        assert row["id"] == f"{c['problem']}#{c['index']}"
        assert [line.strip() for line in row["steps"]] == [
            x.strip() for x in c["text"].split("\n") if x.strip()
        ]
        assert row["first_error"] == next((i for i, label in enumerate(labels) if label != "right"), -1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task=gsm8k", "scorer=embedded"], "nothing says which step"),
        (["scorer=none"], "no reward model that rates steps"),
        (["scorer=step_likelihood"], "no reward model that rates steps"),
        (["scorer=embedded", "threshold=2"], "expected a number in"),
        (["scorer=embedded", "threshold=x"], "expected a number in"),
        (["scorer=embedded", "-m", "seed=1,2"], "leave -m out"),
        (["scorer=qwen2.5-math-prm"], "model.tokenizer"),
        (["scorer=math-shepherd", "scorer.name=math-sheperd"], "Did you mean 'math-shepherd'"),
        (["scorer=none", "scorer.name=orm"], "scorer.model is missing"),
        (["scorer=math-shepherd", "scorer.name=likelihood"], "scorer.model goes with a reward model"),
        (["scorer=math-shepherd", "model@scorer.model=embedded", "scorer.model.name=prm"], "cannot rate"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_anything_is_spent(
    tmp_path: Path, words: list[str], message: str
) -> None:
    ended = itc(tmp_path, "task.problems=4", *words) if "task=gsm8k" not in words else itc(tmp_path, *words)
    assert ended.code == 2, ended.err
    assert message in ended.err
    assert not (tmp_path / "runs" / "evaluate-prm").exists()
