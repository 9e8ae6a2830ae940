"""Every block of Python in the README and in docs/ runs as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{i}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for i, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.fixture(scope="module")
def warm() -> Iterator[subprocess.Popen[str]]:
    """Runs texts, each in a process of its own: most of their time alone would be that of imports."""
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "warm.py")]
    # A process with threads is not forked: those that multiply matrices begin as NumPy is imported.
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs(block: str, warm: subprocess.Popen[str], tmp_path: Path) -> None:
    assert warm.stdin is not None
    assert warm.stdout is not None
    told = tmp_path.with_name(f"{tmp_path.name}.txt")
    print(json.dumps({"text": block, "cwd": str(tmp_path), "told": str(told)}), file=warm.stdin, flush=True)
    code = warm.stdout.readline().strip()
    assert code == "0", told.read_text() if told.exists() else code


def test_links_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "recipes").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"
