"""The pinned content is what the published files hold."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from itc.tasks import gsm8k, math500, svamp
from tests.data_files import data_file, json_lines

pytestmark = pytest.mark.data


def test_published_files_are_official() -> None:
    test = gsm8k(path=str(data_file("bench/gsm8k_test.jsonl")))
    train = gsm8k(path=str(data_file("bench/gsm8k_train.jsonl")), split="train")
    math = math500(path=str(data_file("bench/math500_test.jsonl")))
    assert [len(t) for t in (test, train, math)] == [1319, 7473, 500]
    assert all(t.official for t in (test, train, math))
    for task in (test, train, math):
        assert len({p.id for p in task.problems}) == len(task)
        assert all(e.gold for e in task)
    assert {e.level for e in math} == {1, 2, 3, 4, 5}
    assert len({e.subject for e in math}) == 7


def test_svamp_is_read_whole() -> None:
    task = svamp(path=str(data_file("bench/svamp.jsonl")))
    assert len(task) == 1000
    assert len({p.id for p in task.problems}) == 1000
    first = task.examples[0]
    assert first.problem.question.endswith("into 93 groups. How big is each group of bananas?")
    assert first.gold == "145"


def test_the_hub_path_accepts_the_published_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    rows = json_lines("bench/gsm8k_test.jsonl")
    folder = tmp_path / "repo"
    (folder / "main").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "main" / "test-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: test\n    path: main/test-*\n---\n"
    )
    task = gsm8k(repo=str(folder))
    assert task.official
    assert len(task) == 1319


def test_no_shot_is_taken_from_the_benchmarks() -> None:
    from itc.tasks.shots import GSM8K_SHOTS, MATH_SHOTS, SVAMP_SHOTS

    known = {r["question"].strip() for r in json_lines("bench/gsm8k_train.jsonl")}
    known |= {r["question"].strip() for r in json_lines("bench/gsm8k_test.jsonl")}
    known |= {r["problem"].strip() for r in json_lines("bench/math500_test.jsonl")}
    known |= {e.problem.question for e in svamp(path=str(data_file("bench/svamp.jsonl")))}
    for block in f"{GSM8K_SHOTS}\n{SVAMP_SHOTS}\n{MATH_SHOTS}".strip().split("\n\n"):
        assert block.strip().split("\n")[0].split(": ", 1)[1] not in known
