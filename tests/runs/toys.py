"""Problems, strategies and runs over the ledger's model, the same in every process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import itc
from itc.runs.result import Result
from itc.tasks import Example, Task, content_sha256
from tests.runs.ledger import CLIENT

METHODS = {
    "self_consistency": "self_consistency(24)",
    "beam": "beam(4, 2, step_likelihood, rounds=6)",
    "particle_filter": "particle_filter(4, step_likelihood, rounds=6)",
}
TABLES = ("rows", "candidates", "nodes", "moments")
KEY = "ITC_TEST_CLIENT"
"""The environment variable that names the client to the ledger."""


def task(count: int = 30) -> Task:
    """``count`` problems with gold answers 1, 2 or 3."""
    examples = tuple(
        Example(itc.Problem(f"p{i:02d}", f"p{i:02d} has {i} eggs and breaks some."), str(i % 3 + 1))
        for i in range(count)
    )
    content = content_sha256((e.problem.question, e.gold) for e in examples)
    return Task("toy", examples, "gsm8k", content, "made here", "", step_delimiter="\n\n")


def model(base_url: str, **options: Any) -> dict[str, Any]:
    """The ledger's model, with coalescing."""
    fields = {"name": "toy", "base_url": base_url, "api_key_env": KEY, "n_max": 8, "concurrency": 8}
    retry = {"attempts": 2, "first_delay": 0.01, "longest_delay": 0.01, "patience": 1.0}
    sizes = {"max_tokens": 64, "step_tokens": 24}
    return fields | sizes | {"retry": retry} | options


def run(
    strategy: str,
    base_url: str,
    workspace: Path | str,
    client: str = "test",
    *,
    problems: int = 30,
    options: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Result:
    """`itc.run` as this client; ``strategy`` is a method's name or an expression."""
    # Long enough that the redaction of keys finds it nowhere else.
    os.environ[KEY] = f"{CLIENT}{client}"
    return itc.run(
        METHODS.get(strategy, strategy),
        task=task(problems),
        model=model(base_url, **(options or {})),
        workspace=workspace,
        **rest,
    )


def tables(result: Result) -> dict[str, bytes]:
    """The bytes of a run's Parquet files."""
    folder = Path(result.manifest["directory"])
    return {name: (folder / f"{name}.parquet").read_bytes() for name in TABLES}


def journal(workspace: Path | str) -> Path:
    """A workspace's journal file."""
    return Path(workspace) / "journal.sqlite"
