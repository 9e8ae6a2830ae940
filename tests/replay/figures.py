"""Replays of the shared recordings: one workspace for all tests of a session, as a user would have."""

from __future__ import annotations

import json
import lzma
from collections import defaultdict
from pathlib import Path
from typing import Any

import itc
from itc.analysis.passk import mean_pass_at_k
from itc.library import parse
from itc.runs.result import Result
from itc.tasks import load
from itc.tasks.recorded import read_records
from tests.data_files import data_file


class Replays:
    """Runs strategies on recordings, by the name of their file under ``samples/``."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace

    def run(
        self, name: str, strategy: str, *, rule: str | None = None, seed: int = 0, **model: Any
    ) -> Result:
        path = str(data_file(f"samples/{name}.jsonl.xz"))
        replay = {"backend": "replay", "path": path}
        return itc.run(
            strategy,
            task={"name": "recorded", "path": path, "rule": rule},
            model={**replay, **model},
            scorers={"prm": replay} if "prm" in parse(strategy).needs.scorers else None,
            workspace=self.workspace,
            seed=seed,
        )

    def verdicts(self, name: str) -> dict[tuple[str, str], bool]:
        """What those who recorded the samples thought of them, by problem and text."""
        path = str(data_file(f"samples/{name}.jsonl.xz"))
        _, records = read_records(path)
        problems = load("recorded", path=path).problems
        pairs = zip(problems, records, strict=True)
        return {(p.id, s.text): bool(s.correct) for p, r in pairs for s in r.samples}


def rows(name: str) -> list[dict[str, Any]]:
    """The file as it stands."""
    with lzma.open(data_file(f"samples/{name}.jsonl.xz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def accuracy(result: Result) -> float:
    """In percent."""
    assert result.accuracy is not None
    assert not any(row.error for row in result.rows)
    return 100 * result.accuracy.mean


def pass_at(result: Result, k: int) -> float:
    """pass@k in percent, from all candidates of the result."""
    return 100 * mean_pass_at_k([(c.problem, bool(c.correct)) for c in result.candidates], k).mean


def right(result: Result) -> dict[str, list[bool]]:
    """Whether each candidate is right, by problem, in order."""
    found = defaultdict(list)
    for c in result.candidates:
        found[c.problem].append(bool(c.correct))
    return found
