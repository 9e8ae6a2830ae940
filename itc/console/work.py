"""Doing what was composed: running or planning a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from itc.config import Settings
from itc.console import tables
from itc.console.arguments import Arguments
from itc.console.compose import Composed
from itc.console.interrupts import Interruptible
from itc.console.progress import Shown, progress
from itc.console.terminal import emit, say, warn
from itc.errors import EXIT_INTERRUPTED
from itc.runs.job import Job
from itc.runs.plan import plan
from itc.runs.result import Result
from itc.runs.runner import execute
from itc.runs.store import RunDirectory
from itc.tasks import Task

Summary = dict[str, Any]


class Kind(Protocol):
    """What is done with a job: run it, or plan it."""

    @property
    def head(self) -> tuple[str, ...]:
        """Columns of a sweep's table."""

    def do(self, job: Job, composed: Composed, arguments: Arguments) -> Summary:
        """Do it. Plain values, for a table or as JSON. ItcError; KeyboardInterrupt."""

    def show(self, summary: Summary) -> None:
        """Print one job on its own."""

    def row(self, name: str, summary: Summary) -> tuple[str, ...]:
        """One job of a sweep."""

    def stopped(self, job: Job) -> Summary:
        """Where an interrupted job stands."""


class Running:
    """`Kind` of ``itc run``."""

    head: tuple[str, ...] = tables.RUN_HEAD

    def __init__(self, signals: Interruptible) -> None:
        self._signals = signals
        self._shown = Shown()

    def do(self, job: Job, composed: Composed, arguments: Arguments) -> Summary:  # noqa: ARG002
        """Run it to its end."""
        self._shown.last = None
        finished = RunDirectory(job.directory).manifest().get("status") == "finished"
        with progress(self._shown, len(job.task.examples)) as report:
            result = self._signals.run(execute(job, report))
        return {
            **result.summary(),
            "already_finished": finished,
            "largest_population": max((r.population for r in result.rows), default=0),
            "answers": _answers(result),
        }

    def show(self, summary: Summary) -> None:
        """The table, and the answers where nothing else says how good they are."""
        if summary["already_finished"]:
            say("This run was finished before: nothing was done, and nothing was spent.")
        tables.result(summary)
        tables.answers(summary)

    def row(self, name: str, summary: Summary) -> tuple[str, ...]:
        """Accuracy and costs."""
        return tables.run_row(name, summary)

    def stopped(self, job: Job) -> Summary:
        """How many problems were done."""
        done = self._shown.last.done if self._shown.last else 0
        problems = len(job.task.examples)
        warn(f"stopped after {done} of {problems} problems; the same command resumes")
        return {"status": "interrupted", "done": done, "problems": problems, "run": str(job.directory)}


def _answers(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "problem": r.problem,
            "answer": r.answer,
            "correct": r.correct,
            "truncated": r.truncated,
            "error": r.error,
        }
        for r in result.rows
    ]


class Planning:
    """`Kind` of ``itc plan``."""

    head: tuple[str, ...] = tables.PLAN_HEAD

    def __init__(self, signals: Interruptible) -> None:
        self._signals = signals

    def do(self, job: Job, composed: Composed, arguments: Arguments) -> Summary:
        """Bound it, and look into the journal."""
        found = self._signals.run(plan(job)).summary()
        return {
            **found,
            "config": composed.config,
            "yaml": composed.yaml,
            "command": arguments.command("run"),
        }

    def show(self, summary: Summary) -> None:
        """Configuration, worst case, holdings and the command that runs it."""
        say(summary["yaml"])
        tables.plan(summary)
        say()
        say(f"to run it:  {summary['command']}")

    def row(self, name: str, summary: Summary) -> tuple[str, ...]:
        """Worst cases."""
        return tables.plan_row(name, summary)

    def stopped(self, job: Job) -> Summary:
        """Nothing was begun."""
        warn("interrupted")
        return {"status": "interrupted", "run": str(job.directory)}


KINDS: dict[str, type[Running] | type[Planning]] = {"run": Running, "plan": Planning}


class Jobs:
    """Builds jobs; tasks with the same content are kept once."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, int], Task] = {}

    def build(self, composed: Composed) -> Job:
        """The job, checked as far as it can be before anything is spent. ItcError."""
        if composed.error is not None:
            raise composed.error
        job = Settings.read(composed.config).job(composed.yaml)
        job.check()
        _warn_of_backslashes(job)
        _warn_of_free_dollars(job)
        _warn_of_uncounted_time(job)
        kept = self._tasks.setdefault((job.task.sha256, len(job.task.examples)), job.task)
        return replace(job, task=kept) if kept == job.task else job


def _warn_of_backslashes(job: Job) -> None:
    sampling = job.engines["policy"].sampling
    given = [*sampling.stop, *([sampling.step] if sampling.step else [])]
    if wrong := [text for text in given if "\\n" in text]:
        warn(
            f"warning: {wrong[0]!r} holds a backslash and an n, not a line break, which no model writes "
            "by itself. In bash a line break is typed as in model.step=$'\"\\n\"'."
        )
    if "\\\\n" in str(job.strategy):
        warn(
            "warning: a text in the strategy holds a backslash and an n, not a line break: write '\\n' with "
            "one backslash."
        )


def _warn_of_free_dollars(job: Job) -> None:
    capped = {**job.run_budget.stated(), **job.problem_budget.stated()}
    if "usd" in capped and not any(engine.price.charges for engine in job.engines.values()):
        warn(
            "warning: budget.usd caps nothing, for the model is free: state model.price.prompt and "
            "model.price.completion in US dollars a million tokens, or model.hardware.name for its rent."
        )


def _warn_of_uncounted_time(job: Job) -> None:
    counted = {role: job.engines[role].price.roofline is not None for role in job.needs()}
    if any(counted.values()) and not all(counted.values()):
        missing = ", ".join(sorted(role for role, known in counted.items() if not known))
        warn(
            f"warning: idealised time leaves out the calls of {missing}, whose hardware is not known. Name "
            "it, as in scorer.model.hardware.name=l4 or roles.judge.hardware.name=l4."
        )


def single(kind: Kind, jobs: Sequence[Composed], arguments: Arguments) -> int:
    """One job. ItcError when it fails."""
    job = Jobs().build(jobs[0])
    try:
        summary = kind.do(job, jobs[0], arguments)
    except KeyboardInterrupt:
        stopped = kind.stopped(job)
        if arguments.json:
            emit(stopped)
        return EXIT_INTERRUPTED
    if arguments.json:
        emit(summary)
    else:
        kind.show(summary)
    return 0
