"""Agreement with verdicts that others published."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from itc.answers import Answers, Grader, Options, Pool, Verdict
from tests.data_files import json_lines

pytestmark = pytest.mark.data


@pytest.mark.parametrize("strict", [False, True])
def test_every_verdict_of_openai_on_gsm8k(strict: bool) -> None:
    """OpenAI compares the number after the marker as text without commas; ours is that, read as numbers."""
    rows = json_lines("bench/gsm8k_example_model_solutions.jsonl")
    answers = Answers.named("gsm8k", strict=strict)

    async def disagreements() -> tuple[int, list[Any]]:
        seen, wrong = 0, []
        for row in rows:
            gold = answers.extract(row["ground_truth"])
            assert gold is not None
            for solution in (v for v in row.values() if isinstance(v, dict)):
                pred = answers.extract(solution["solution"])
                correct = pred is not None and await answers.equal(gold, pred) is Verdict.EQUAL
                seen += 1
                if correct != solution["is_correct"]:
                    wrong.append((gold, pred))
        return seen, wrong

    assert asyncio.run(disagreements()) == (5276, [])


def options_of(row: dict[str, Any]) -> Options:
    given = row["opts"]
    return Options(
        match=tuple(given.get("match_types", ("latex", "expr"))),
        precision=given.get("precision", 6),
        strict=given.get("strict", True),
        set_relations=given.get("allow_set_relation_comp", False),
        whole_text=row["suite"] == "math_verify",
        max_chars=20_000,
    )


def agreement(suite: str) -> tuple[int, list[int]]:
    """Rows of a suite, and the ids of those on which we disagree."""
    rows = [r for r in json_lines("grader/equivalence_triples.jsonl") if r["suite"] == suite]

    async def grade() -> list[int]:
        async with Pool() as pool:
            wrong = []
            for row in rows:
                grader = Grader("math", options=options_of(row), pool=pool)
                verdict = await grader.equal(row["gold"], row["pred"])
                if (verdict is Verdict.EQUAL) != row["expected"]:
                    wrong.append(row["id"])
            return wrong

    return len(rows), asyncio.run(grade())


def test_math_verifys_own_suite() -> None:
    rows, wrong = agreement("math_verify")
    assert rows == 268
    assert len(wrong) <= 2, wrong


def test_hendrycks_suite_differs_only_on_the_order_of_lists() -> None:
    """Hendrycks compares text, so ``4, 10`` is not ``10, 4``; here a bare list is a set."""
    assert agreement("hendrycks_math") == (16, [299, 306])


def test_every_gold_answer_of_math500_equals_itself_and_its_normal_form() -> None:
    golds = [row["answer"] for row in json_lines("bench/math500_test.jsonl")]

    async def grade() -> tuple[list[str], list[str]]:
        async with Grader("math") as grader:
            unequal = [g for g in golds if await grader.equal(g, g) is not Verdict.EQUAL]
            # Past the cheap layers: the grammar itself must find that the normal form keeps the meaning.
            changed = [
                g
                for g in golds
                if "\\$" not in g
                and await grader.pool.ask((g, grader.canonical(g)), Options()) is not Verdict.EQUAL
            ]
            return unequal, changed

    assert asyncio.run(grade()) == ([], [])


def test_the_box_of_every_math500_solution_holds_its_answer() -> None:
    answers = Answers.named("math", strict=True)
    for row in json_lines("bench/math500_test.jsonl"):
        found = answers.extract(row["solution"])
        assert found is not None
        assert answers.canonical(found) == answers.canonical(row["answer"])


def test_every_gold_number_of_gsm8k_is_found() -> None:
    answers = Answers.named("gsm8k", strict=True)
    rows = json_lines("bench/gsm8k_test.jsonl")
    assert len(rows) == 1319
    for row in rows:
        found = answers.extract(row["answer"])
        assert found is not None
        assert answers.canonical(found) == row["answer"].rsplit("#### ")[-1].replace(",", "")
