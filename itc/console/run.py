"""``itc run`` and ``itc plan``: one job, or every combination of a sweep."""

from __future__ import annotations

from itc.console.arguments import read
from itc.console.compose import compose, show
from itc.console.interrupts import Interruptible


def run(words: list[str]) -> int:
    """``itc run``. The exit code; ItcError of a single job."""
    return _command("run", words)


def plan(words: list[str]) -> int:
    """``itc plan``. The exit code; ItcError of a single job."""
    return _command("plan", words)


def _command(name: str, words: list[str]) -> int:
    arguments = read(words)
    if arguments.inspects:
        return show(arguments)
    with Interruptible().installed() as signals:
        jobs = compose(arguments)
        # The runner is imported only once the overrides are known to compose.
        from itc.console.work import KINDS, single, sweep

        kind = KINDS[name](signals)
        return (sweep if arguments.multirun else single)(kind, jobs, arguments)
