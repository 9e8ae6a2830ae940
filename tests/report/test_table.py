"""The table of problems: pages, order, and CSV that no spreadsheet computes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.report.contents import Report
from itc.report.table import FILTERS, ProblemTable, Query
from itc.runs.result import Result
from tests.report.hostile import CORPUS
from tests.report.made import result

TABLE = Report.of([result(130, seed=1), result(120, name="best_of_n", seed=2)]).table


@given(
    st.sampled_from([*FILTERS, "unknown"]),
    st.sampled_from(["order", "right", "level", "question", "cost0", "cost1", "cost9", "x"]),
    st.booleans(),
    st.integers(1, 60),
)
def test_pages_are_the_whole_in_parts(chosen: str, sort: str, descending: bool, size: int) -> None:
    query = Query(chosen, "", sort, descending, 0, size)
    whole = [x["index"] for x in TABLE.found(query)]
    assert len(set(whole)) == len(whole) <= 130
    pages = [TABLE.page(replace(query, page=i)) for i in range(-(-130 // size) + 1)]
    assert [row["index"] for page in pages for row in page["rows"]] == whole
    assert {page["total"] for page in pages} == {len(whole)}


def test_filters() -> None:
    one = Report.of([result(40, seed=3)]).table
    right = {x["index"] for x in one.found(Query("right"))}
    wrong = {x["index"] for x in one.found(Query("wrong"))}
    assert right | wrong == set(range(40))
    assert not right & wrong
    assert {x["index"] for x in one.found(Query("missed"))} <= wrong
    assert not one.found(Query("disagree"))
    assert len(one.found(Query(search="what 12 PLUS"))) == 1


def test_a_problem_that_a_run_lacks_has_an_empty_cell() -> None:
    assert len(TABLE.rows) == 130
    assert TABLE.lines[125]["runs"][1]["answer"] is None
    assert TABLE.lines[125]["runs"][1]["cost"] is None


def test_numbers_sort_by_value() -> None:
    rows = [replace(r, level=level) for r, level in zip(result(3).rows, ("10", "9", "Level 2"), strict=True)]
    table = Report.of([Result(rows, [], [], {})]).table
    assert [x["level"] for x in table.found(Query(sort="level"))] == ["9", "10", "Level 2"]


def cells(table: ProblemTable) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.csv(Query()))))


def test_csv_holds_every_problem() -> None:
    lines = cells(TABLE)
    assert len(lines) == 131
    assert lines[0] == [
        *("problem", "question", "gold", "level", "beam(3): answer", "beam(3): correct", "beam(3): tokens"),
        *("best_of_n(3): answer", "best_of_n(3): correct", "best_of_n(3): tokens"),
    ]
    assert lines[1][0] == "made/0000"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    found = result(
        3, question=lambda _: f"{start}1+1", answer=lambda _: f"{start}cmd|' /C calc'!A0", name=f"{start}x"
    )
    for cell in (cell for line in cells(Report.of([found]).table) for cell in line):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_corpus_as_csv() -> None:
    found = result(len(CORPUS), question=lambda i: CORPUS[i])
    lines = cells(Report.of([found]).table)
    assert len(lines) == len(CORPUS) + 1
    assert not [c for line in lines for c in line if c.startswith(("=", "+", "-", "@", "\t", "\r"))]
