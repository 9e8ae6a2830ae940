"""Records kept as columns: the same as a list of them, whichever way they are looked at."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.runs.result import Result
from itc.runs.rows import Moment
from itc.runs.tables import Table

problems = st.lists(st.sampled_from("abc"), max_size=12)


def moments(names: list[str]) -> list[Moment]:
    return [
        Moment(name, i, 2, 1, 3, 4, 0.5, 5, 6, i, None if i % 3 else str(i), None)
        for i, name in enumerate(names)
    ]


def table(records: list[Moment]) -> Table[Moment]:
    names = list(Moment.__dataclass_fields__)
    return Table(Moment, pa.table({name: [getattr(r, name) for r in records] for name in names}))


@settings(deadline=None)
@given(problems, st.booleans())
def test_a_table_is_the_list_of_its_records(names: list[str], whole_first: bool) -> None:
    """Whether problems come one after another or mixed, and whether all was looked at before or not."""
    records = moments(names)
    made = table(records)
    if whole_first:
        assert list(made) == records
    for name in "abcd":
        assert made.of(name) == [r for r in records if r.problem == name]
    assert made.column("calls") == [r.calls for r in records]
    assert len(made) == len(records)
    assert made == records
    assert made[1:] == records[1:]
    assert not records or made[-1] == records[-1]
    assert made != [*records, *moments(["z"])]


@settings(deadline=None)
@given(problems)
def test_a_result_gives_the_records_of_a_problem_from_lists_and_tables_alike(names: list[str]) -> None:
    records = moments(names)
    listed, kept = Result([], [], [], {}, records), Result([], [], [], {}, table(records))
    for name in "abcd":
        assert listed.moments_of(name) == kept.moments_of(name) == [r for r in records if r.problem == name]
    assert listed.column("moments", "answer") == kept.column("moments", "answer")


def test_an_unknown_column() -> None:
    with pytest.raises(KeyError):
        table(moments(["a"])).column("colour")
