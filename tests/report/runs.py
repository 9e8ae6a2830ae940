"""Runs of the embedded models, small and real."""

from __future__ import annotations

import asyncio
from pathlib import Path

from itc.config import Settings
from itc.runs.result import Result
from itc.runs.runner import execute


def real(strategy: str, workspace: Path, problems: int = 3, seed: int = 0) -> Result:
    """Run it, or read it if it was run in this workspace before."""
    settings = Settings.read(
        {
            "task": {"name": "chain", "problems": problems},
            "model": {"backend": "embedded"},
            "scorer": {"name": "embedded"},
            "strategy": {"name": "expression", "text": strategy},
            "seed": seed,
            "workspace": str(workspace),
        }
    )
    return asyncio.run(execute(settings.job()))
