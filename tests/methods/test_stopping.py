"""Stopping early: which draws are shared, what recorded samples say of it, and real runs that resume."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import itc
from itc.runs.result import Result
from tests.data_files import data_file
from tests.laws.trees import law, parse, run


@law
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_their_draws_are_those_of_self_consistency(n: int, window: int, seed: int) -> None:
    everything = run(parse(f"self_consistency({n})"), seed=seed)
    for text in (f"adaptive_consistency({n}, every={window})", f"esc({n}, {window})"):
        lazy = run(parse(text), seed=seed)
        assert set(lazy.trace.made) <= set(everything.trace.made)
        assert len(lazy.trace.made) % window == 0 or len(lazy.trace.made) == n


@law
@given(st.integers(1, 8), st.integers(0, 99))
def test_a_certainty_that_is_never_reached_is_a_plain_vote(n: int, seed: int) -> None:
    lazy, plain = (
        run(parse(f"adaptive_consistency({n}, 1.0)"), seed=seed),
        run(parse(f"self_consistency({n})"), seed=seed),
    )
    assert lazy.population == plain.population
    assert lazy.spent == plain.spent


@law
@given(st.integers(2, 8), st.integers(0, 99))
def test_short_m_at_k_is_first_finish_at_one_and_a_vote_at_all(k: int, seed: int) -> None:
    one, first = (
        run(parse(text), seed=seed).population for text in (f"short_majority({k}, 1)", f"first_finish({k})")
    )
    assert one == first
    everyone = run(parse(f"short_majority({k}, {k})"), seed=seed).population[0]
    plain = run(parse(f"self_consistency({k})"), seed=seed).population[0]
    assert everyone.answer is None or plain.answer is not None


@law
@given(st.integers(1, 6), st.integers(0, 99))
def test_deepconf_that_keeps_all_by_what_is_equal_is_a_vote(n: int, seed: int) -> None:
    """Over the whole population, with everyone's confidence weighing."""
    kept = run(parse(f"deepconf({n}, 1.0, mean)"), seed=seed)
    votes = run(parse(f"sample({n}, confidence=20) >> confident(1.0, mean) >> vote(confidence)"), seed=seed)
    assert kept.population == votes.population


ADDSUB = "samples/sc_codex/addsub_output_sc_002.jsonl.xz"


@pytest.mark.data
def test_adaptive_consistency_on_addsub_loses_nothing_and_saves_four_fifths(tmp_path: Path) -> None:
    """395 problems, 40 samples of each, in the order in which they were recorded."""
    path = str(data_file(ADDSUB))

    def played(text: str) -> Result:
        return itc.run(
            text, task={"name": "recorded", "path": path}, model={"backend": "replay"}, workspace=tmp_path
        )

    everything, adaptive, esc = (
        played(text) for text in ("self_consistency(40)", "adaptive_consistency(40)", "esc(40, 5)")
    )
    right: dict[str, Any] = {}
    for name, result in (("vote", everything), ("adaptive", adaptive), ("esc", esc)):
        right[name] = sum(bool(r.correct) for r in result.rows)
    assert right == {"vote": 362, "adaptive": 362, "esc": 362}
    assert everything.cost.calls == 395 * 40
    assert adaptive.cost.calls == 2656  # 6.72 a problem
    assert esc.cost.calls == 4375  # 11.08 a problem
    # The draws are those of the vote: nothing was asked for twice.
    assert adaptive.summary()["billed"]["calls"] == esc.summary()["billed"]["calls"] == 0


@pytest.mark.parametrize(
    "text", ["first_finish(4)", "short_majority(4, 2)", "adaptive_consistency(6, ahead=2)"]
)
def test_what_stopped_draws_cost_is_on_record(text: str, tmp_path: Path) -> None:
    """A run whose rows are lost is made again from its journal: it asks for nothing and costs the same."""
    task, model = {"name": "chain", "problems": 4}, {"backend": "embedded"}
    first = itc.run(text, task=task, model=model, workspace=tmp_path)
    shutil.rmtree(tmp_path / "chain")
    again = itc.run(text, task=task, model=model, workspace=tmp_path)
    assert first.rows == again.rows
    assert first.summary()["billed"]["calls"] == first.cost.calls
    assert again.summary()["billed"]["calls"] == 0
