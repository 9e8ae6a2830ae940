"""``itc run`` and ``itc plan``: one job, or every combination of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from itc.console import tables
from itc.console.arguments import Arguments, read
from itc.console.compose import Composed, compose, show
from itc.console.interrupts import Interruptible
from itc.console.terminal import emit, say, warn
from itc.errors import EXIT_INTERRUPTED, ItcError


def run(words: list[str]) -> int:
    """``itc run``. The exit code; ItcError of a single job."""
    from itc.console.work import Runner

    return _command(words, lambda arguments, signals: Runner(arguments, signals).all)


def plan(words: list[str]) -> int:
    """``itc plan``. The exit code; ItcError of a single job."""
    from itc.console.work import Planner

    return _command(words, lambda arguments, signals: Planner(arguments, signals).all)


def _command(
    words: list[str], make: Callable[[Arguments, Interruptible], Callable[[list[Composed]], int]]
) -> int:
    arguments = read(words)
    if arguments.inspects:
        return show(arguments)
    with Interruptible()() as signals:
        return make(arguments, signals)(compose(arguments))
