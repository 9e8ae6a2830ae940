"""A run against a server that fails one call in five, its books, and the same run where none fails."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import itc
from itc.backends.base import Completion
from itc.runs.result import Result
from itc.testing import FaultServer
from itc.testing.served_reply import Call

RATES = {
    "429": 0.10,
    "500": 0.05,
    "drop": 0.02,
    "drop in body": 0.01,
    "null text": 0.0025,
    "wrong index": 0.0025,
    "unknown finish": 0.0025,
    "truncated": 0.0025,
}
"""10 % refused, 5 % failed, 3 % dropped, 1 % malformed."""
UNTOLD = frozenset(("drop in body", "truncated"))
"""Faults whose answers were made, and tell no client what they cost."""
ATTEMPTS = 10
"""With 19 % failing, 5 would lose one call in 4,000."""

Tokens = tuple[int, int, int]
"""Prompt, cached, completion."""


@dataclass(frozen=True)
class Soak:
    """What came of it."""

    seconds: float
    draws: int
    answered: int
    """Draws in the final populations."""
    failed: int
    """Problems."""
    attempts: int
    """By the journal, those that failed included."""
    arrived: int
    """Calls that reached the server, by its books."""
    faults: dict[str, int]
    """By name, by its books."""
    account: Tokens
    told: Tokens
    """Of its books, what its answers said."""
    untold: Tokens
    """The rest of its books."""
    same: bool
    """Whether answers, candidates and trees are those of the run that met no fault."""

    @property
    def exact(self) -> bool:
        """Whether the account and the server's books agree, call by call and token by token."""
        return self.account == self.told and self.attempts == self.arrived

    @property
    def well(self) -> bool:
        """Whether all was answered, as without faults, and counted."""
        return self.exact and self.same and not self.failed and self.answered == self.draws


def soak(draws: int, seed: int, adaptive: bool, each: int = 100) -> Soak:
    """``draws`` in problems of ``each``, one a call."""
    with TemporaryDirectory() as folder:
        with FaultServer() as server:
            clean = _run(server, draws // each, each, seed, adaptive, Path(folder) / "clean")
        begun = time.monotonic()
        with FaultServer(rates=RATES, seed=seed) as server:
            result = _run(server, draws // each, each, seed, adaptive, Path(folder) / "soaked")
        billed = result.manifest["billed"]
        return Soak(
            seconds=time.monotonic() - begun,
            draws=draws,
            answered=len(result.candidates),
            failed=sum(bool(row.error) for row in result.rows),
            attempts=_attempts(Path(folder) / "soaked" / "journal.sqlite"),
            arrived=len(server.calls),
            faults={name: sum(c.fault == name for c in server.calls) for name in RATES},
            account=(billed["prompt_tokens"], billed["cached_tokens"], billed["completion_tokens"]),
            told=_sum(c for c in server.calls if c.fault not in UNTOLD),
            untold=_sum(c for c in server.calls if c.fault in UNTOLD),
            same=_found(result) == _found(clean),
        )


def _run(server: FaultServer, problems: int, each: int, seed: int, adaptive: bool, space: Path) -> Result:
    model: dict[str, Any] = {
        "name": "toy",
        "base_url": server.base_url,
        "max_tokens": 12,
        "logprobs": False,
        "n_max": 1,
        "adaptive": adaptive,
        "retry": {"attempts": ATTEMPTS, "first_delay": 0.01, "longest_delay": 0.2},
    }
    asked = [itc.Problem(f"p{i}", f"What is {i} and two?") for i in range(problems)]
    return itc.run(f"sample({each})", task=asked, model=model, workspace=space, seed=seed)


def _attempts(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as db:
        return sum(Completion.load(blob).attempts for (blob,) in db.execute("SELECT blob FROM draws"))


def _sum(calls: Iterable[Call]) -> Tokens:
    taken = list(calls)
    return (
        sum(c.prompt_tokens for c in taken),
        sum(c.cached_tokens for c in taken),
        sum(c.tokens for c in taken),
    )


def _found(result: Result) -> tuple[list[Any], ...]:
    rows = [(r.problem, r.answer, r.verdict, r.population, r.truncated) for r in result.rows]
    return rows, list(result.candidates), list(result.nodes)
