"""Given solutions, rated by a reward model step by step; each rating is paid for once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from itc.algebra.context import Context, Trace
from itc.algebra.text import parse
from itc.backends.journal import Journal
from itc.backends.journaled import NotJournalled
from itc.budget.account import Account
from itc.budget.cost import ZERO, Cost
from itc.errors import ConfigError, ContextOverflow
from itc.keys import Key
from itc.runs.crew import Progress
from itc.runs.job import Job
from itc.runs.runner import RunDecisions, engines
from itc.runs.store import RunDirectory
from itc.scorers.base import ModelScorer
from itc.tasks.processbench import Labelled
from itc.types import Candidate, Step

TOO_LONG, REFUSED = "too long", "refused"


@dataclass(frozen=True, slots=True)
class Rating:
    """The scores of a solution, or why it has none."""

    solution: Labelled
    scores: tuple[float, ...]
    """One in [0,1] for each step; none where ``lacks`` says why."""
    lacks: str = ""
    """``too long`` for the model's context, ``refused`` by the budget; else empty."""


@dataclass(frozen=True)
class Ratings:
    """What rating some solutions gave and cost."""

    ratings: tuple[Rating, ...]
    """In the order of the solutions."""
    spent: Cost
    """At full price."""
    billed: Cost
    """The part of it that was not replayed from the journal."""
    directory: Path
    """Where `write` puts the rows."""

    def write(self, summary: dict[str, Any]) -> None:
        """``rows.jsonl``, a line a solution in order, and ``summary.json``; each whole or not at all."""
        lines = [orjson.dumps(_row(r)) for r in self.ratings]
        blobs = {"rows.jsonl": b"".join(line + b"\n" for line in lines)}
        blobs["summary.json"] = orjson.dumps(summary, option=orjson.OPT_INDENT_2)
        for name, blob in blobs.items():
            partial = self.directory / f".{name}.partial"
            partial.write_bytes(blob)
            partial.replace(self.directory / name)


def _row(r: Rating) -> dict[str, Any]:
    return {
        "id": r.solution.problem.id,
        "subset": r.solution.subset,
        "question": r.solution.problem.question,
        "steps": r.solution.steps,
        "first_error": r.solution.first_error,
        "scores": r.scores,
        "lacks": r.lacks,
    }


async def rate(
    job: Job, scorer: str, solutions: Sequence[Labelled], report: Callable[[Progress], None]
) -> Ratings:
    """Rate all solutions by the job's scorer, within its run budget; its strategy is of no account.

    Solutions with the same text are rated once, and one that is too long for the model not at all.
    ConfigError where the scorer is no reward model that rates steps; BusyError while another process does the
    same; BackendError when a call fails: what was rated before is in the journal.
    """
    rater = job.scorers.get(scorer)
    if not isinstance(rater, ModelScorer) or not rater.stepwise:
        raise ConfigError(
            f"scorer.role={scorer!r} is played by no reward model that rates steps. Choose one with scorer=, "
            "for example scorer=embedded."
        )
    job = replace(job, strategy=parse(f"score({scorer}, last)"))
    job.check()
    distinct = {_text(s): s for s in reversed(solutions)}
    trace, progress = Trace(), Progress(len(distinct))
    account, slots = Account(job.run_budget), asyncio.Semaphore(job.in_flight)
    found: dict[_Text, Rating] = {}
    directory = _directory(job, scorer, solutions)
    with RunDirectory(directory), Journal.open(job.workspace / "journal.sqlite") as journal:
        decisions = RunDecisions(journal, job.hash)
        async with engines(job, journal, None, decisions) as (stacks, offline):
            roles = job.roles(stacks)

            async def one(solution: Labelled) -> None:
                ctx = Context(solution.problem, roles, account, job.scorers, trace=trace, decisions=decisions)
                found[_text(solution)] = await _rating(rater, solution, ctx)
                slots.release()
                progress.done += 1
                progress.spent, progress.billed = account.spent, sum(trace.billed.values(), ZERO)
                report(progress)

            try:
                async with asyncio.TaskGroup() as group:
                    for solution in reversed(distinct.values()):
                        await slots.acquire()
                        group.create_task(one(solution))
            except BaseExceptionGroup as failures:
                first = failures.exceptions[0]
                raise (offline or first if isinstance(first, NotJournalled) else first) from None
    rated = tuple(replace(found[_text(s)], solution=s) for s in solutions)
    return Ratings(rated, account.spent, sum(trace.billed.values(), ZERO), directory)


async def _rating(rater: ModelScorer, solution: Labelled, ctx: Context) -> Rating:
    given = Candidate(Key(ctx.problem.id), tuple(Step(text) for text in solution.steps), done=True)
    try:
        (scores,) = await rater([given], ctx)
    except ContextOverflow:
        return Rating(solution, (), TOO_LONG)
    return Rating(solution, (), REFUSED) if scores is None else Rating(solution, scores)


_Text = tuple[str, tuple[str, ...]]


def _text(solution: Labelled) -> _Text:
    return solution.problem.question, solution.steps


def _directory(job: Job, scorer: str, solutions: Sequence[Labelled]) -> Path:
    asked = [(s.problem.id, s.problem.question, s.steps, s.first_error) for s in solutions]
    whole = [job.engines[scorer].backend.fingerprint, asked, job.run_budget.stated()]
    name = blake2b(orjson.dumps(whole), digest_size=4).hexdigest()
    return job.workspace / "evaluate-prm" / job.task.name / name
