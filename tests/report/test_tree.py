"""A tree holds all that was drawn, parents first, and says where each candidate ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from itc.answers import Answers
from itc.report import tree as trees
from itc.report.tree import shortened, tree
from itc.runs.result import Result
from tests.report.made import result
from tests.report.runs import real

EXTRACT = Answers.named("gsm8k").extract


@pytest.mark.parametrize(
    "strategy", ["particle_filter(4)", "beam(4, 2)", "best_of_n(4)", "sample(3) >> vote()"]
)
def test_trees_of_real_runs(strategy: str, tmp_path: Path) -> None:
    found = real(strategy, tmp_path)
    for row in found.rows:
        drawn = tree(found, row, EXTRACT, 4_000)
        nodes, finals = drawn["nodes"], drawn["finals"]
        assert len(nodes) == len(found.nodes_of(row.problem)) > 0
        assert all(-1 <= n["parent"] < i for i, n in enumerate(nodes))
        texts: list[str] = []
        for n in nodes:
            texts.append((texts[n["parent"]] if n["parent"] >= 0 else "") + n["text"])
        # Every candidate is a path of its tree, copies that were resampled included.
        for c, final in zip(found.candidates_of(row.problem), finals, strict=True):
            assert texts[final["node"]] == c.text
        chosen = finals[drawn["chosen"]]
        assert chosen["answer"] == row.answer
        assert nodes[chosen["node"]]["answer"] == row.answer
        for n in nodes:
            if n["answer"] is not None and n["answer"] == row.answer:
                assert n["correct"] == row.correct
        spent = sum(
            orjson.loads(row.by_stage)[stage]["completion_tokens"] for stage in orjson.loads(row.by_stage)
        )
        assert sum(n["tokens"] for n in nodes) == spent
        assert drawn["moments"][-1]["answer"] == row.answer


def test_long_texts_are_cut_and_say_so() -> None:
    text = "a" * 3_000 + "b" * 3_000
    cut = shortened(text, 1_000)
    assert cut.startswith("a" * 500)
    assert cut.endswith("b" * 500)
    assert "5,000 characters left out" in cut
    assert shortened("a" * 1_000, 1_000) == "a" * 1_000


def test_of_too_many_draws_those_on_the_way_to_the_end_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MOST_NODES", 10)
    found = result(problems=1, draws=20, steps=3)
    last = found.candidates[0]
    # The candidate that was returned is the last path.
    found = replace(found, candidates=[replace(last, key=found.nodes[-1].key)])
    drawn = tree(found, found.rows[0], EXTRACT, 100)
    assert len(drawn["nodes"]) == 10
    assert drawn["finals"][0]["node"] == 9
    assert any("50 draws are not shown" in note for note in drawn["notes"])


def test_a_candidate_that_is_no_path_brings_its_text() -> None:
    found = result(problems=1)
    found = replace(found, candidates=[replace(found.candidates[0], key="f" * 32, text="rewritten")])
    drawn = tree(found, found.rows[0], EXTRACT, 100)
    assert drawn["finals"][0]["node"] == -1
    assert drawn["finals"][0]["text"] == "rewritten"


def test_a_resampled_copy_ends_where_its_original_does() -> None:
    found = result(problems=1)
    copy = replace(found.candidates[0], key="f" * 32, index=1)
    drawn = tree(replace(found, candidates=[*found.candidates, copy]), found.rows[0], EXTRACT, 100)
    assert [final["node"] for final in drawn["finals"]] == [1, 1]
    assert drawn["finals"][1]["text"] == ""


def test_a_problem_without_draws() -> None:
    found = result(problems=1)
    empty = Result(found.rows, [], [], found.manifest)
    drawn = tree(empty, found.rows[0], EXTRACT, 100)
    assert drawn["nodes"] == drawn["finals"] == []
    assert drawn["chosen"] == -1
