"""Errors of calls, of strategies and of code: which become a row, which stop a run, which are retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import itc
from itc.backends.base import Completion, Request, Usage
from itc.errors import BackendError, ConfigError, Rejected, ServerFault, StrategyFailed
from itc.runs.job import Errors
from itc.runs.result import Result
from itc.tasks import Example
from itc.types import Candidate, Population

BAD = {"p3", "p7"}


class Engine:
    """Answers 1, except for the problems it is told to fail; counts the calls of each."""

    def __init__(self, bad: set[str], error: Callable[[str], Exception] = Rejected) -> None:
        self.bad, self.error = bad, error
        self.calls: Counter[str] = Counter()
        self.backend = itc.FunctionBackend(self.answer, name="sometimes")

    def answer(self, request: Request) -> Completion:
        name = request.prompt.split()[0]
        self.calls[name] += 1
        if name in self.bad:
            raise self.error(f"not {name}")
        return Completion(f"1 {request.seed}", "eos", Usage(2, 0, 3))


def run(engine: Engine, space: Path, count: int = 20, text: str = "sample(4)", **rest: object) -> Result:
    problems = [Example(itc.Problem(f"p{i}", f"p{i} is what?"), "1") for i in range(count)]
    return itc.run(text, task=problems, model=engine.backend, workspace=space, **rest)  # type: ignore[arg-type]


@itc.scorer()
def above_one_for_p3(c: Candidate) -> float:
    return 2.0 if int(c.text.split()[1]) % 4 == 3 else 0.5


@itc.predicate
def broken_predicate(pop: Population, ctx: object) -> bool:
    return len(pop) + "not a number"  # type: ignore[operator, no-any-return]


def test_a_failed_problem_is_a_row(tmp_path: Path) -> None:
    engine = Engine(BAD)
    result = run(engine, tmp_path)
    failed = {r.problem: r for r in result.rows if r.error}
    assert set(failed) == BAD
    assert failed["p3"].error == "Rejected: not p3"
    assert failed["p3"].answer is None
    assert failed["p3"].correct is False
    assert failed["p3"].population == 0
    assert result.manifest["status"] == "partial"
    assert [r.problem for r in result.rows] == [f"p{i}" for i in range(20)]
    assert result.accuracy is not None
    assert result.accuracy_without_errors is not None
    summary = result.summary()
    assert summary["failed"] == 2
    assert summary["answered"] == 18
    assert result.accuracy.mean <= result.accuracy_without_errors.mean * 18 / 20 + 1e-12


def test_the_same_again_retries_the_failed_alone(tmp_path: Path) -> None:
    engine = Engine(BAD)
    run(engine, tmp_path)
    assert engine.calls["p0"] == 4
    better = Engine(set())
    result = run(better, tmp_path)
    assert better.calls == Counter({"p3": 4, "p7": 4})
    assert result.manifest["status"] == "finished"
    assert not any(r.error for r in result.rows)
    third = Engine(set())
    assert list(run(third, tmp_path).rows) == list(result.rows)
    assert not third.calls


@pytest.mark.parametrize(
    ("bad", "errors", "stops"),
    [
        (1, Errors(), False),
        (1, Errors(fraction=0.0), True),
        (2, Errors(), False),
        (3, Errors(), True),
        (3, Errors(fraction=0.2), False),
        (5, Errors(fraction=0.2), True),
        (1, Errors(most=0), True),
        (2, Errors(most=2), False),
        (20, Errors(fraction=1.0), False),
        (20, Errors(), True),
    ],
)
def test_too_many_failures_stop_the_run(bad: int, errors: Errors, stops: bool, tmp_path: Path) -> None:
    engine = Engine({f"p{i}" for i in range(bad)})
    if not stops:
        result = run(engine, tmp_path, errors=errors)
        assert sum(bool(r.error) for r in result.rows) == bad
        return
    with pytest.raises(Rejected, match="not p") as error:
        run(engine, tmp_path, errors=errors, in_flight=4)
    assert error.value.exit_code == 3
    # What had been paid for is not paid for again.
    paid = Counter({p: n for p, n in engine.calls.items() if p not in engine.bad})
    better = Engine(set())
    result = run(better, tmp_path, errors=errors)
    assert not any(r.error for r in result.rows)
    # Draws that were under way when the run stopped may not have reached the journal.
    assert sum(better.calls.values()) <= 80 - sum(paid.values()) + 4 * 4
    assert sum(better.calls.values()) >= 80 - sum(paid.values())


@pytest.mark.parametrize("wrong", [{"most": -1}, {"fraction": 1.5}, {"fraction": -0.1}])
def test_impossible_error_policies_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"errors.{next(iter(wrong))}=.*expected"):
        Errors(**wrong)  # type: ignore[arg-type]


def test_a_single_problem_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="not p0"):
        run(Engine({"p0"}), tmp_path, count=1)


@pytest.mark.parametrize("kind", [Rejected, ServerFault, BackendError])
def test_kinds_of_failed_calls(kind: type[BackendError], tmp_path: Path) -> None:
    result = run(Engine({"p3"}, kind), tmp_path)
    (row,) = [r for r in result.rows if r.error]
    assert row.error.startswith(f"{kind.__name__}: ")


def test_a_failed_strategy_is_a_row(tmp_path: Path) -> None:
    result = run(
        Engine(set()), tmp_path, text="sample() >> score(above_one_for_p3)", errors=Errors(fraction=1.0)
    )
    failed = [r for r in result.rows if r.error]
    assert 0 < len(failed) < 20
    assert all(r.error.startswith("StrategyFailed: scorer above_one_for_p3 gave 2.0") for r in failed)
    # The draws were made, and are booked.
    assert all(r.calls == 1 for r in result.rows)


def test_a_strategy_that_fails_everywhere_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(StrategyFailed, match=r"above_one_for_p3 gave 2\.0"):
        run(Engine(set()), tmp_path, text="sample(8) >> score(above_one_for_p3)")


def test_a_bug_is_no_row(tmp_path: Path) -> None:
    """A predicate that is wrong is an error of the program: it propagates as what it is."""
    text = "sample().until(broken_predicate, 2)"
    with pytest.raises(TypeError, match="unsupported operand"):
        run(Engine(set()), tmp_path, text=text)
    broken = Engine({"p3"}, lambda name: KeyError(name))
    with pytest.raises(KeyError, match="not p3"):
        run(broken, tmp_path)


def test_a_bug_loses_nothing(tmp_path: Path) -> None:
    broken = Engine({"p19"}, lambda name: KeyError(name))
    with pytest.raises(KeyError):
        run(broken, tmp_path, in_flight=1)
    fixed = Engine(set())
    run(fixed, tmp_path)
    assert fixed.calls == Counter({"p19": 4})


def test_otherwise_catches_what_a_row_would_show(tmp_path: Path) -> None:
    result = run(Engine({"p3"}), tmp_path, text="sample(2).otherwise(identity)")
    assert not any(r.error for r in result.rows)
    (row,) = [r for r in result.rows if r.problem == "p3"]
    assert (row.population, row.answer, row.correct, row.done) == (1, None, False, False)
