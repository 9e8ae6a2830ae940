"""Runs put together for a comparison: by method, seeds averaged, over the problems that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itc.analysis.axes import Axis
from itc.analysis.frontier import Frontier
from itc.errors import ConfigError
from itc.runs.naming import Size, by_method, labels_of
from itc.runs.result import Result
from itc.runs.rows import Row

Identity = tuple[str, str, str | None]
"""What makes a problem the same in two runs: its id, question and gold answer."""


@dataclass(frozen=True)
class Compared:
    """What can be compared: methods over the same problems, in the same order."""

    task: str
    problems: tuple[str, ...]
    """Ids of the problems with a gold answer that every run has."""
    levels: tuple[str, ...]
    """How hard the benchmark says each is; empty strings where it does not."""
    methods: tuple[Frontier, ...]
    """In the order of the runs given."""
    notes: tuple[str, ...]
    """What a reader must know: problems left out, seeds averaged, calls that failed."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """How often each problem was answered correctly, over all runs, in [0,1]."""
        return np.asarray(np.concatenate([m.right for m in self.methods]).mean(axis=0), np.float64)

    def named(self, name: str) -> Frontier:
        """The method of a name, or the method that has a run of it. ConfigError for an unknown one."""
        for method in self.methods:
            if name == method.name or name in method.sizes:
                return method
        told = ", ".join(repr(m.name) for m in self.methods)
        raise ConfigError(f"No method compared is called {name!r}. Expected one of {told}.")


def compared(results: Sequence[Result], axis: Axis) -> Compared:
    """Group runs of one task into methods, with costs on an axis.

    Runs that made no call, as under a cap of nothing, are left out and noted. ConfigError where no other is
    given, for runs of several tasks, or without a graded problem in common.
    """
    runs, idle = _working(results)
    tasks = sorted({str(r.manifest.get("task")) for r in runs})
    if len(tasks) > 1:
        raise ConfigError(
            f"The runs are of {len(tasks)} tasks, {', '.join(tasks)}: accuracies on different problems "
            "cannot be compared. Name the runs of one task, for example its folder in the workspace."
        )
    rows = [_graded(run) for run in runs]
    shared = [key for key in rows[0] if all(key in other for other in rows)]
    if len(shared) < 2:
        raise ConfigError(
            f"The runs of {tasks[0]} have {len(shared)} graded problems in common, of "
            f"{min(map(len, rows))} to {max(map(len, rows))} each: expected at least two. Run them with the "
            "same task.* and problems=."
        )
    methods = by_method(runs)
    seen = {id(run): found for run, found in zip(runs, rows, strict=True)}
    frontiers = [_frontier(name, sizes, seen, shared, axis) for name, sizes in methods.items()]
    return Compared(
        task=tasks[0],
        problems=tuple(key[0] for key in shared),
        levels=tuple(rows[0][key].level for key in shared),
        methods=tuple(frontiers),
        notes=(*_notes(runs, rows, shared, methods), *idle),
    )


def grouped(results: Sequence[Result]) -> dict[str, list[tuple[str, tuple[Result, ...]]]]:
    """By method: the label of each size, and its runs, which differ in their seeds alone."""
    runs = list({_hash(r): r for r in results}.values())
    return {
        name: [(label, size.runs) for label, size in zip(labels_of(name, sizes), sizes, strict=True)]
        for name, sizes in by_method(runs).items()
    }


def _working(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """The runs that made calls, each once, and what to note of the others."""
    runs = list({_hash(r): r for r in results}.values())
    working: list[Result] = []
    idle: list[Result] = []
    for run in runs:
        (working if any(row.calls for row in run.rows) else idle).append(run)
    if not working:
        told = f", and the {len(runs)} given made no calls" if runs else ""
        raise ConfigError(f"Nothing to compare: expected at least one run that spent something{told}.")
    return working, [f"Left out, as it made no calls: {run.manifest.get('strategy')}." for run in idle]


def _graded(run: Result) -> dict[Identity, Row]:
    return {(r.problem, r.question, r.gold): r for r in run.rows if r.gold is not None}


def _hash(run: Result) -> str:
    return str(run.manifest.get("hash") or id(run))


def _frontier(
    name: str,
    sizes: Sequence[Size],
    seen: Mapping[int, Mapping[Identity, Row]],
    shared: Sequence[Identity],
    axis: Axis,
) -> Frontier:
    labels = labels_of(name, sizes)
    costs, right = [], []
    for size in sizes:
        rows = [[seen[id(run)][key] for key in shared] for run in size.runs]
        costs.append(np.mean([[axis.of(row) for row in run] for run in rows], axis=0))
        right.append(np.mean([[float(bool(row.correct)) for row in run] for run in rows], axis=0))
    return Frontier.of(name, labels, costs, right)


def _notes(
    runs: Sequence[Result],
    rows: Sequence[Mapping[Identity, Row]],
    shared: Sequence[Identity],
    methods: Mapping[str, Sequence[Size]],
) -> list[str]:
    notes = []
    most = max(len(found) for found in rows)
    if most > len(shared):
        fewest, strategy = min(
            (len(found), str(run.manifest.get("strategy"))) for found, run in zip(rows, runs, strict=True)
        )
        told = f" Fewest, {fewest}, has {strategy}: without it there may be more." if fewest < most else ""
        notes.append(
            f"Compared on the {len(shared)} problems that every run has; runs have up to {most}.{told}"
        )
    seeds = sorted({len(size.runs) for sizes in methods.values() for size in sizes})
    if seeds[-1] > 1:
        told = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
        notes.append(f"Each size is the mean of {told} seeds, averaged within a problem.")
    keys = set(shared)
    failed = sum(bool(row.error) for found in rows for key, row in found.items() if key in keys)
    if failed:
        notes.append(f"{failed} problems failed in some run and count as wrong.")
    return notes
