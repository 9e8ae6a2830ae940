"""What a run found: its records, read as one thing, and their summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import orjson

from itc.analysis.intervals import Estimate, mean
from itc.budget.cost import ZERO, Cost
from itc.runs.rows import Answer, Moment, Node, Row
from itc.runs.tables import Table, places
from itc.runs.tree import tree

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """A run: rows, candidates, nodes, moments and the manifest.

    Candidates, nodes and moments of a run that was read from a folder are made when they are looked at: ask
    for those of one problem, or for a `column`, where that is enough.
    """

    rows: Sequence[Row]
    candidates: Sequence[Answer]
    nodes: Sequence[Node]
    manifest: dict[str, Any] = field(default_factory=dict)
    moments: Sequence[Moment] = ()

    def candidates_of(self, problem: str) -> list[Answer]:
        """The final population of a problem, in order."""
        return self._of("candidates", self.candidates, problem)

    def nodes_of(self, problem: str) -> list[Node]:
        """All that was drawn for a problem, in order of lineage."""
        return self._of("nodes", self.nodes, problem)

    def moments_of(self, problem: str) -> list[Moment]:
        """What would have been answered to a problem as its compute grew."""
        return self._of("moments", self.moments, problem)

    def column(self, table: str, name: str) -> list[Any]:
        """One field of every record of ``rows``, ``candidates``, ``nodes`` or ``moments``, in order."""
        records = getattr(self, table)
        if isinstance(records, Table):
            return records.column(name)
        return [getattr(record, name) for record in records]

    def _of(self, table: str, records: Sequence[T], problem: str) -> list[T]:
        if isinstance(records, Table):
            return records.of(problem)
        return [records[i] for i in self._places(table).get(problem, ())]

    def _places(self, table: str) -> dict[str, list[int]]:
        if table not in self._known_places:
            self._known_places[table] = places(self.column(table, "problem"))
        return self._known_places[table]

    @cached_property
    def _known_places(self) -> dict[str, dict[str, list[int]]]:
        return {}

    @property
    def accuracy(self) -> Estimate | None:
        """Share of right answers, failed problems counted as wrong; None without gold answers."""
        graded = [r for r in self.rows if r.gold is not None]
        return mean([float(bool(r.correct)) for r in graded]) if graded else None

    @property
    def accuracy_without_errors(self) -> Estimate | None:
        """The same over the problems that did not fail."""
        graded = [r for r in self.rows if r.gold is not None and not r.error]
        return mean([float(bool(r.correct)) for r in graded]) if graded else None

    @property
    def oracle(self) -> Estimate | None:
        """Share of problems with a right answer anywhere in the final population (pass@N)."""
        graded = [r for r in self.rows if r.oracle is not None]
        return mean([float(bool(r.oracle)) for r in graded]) if graded else None

    @cached_property
    def cost(self) -> Cost:
        """The whole cost at full price, replayed calls included."""
        return sum((row.cost for row in self.rows), ZERO)

    @property
    def answers(self) -> list[Solved]:
        """The returned answer of each problem."""
        return [Solved(self, row) for row in self.rows]

    def summary(self) -> dict[str, Any]:
        """Everything a table or a machine wants, as plain values."""
        m = self.manifest
        return {
            "task": m.get("task"),
            "strategy": m.get("strategy"),
            "model": m.get("model"),
            "seed": m.get("seed"),
            "run": m.get("directory"),
            "status": m.get("status"),
            "problems": len(self.rows),
            "accuracy": _plain(self.accuracy),
            "accuracy_without_errors": _plain(self.accuracy_without_errors),
            "oracle": _plain(self.oracle),
            "answered": sum(r.answer is not None for r in self.rows),
            "truncated": sum(r.truncated for r in self.rows),
            "cut": sum(r.cut for r in self.rows),
            "failed": sum(bool(r.error) for r in self.rows),
            "grading_timeouts": sum(r.verdict == "timeout" for r in self.rows),
            "cost": self.cost.as_dict(),
            "sequential_tokens": max((r.sequential_tokens for r in self.rows), default=0),
            "billed": m.get("billed", {}),
            "replayed_calls": m.get("replayed_calls", 0),
            "retried": m.get("retried", 0),
            "unknown": m.get("unknown", {}),
            "overrun": m.get("overrun", {}),
            "seconds": m.get("seconds"),
        }


def _plain(e: Estimate | None) -> dict[str, float] | None:
    return None if e is None else {"mean": e.mean, "low": e.low, "high": e.high}


@dataclass(frozen=True)
class Solved:
    """A problem's returned answer, and the tree it was found in."""

    result: Result
    row: Row

    @property
    def answer(self) -> str | None:
        """The extracted answer."""
        return self.row.answer

    @property
    def correct(self) -> bool | None:
        """Whether it is right."""
        return self.row.correct

    @property
    def text(self) -> str:
        """The whole returned text."""
        mine = self.result.candidates_of(self.row.problem)
        best = next((c for c in mine if c.answer is not None), mine[0] if mine else None)
        return best.text if best else ""

    @property
    def log_evidence(self) -> float | None:
        """Natural log of the mean weight of a particle method's particles, see `itc.methods.smc`; None where
        the strategy noted none."""
        mine = self.result.candidates_of(self.row.problem)
        found = (orjson.loads(c.potentials).get("evidence") for c in mine)
        return next((float(x) for x in found if x is not None), None)

    @property
    def tree(self) -> str:
        """Everything that was drawn for the problem, children under parents."""
        final = {c.key for c in self.result.candidates_of(self.row.problem)}
        return tree(self.row.question, self.result.nodes_of(self.row.problem), final)
