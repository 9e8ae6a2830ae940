"""``itc.run``: the whole framework from Python, synchronous at the edge, also inside a running loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from itc.algebra.context import Scorer
from itc.algebra.strategy import Strategy, count
from itc.backends.base import Backend, Sampling
from itc.budget.cost import UNLIMITED, Budget
from itc.budget.prices import Price
from itc.config import task_of
from itc.errors import ConfigError
from itc.library import parse
from itc.models import model_of
from itc.runs.crew import Report
from itc.runs.job import Engine, Errors, Job
from itc.runs.result import Result
from itc.runs.runner import execute
from itc.scorers.base import SCORERS, FunctionScorer, ModelScorer
from itc.scorers.judge import JudgeScorer
from itc.tasks import Example, Task, content_sha256
from itc.types import Problem

T = TypeVar("T")

Model = Backend | Mapping[str, Any]
"""A backend, or the fields of a served model: ``{"name": …, "base_url": …}``."""


def run(
    strategy: Strategy | str,
    *,
    task: str | Mapping[str, Any] | Task | Sequence[str | Problem | Example],
    model: Model,
    scorers: Mapping[str, FunctionScorer | JudgeScorer | Model] | None = None,
    roles: Mapping[str, Model] | None = None,
    budget: Budget = UNLIMITED,
    run_budget: Budget = UNLIMITED,
    problems: int | None = None,
    seed: int = 0,
    workspace: str | Path = "runs",
    sampling: Sampling | None = None,
    price: Price | None = None,
    concurrency: int = 64,
    in_flight: int = 512,
    errors: Errors | None = None,
    report: Report | None = None,
    name: str = "",
) -> Result:
    """Run a strategy over a task and grade it.

    ``task`` is a registered name, a mapping of its options, or the problems themselves. Of ``budget``,
    dollars and seconds cap the whole run and the other units each problem; ``run_budget`` caps the whole
    run in any unit. ``name`` is what tables call the strategy: what was given where it is a text, and its
    expression otherwise. ``scorers`` adds scorers by name; a model among them rates steps. Running the same
    again resumes, and repeats no call. Errors as of `itc.runs.runner.execute`.
    """
    name = name or str(strategy)
    if isinstance(strategy, str):
        strategy = parse(strategy)
    work = _task(task)
    if problems is not None:
        work = work.head(count(problems, "problems", 1))
    whole, each = budget.scopes()
    known: dict[str, Scorer] = dict(SCORERS)
    engines = {"policy": _engine(model, work, sampling, price, concurrency)}
    for name, played in (roles or {}).items():
        engines[name] = _engine(played, work, sampling, None, concurrency)
    for name, scorer in (scorers or {}).items():
        if isinstance(scorer, FunctionScorer):
            known[name] = scorer
        elif isinstance(scorer, JudgeScorer):
            known[name] = scorer.named(name)
        else:
            known[name] = ModelScorer(name)
            engines[name] = _engine(scorer, work, None, None, concurrency)
    job = Job(
        task=work,
        strategy=strategy,
        engines=engines,
        scorers=known,
        run_budget=whole & run_budget,
        problem_budget=each,
        seed=seed,
        workspace=Path(workspace),
        name=name,
        in_flight=in_flight,
        errors=errors or Errors(),
    )
    return blocking(execute(job, report))


def blocking(work: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result; in a thread of its own where a loop already runs (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        running = False
    else:
        running = True
    if not running:
        return asyncio.run(work)
    outcome: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=target, name="itc")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _engine(
    model: Model, task: Task, sampling: Sampling | None, price: Price | None, concurrency: int
) -> Engine:
    if isinstance(model, Mapping):
        return model_of(model).engine(task)
    chosen = sampling or Sampling(stop=task.stop, step=task.step_delimiter, logprobs=True)
    n_max = 16 if "n" in model.capabilities else 1
    return Engine(model, chosen, price or Price(), concurrency, n_max)


def _task(task: str | Mapping[str, Any] | Task | Sequence[str | Problem | Example]) -> Task:
    if isinstance(task, Task):
        return task
    if isinstance(task, str):
        return task_of({"name": task})
    if isinstance(task, Mapping):
        return task_of(task)
    examples = [_example(i, x) for i, x in enumerate(task)]
    if not examples:
        raise ConfigError("task=[]: expected at least one problem.")
    content = content_sha256((e.problem.question, e.gold) for e in examples)
    return Task("problems", tuple(examples), "math", content, "given in Python", "")


def _example(index: int, given: str | Problem | Example) -> Example:
    if isinstance(given, Example):
        return given
    problem = given if isinstance(given, Problem) else Problem(f"{index:04d}", given)
    return Example(problem=problem, gold=None)
