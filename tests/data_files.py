"""Where the shared benchmark files are; tests that need them skip, with the reason, where they are absent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get("ITC_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def data_file(name: str) -> Path:
    """Path of ``name`` under the data folder, or a skip."""
    path = ROOT / name
    if not path.exists():
        if os.environ.get("ITC_REQUIRE_DATA"):
            pytest.fail(f"{name} is not under {ROOT}, and ITC_REQUIRE_DATA says that it must be")
        pytest.skip(f"{name} is not under {ROOT}; set ITC_DATA to the folder that has it")
    return path


def json_lines(name: str) -> list[dict[str, Any]]:
    """Rows of a JSON Lines file under the data folder, or a skip."""
    with data_file(name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
