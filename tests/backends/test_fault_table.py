"""Every fault has one class of error, one decision and one message, as the table in docs/faults.md says."""

from __future__ import annotations

from typing import get_args

import pytest

import itc.errors
from itc.backends.base import Completion
from itc.errors import BackendError
from itc.testing.faults import FAULTS
from tests.backends.fault_rows import Row, rows
from tests.backends.met import PATIENCE, Met, Reached, met

COSTS = {"nothing": ("nothing",), "booked": ("counted",), "at most": ("bounded", "counted")}


ROWS = [pytest.param(row, id=row.fault) for row in rows()]


def test_every_fault_has_one_row() -> None:
    assert sorted(row.fault for row in rows()) == sorted(FAULTS)


def retried(met: Met) -> bool:
    """Whether the call was made again, with the same draw in the end."""
    if isinstance(met.again, Completion):
        assert met.again == met.clean
        return met.again.attempts > 1
    assert type(met.again) is type(met.error)
    assert met.asked == 1
    return False


def ended_well(met: Met, row: Row) -> None:
    """By an error that says what was given, expected and may be tried; before the deadline, or by it."""
    assert met.error is not None
    message = str(met.error)
    assert row.says
    assert row.says in message
    assert len(message) < 900
    assert message.isprintable()
    if met.deadline == PATIENCE:
        assert met.named != "DeadlineExceeded"


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("api", get_args(Reached))
def test_whole_answers(row: Row, api: Reached) -> None:
    if api == "pooling":
        pytest.importorskip("tokenizers", reason="needs the package tokenizers")
    found = met(row.fault, api)
    if not found.injected:
        # No answer has a place for it, or that of this endpoint has none.
        assert not row.error or api != "completions"
        assert found.error is None
        return
    assert found.named == ("-" if row.error == "none" else row.error)
    assert found.paid in COSTS[row.cost]
    if found.error is None:
        assert row.says == row.again == ""
        assert found.again == found.clean
        return
    ended_well(found, row)
    assert found.error.retryable == retried(found) == {"yes": True, "no": False}[row.again]


@pytest.mark.parametrize("row", ROWS)
def test_streams(row: Row) -> None:
    found = met(row.fault, watched=True)
    assert found.injected == bool(row.streamed)
    if not found.injected:
        return
    assert found.covered
    error = row.error if row.streamed == "the same" else row.streamed
    assert found.named == ("-" if error == "none" else error)
    if found.error is None:
        return
    if row.streamed == "the same":
        assert found.error.retryable == (row.again == "yes")
    # Nobody could have acted on what a plain watch was told.
    assert retried(found) == found.error.retryable


def test_classes_are_those_of_the_error_tree() -> None:
    for name in {row.error for row in rows()} - {"none", ""}:
        assert issubclass(getattr(itc.errors, name), BackendError)
