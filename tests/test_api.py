"""`itc.run`: from a script and from a running loop, with every form of input; errors come before money."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import itc
from itc.api import blocking
from itc.backends.base import Capability, Completion, Request, Sampling, Usage
from itc.budget.cost import Budget
from itc.budget.prices import Price
from itc.errors import CapabilityError, ConfigError, TaskError
from itc.runs.crew import Progress
from itc.runs.result import Result
from itc.tasks import Example, load

NOTHING: frozenset[Capability] = frozenset()


class Engine:
    """Answers its seed modulo 3, in words, and keeps the requests."""

    def __init__(self, **options: Any) -> None:
        self.requests: list[Request] = []
        self.backend = itc.FunctionBackend(self.answer, name="three", **options)

    def answer(self, request: Request) -> Completion:
        self.requests.append(request)
        if request.score_steps is not None:
            return Completion(scores=tuple(0.5 for _ in request.score_steps), usage=Usage(4, 0, 0))
        text = f"so it is {request.seed % 3}{request.step}"
        logprobs = (-0.5,) if request.logprobs else ()
        return Completion(text, "step" if request.step else "eos", Usage(2, 0, 1), logprobs)


@pytest.fixture
def engine() -> Engine:
    return Engine()


def run(engine: Engine, space: Path, text: Any = "sample(3) >> vote()", **options: Any) -> Result:
    options.setdefault("task", ["What is one?", "What is two?"])
    return itc.run(text, model=engine.backend, workspace=space, **options)


# Inputs


def test_strategies_as_values_and_as_text(engine: Engine, tmp_path: Path) -> None:
    value = run(engine, tmp_path, itc.sample(3) >> itc.vote())
    count = len(engine.requests)
    text = run(engine, tmp_path, "sample(3) >> vote()")
    method = run(engine, tmp_path, "self_consistency(3)")
    assert list(value.rows) == list(text.rows) == list(method.rows)
    assert value.manifest["hash"] == text.manifest["hash"] == method.manifest["hash"]
    assert len(engine.requests) == count == 6


def test_problems_as_strings_problems_and_examples(engine: Engine, tmp_path: Path) -> None:
    problem = itc.Problem("named", "What is one?", "Q: What is one?\nA:", "Be brief.")
    mixed = run(
        engine, tmp_path, task=["What is one?", problem, Example(itc.Problem("g", "x"), "so it is 1")]
    )
    assert [r.problem for r in mixed.rows] == ["0000", "named", "g"]
    assert [r.gold for r in mixed.rows] == [None, None, "so it is 1"]
    assert [r.correct is None for r in mixed.rows] == [True, True, False]
    assert {(r.prompt, r.system) for r in engine.requests} == {
        ("What is one?", ""),
        ("Q: What is one?\nA:", "Be brief."),
        ("x", ""),
    }
    assert mixed.accuracy is not None
    assert run(engine, tmp_path, task=["no gold here"]).accuracy is None
    assert run(engine, tmp_path, task=("a", "tuple")).rows[1].question == "tuple"


def test_tasks_by_name_by_mapping_and_loaded(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text('{"question": "1 + 0?", "answer": "1"}\n{"question": "2 + 0?", "answer": "2"}\n')
    options = {"name": "jsonl", "path": str(file), "rule": "gsm8k"}
    by_mapping = run(engine, tmp_path, task=options)
    loaded = run(engine, tmp_path, task=load("jsonl", path=str(file), rule="gsm8k"))
    assert list(by_mapping.rows) == list(loaded.rows)
    assert [r.gold for r in by_mapping.rows] == ["1", "2"]
    assert all(r.answer in {"0", "1", "2"} for r in by_mapping.rows)
    assert len(run(engine, tmp_path, task=options, problems=1).rows) == 1
    assert options == {"name": "jsonl", "path": str(file), "rule": "gsm8k"}


def test_scorers_functions_and_models(engine: Engine, tmp_path: Path) -> None:
    reward = Engine()
    result = run(
        engine, tmp_path, "sample(2) >> score(prm, last) >> vote(prm)", scorers={"prm": reward.backend}
    )
    assert {len(r.score_steps or ()) for r in reward.requests} == {1}
    assert result.manifest["billed_by_role"]["prm"]["prompt_tokens"] == 4 * len(reward.requests)
    length = itc.scorer()(word_count)
    scored = run(engine, tmp_path, "sample(2) >> score(short) >> top(1, short)", scorers={"short": length})
    assert all(r.calls == 2 for r in scored.rows)


def word_count(c: itc.Candidate) -> float:
    return 1.0 / (1 + len(c.text.split()))


def test_roles(engine: Engine, tmp_path: Path) -> None:
    draft = Engine()
    result = run(engine, tmp_path, "sample(2) | sample(3, role=draft)", roles={"draft": draft.backend})
    assert (len(engine.requests), len(draft.requests)) == (4, 6)
    assert all(r.calls == 5 for r in result.rows)


def test_sampling_price_and_budget(engine: Engine, tmp_path: Path) -> None:
    sampling = Sampling(temperature=0.25, max_tokens=7, stop=("x",), logprobs=False)
    result = run(
        engine, tmp_path, sampling=sampling, price=Price(1.0, None, 2.0), budget=Budget(calls=2), seed=5
    )
    assert {(r.temperature, r.max_tokens, r.stop) for r in engine.requests} == {(0.25, 7, ("x",))}
    assert all((r.calls, r.truncated) == (2, True) for r in result.rows)
    assert result.cost.usd == pytest.approx((2 * 1.0 + 1 * 2.0) / 1e6 * 4)
    other = run(Engine(), tmp_path, seed=6)
    assert {c.key for c in other.candidates}.isdisjoint({c.key for c in result.candidates})


def test_dollars_cap_the_run_and_calls_each_problem(engine: Engine, tmp_path: Path) -> None:
    each = run(engine, tmp_path, task=[f"{i}?" for i in range(10)], budget=Budget(calls=2))
    assert each.cost.calls == 20
    whole = run(Engine(), tmp_path / "x", task=[f"{i}?" for i in range(10)], run_budget=Budget(calls=7))
    assert whole.cost.calls == 7


def test_progress_is_reported(engine: Engine, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def report(p: Progress) -> None:
        seen.append((p.done, p.total))

    run(engine, tmp_path, report=report)
    assert seen == [(1, 2), (2, 2)]


def test_the_result_says_what_was_found(engine: Engine, tmp_path: Path) -> None:
    result = run(engine, tmp_path, task=[Example(itc.Problem("p", "x?"), "1")])
    (solved,) = result.answers
    assert solved.answer is not None
    assert solved.text == f"so it is {solved.answer}"
    assert solved.correct == (solved.answer == "1")
    assert solved.tree.splitlines()[0] == "x?"
    assert len(solved.tree.splitlines()) == 4
    assert solved.tree.count("◀") == 1


# A running loop


def test_inside_a_running_loop(engine: Engine, tmp_path: Path) -> None:
    """As a cell of a notebook: synchronous, in a thread of its own, and the loop is none the worse."""

    async def cell() -> tuple[Result, Result]:
        first = run(engine, tmp_path)
        await asyncio.sleep(0)
        return first, run(engine, tmp_path)

    first, second = asyncio.run(cell())
    assert list(first.rows) == list(second.rows)
    assert len(engine.requests) == 6


def test_errors_inside_a_running_loop(engine: Engine, tmp_path: Path) -> None:
    async def cell() -> None:
        with pytest.raises(ConfigError, match="Unknown strategy 'smaple'"):
            run(engine, tmp_path, "smaple(3)")
        with pytest.raises(ConfigError, match="no scorer has that name"):
            run(engine, tmp_path, "sample() >> score(nobody)")

    asyncio.run(cell())


def test_blocking_returns_and_raises() -> None:
    async def seven() -> tuple[int, str]:
        return 7, threading.current_thread().name

    async def fails() -> None:
        raise KeyboardInterrupt

    async def outer() -> tuple[int, str]:
        with pytest.raises(KeyboardInterrupt):
            blocking(fails())
        return blocking(seven())

    assert blocking(seven()) == (7, "MainThread")
    value, thread = asyncio.run(outer())
    assert value == 7
    assert thread != "MainThread"


# Errors, before anything is spent


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a typo in the strategy": ({"text": "smaple(3)"}, ConfigError, "Did you mean 'sample'"),
    "an unknown argument": ({"text": "sample(m=3)"}, ConfigError, "sample"),
    "not an expression": ({"text": "sample(3"}, ConfigError, "sample.3"),
    "an unknown scorer": ({"text": "sample() >> score(prn)"}, ConfigError, "no scorer has that name"),
    "an unknown role": ({"text": "sample(role=drat)"}, ConfigError, "No model plays the role 'drat'"),
    "step scores without an aggregation": (
        {"text": "sample() >> score(step_likelihood)"},
        ConfigError,
        "say how they add up",
    ),
    "no problems": ({"task": []}, ConfigError, "at least one problem"),
    "an unknown task": ({"task": "gsm9k"}, TaskError, "Did you mean 'gsm8k'"),
    "a mapping without a name": ({"task": {"path": "x"}}, ConfigError, "task.name is missing"),
    "a file that is not there": ({"task": {"name": "jsonl", "path": "/nowhere.jsonl"}}, TaskError, "nowhere"),
    "an unknown option of a task": (
        {"task": {"name": "jsonl", "path": "x", "filed": "y"}},
        TaskError,
        "Did you mean 'field'",
    ),
    "log-probabilities that are switched off": (
        {"text": "sample() >> score(likelihood)", "sampling": Sampling()},
        CapabilityError,
        "switched off",
    ),
    "problems that share an id": (
        {"task": [itc.Problem("same", "x"), itc.Problem("same", "y")]},
        ConfigError,
        "same",
    ),
    "no problem at a time": ({"in_flight": 0}, ConfigError, "in_flight"),
    "no call at a time": ({"concurrency": 0}, ConfigError, "concurrency"),
    "less than no problem at a time": ({"in_flight": -1}, ConfigError, "in_flight"),
    "fewer than one problem": ({"problems": 0}, ConfigError, "problems"),
    "fewer than no problem": ({"problems": -1}, ConfigError, "problems"),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", WRONG)
def test_errors_come_before_money(what: str, engine: Engine, tmp_path: Path) -> None:
    options, kind, message = WRONG[what]
    options = dict(options)
    with pytest.raises(kind, match=message):
        run(engine, tmp_path / "space", options.pop("text", "sample(3) >> vote()"), **options)
    assert not engine.requests


def test_a_backend_that_cannot(tmp_path: Path) -> None:
    weak = Engine(capabilities=NOTHING)
    with pytest.raises(CapabilityError, match="needs continue of function:three"):
        run(weak, tmp_path, "step(2)")
    with pytest.raises(CapabilityError, match="needs logprobs"):
        run(weak, tmp_path, "sample() >> score(likelihood)")
    with pytest.raises(CapabilityError, match="needs score"):
        run(weak, tmp_path, "sample() >> score(prm, last)", scorers={"prm": weak.backend})
    assert not weak.requests


def test_a_model_that_is_described_wrongly(tmp_path: Path) -> None:
    for model, message in (
        ({"nmae": "x"}, "Unknown key model.nmae. Did you mean 'name'"),
        ({"name": "x", "temperature": -1}, "model.temperature=-1"),
        ({"name": "x", "base_url": "nowhere"}, "model.base_url"),
        ({}, "model.name"),
    ):
        with pytest.raises(ConfigError) as error:
            itc.run("sample()", task=["x"], model=model, workspace=tmp_path)
        assert message in str(error.value)


def test_every_public_factory_parses_in_a_fresh_process() -> None:
    """No name is known only because something else was imported before."""
    texts = (
        *("sample(2)", "step() ** 2", "sample() * 2 | empty", "vote()", "distinct()", "resample()"),
        *("reweight()", "sample().until(done, 2)", "sample().grow(done, 2)", "sample().within(calls=1)"),
        *("sample().atomic()", "sample().otherwise(empty)", "race(sample(), sample(2), accept=answered)"),
        *(
            "beam()",
            "best_of_n()",
            "particle_filter()",
            "self_consistency()",
            "score(likelihood)",
            "top(1, x)",
        ),
    )
    route = "import itc\n@itc.router\ndef r(pop, ctx): return 'a'\nprint(itc.parse('route(r, a=sample())'))"
    for code in (route, f"import itc\nfor t in {texts!r}: assert str(itc.parse(t)) or True"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == ""
