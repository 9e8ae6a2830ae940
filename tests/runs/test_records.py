"""What a run tells of where its compute went: by stage, by draw, and the answer as it grew."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

import itc
from itc.backends.base import Completion, Request, Usage
from itc.runs.result import Result
from itc.runs.rows import Moment, Row, Spent
from itc.runs.store import RunDirectory, find_runs
from itc.tasks import Example, Task

SPENT = [f.name for f in fields(Spent) if f.name != "problem"]


def says(r: Request) -> Completion:
    tokens = 1 + r.seed % 5
    return Completion(
        f" {r.seed % 3}." * tokens, "eos", Usage(len(r.prompt), r.seed % 2, tokens), (-0.5,) * tokens
    )


BACKEND = itc.FunctionBackend(says, name="says")
EXAMPLES = tuple(Example(itc.Problem(f"p{i}", f"p{i}?"), str(i % 3) if i else None) for i in range(4))
TASK = Task("toy", EXAMPLES, "gsm8k", "none", "made here", "")

STRATEGIES = {
    "self-consistency": "sample(5) >> vote()",
    "refine": "sample(3) >> rewrite(refine) >> score(likelihood) >> top(1, likelihood)",
    "rounds": "(rewrite(refine) >> score(likelihood)) ** 3",
    "search": "search(rewrite(refine) >> score(likelihood), refining(by=likelihood), 5)",
    "side by side": "sample() * 2 | rewrite(refine)",
}


def run(space: Path, text: str) -> Result:
    return itc.run(text, task=TASK, model=BACKEND, workspace=space)


def costs(blob: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for cost in json.loads(blob).values():
        for unit, value in cost.items():
            found[unit] = found.get(unit, 0) + value
    return found


@pytest.mark.parametrize("name", STRATEGIES)
def test_stages_roles_and_rows_tell_the_same_cost(name: str, tmp_path: Path) -> None:
    result = run(tmp_path, STRATEGIES[name])
    for row in result.rows:
        assert costs(row.by_stage) == costs(row.by_role)
        assert {
            unit: costs(row.by_stage)[unit] for unit in ("calls", "prompt_tokens", "completion_tokens")
        } == {
            "calls": row.calls,
            "prompt_tokens": row.prompt_tokens,
            "completion_tokens": row.completion_tokens,
        }
        nodes = result.nodes_of(row.problem)
        # Nothing here draws what is no candidate, so the draws are all there is to pay.
        drawn = [n for n in nodes if n.stage]
        assert sum(n.prompt_tokens for n in drawn) == row.prompt_tokens
        assert sum(n.cached_tokens for n in drawn) == row.cached_tokens
        assert sum(n.tokens for n in drawn) == row.completion_tokens
        assert {n.stage for n in drawn} == {
            s for s, cost in json.loads(row.by_stage).items() if cost["calls"]
        }


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_last_moment_is_the_row(name: str, tmp_path: Path) -> None:
    result = run(tmp_path, STRATEGIES[name])
    for row in result.rows:
        moments = result.moments_of(row.problem)
        last = moments[-1]
        assert (last.answer, last.correct) == (row.answer, row.correct)
        assert [getattr(last, unit) for unit in SPENT] == [getattr(row, unit) for unit in SPENT]
        assert [m.index for m in moments] == list(range(len(moments)))
        assert [m.calls for m in moments] == sorted({m.calls for m in moments})
        assert all((m.correct is None) == (row.gold is None) for m in moments)
        assert all(m.correct == (m.answer == row.gold) for m in moments if row.gold is not None)


def test_a_curve_has_as_many_points_as_there_were_answers(tmp_path: Path) -> None:
    rounds, wide = run(tmp_path, STRATEGIES["rounds"]), run(tmp_path, STRATEGIES["side by side"])
    assert max(len(rounds.moments_of(row.problem)) for row in rounds.rows) > 1
    assert {len(wide.moments_of(row.problem)) for row in wide.rows} == {1}


def test_a_problem_that_fails_has_a_curve_too(tmp_path: Path) -> None:
    def fails(r: Request) -> Completion:
        if r.prompt != "p2?" and "p2" in r.prompt:
            raise itc.errors.Rejected("no more of this one")
        return says(r)

    backend = itc.FunctionBackend(fails, name="fails")
    result = itc.run("sample() >> vote() >> rewrite(refine)", task=TASK, model=backend, workspace=tmp_path)
    (failed,) = [row for row in result.rows if row.error]
    last = result.moments_of("p2")[-1]
    assert (last.answer, last.correct, last.calls) == (failed.answer, False, failed.calls) == (None, False, 1)


def test_a_run_is_opened_as_it_was_returned(tmp_path: Path) -> None:
    first = run(tmp_path, STRATEGIES["search"])
    again = itc.open_run(first.manifest["directory"])
    for name in ("rows", "candidates", "nodes", "moments"):
        assert list(getattr(again, name)) == list(getattr(first, name))
    assert again.summary() == first.summary()
    assert [a.text for a in again.answers] == [a.text for a in first.answers]


def test_runs_are_found_below_any_folder(tmp_path: Path) -> None:
    texts = list(STRATEGIES.values())[:3]
    folders = sorted(Path(run(tmp_path / "a", text).manifest["directory"]) for text in texts)
    other = Path(run(tmp_path / "b", texts[0]).manifest["directory"])
    assert find_runs([tmp_path / "a"]) == folders
    assert find_runs([str(tmp_path)]) == [*folders, other]
    assert find_runs([folders[1], tmp_path / "a"]) == [folders[1], folders[0], folders[2]]
    with RunDirectory(folders[0]) as unended:
        unended.write_manifest({**unended.manifest(), "status": "running"})
    assert find_runs([tmp_path / "a"]) == folders[1:]
    # What was asked for by name is not left out in silence.
    assert find_runs([folders[0]]) == [folders[0]]
    with pytest.raises(itc.errors.ConfigError, match=r"has not ended \(its status is 'running'\)"):
        itc.open_run(folders[0])


@pytest.mark.parametrize("place", ["", "nowhere", "file"])
def test_no_run_is_told(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(itc.errors.ConfigError, match=r"expected a run's directory"):
        find_runs([tmp_path / place])
    with pytest.raises(itc.errors.ConfigError, match=r"no run: it holds no readable manifest"):
        itc.open_run(tmp_path / place)


def test_replayed_in_full_with_the_same_record(tmp_path: Path) -> None:
    for text in STRATEGIES.values():
        first = run(tmp_path, text)
        folder = Path(first.manifest["directory"])
        before = {p.name: p.read_bytes() for p in folder.glob("*.parquet")}
        shutil.rmtree(folder)
        run(tmp_path, text)
        assert {p.name: p.read_bytes() for p in folder.glob("*.parquet")} == before


def test_a_row_is_as_wide_as_its_cost() -> None:
    """A unit of cost that a row or a moment forgot would be lost to every comparison."""
    units = {"usd" if f.name == "picodollars" else f.name for f in fields(itc.Cost)}
    assert units <= set(SPENT)
    assert issubclass(Row, Spent)
    assert issubclass(Moment, Spent)
