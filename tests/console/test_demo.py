"""`itc demo` as a newcomer runs it, smaller."""

from __future__ import annotations

from pathlib import Path

from itc.console.demo import SIZES, STRATEGIES
from tests.console.served import inside


def test_the_demo_draws_a_picture_and_says_what_is_next(tmp_path: Path) -> None:
    words = ("demo", "--problems", "5", "--workspace", str(tmp_path))
    ended = inside(*words, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "particle filter" in ended.out
    assert "Next:" in ended.out
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / "demo.svg").read_text()
    told = inside(*words, "--json", cwd=tmp_path).json
    assert len(told["runs"]) == len(STRATEGIES) * len(SIZES)
    assert all(run["accuracy"]["low"] <= run["accuracy"]["mean"] for run in told["runs"])


def test_what_it_does_not_understand(tmp_path: Path) -> None:
    for words in (["--problem=x"], ["--problems", "0"], ["more"]):
        ended = inside("demo", *words, cwd=tmp_path)
        assert ended.code == 2, words
        assert "Expected" in ended.err
