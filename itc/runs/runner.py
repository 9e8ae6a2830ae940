"""Runs a strategy over a task: all problems at once, each call paid for once, no cap exceeded."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from itc.algebra.context import Context, Role, Shape, Trace
from itc.answers import Answers, Grader
from itc.backends.base import Capability
from itc.backends.deadline import Clock
from itc.backends.journal import KEY_BYTES, Journal, Journaled, NotJournalled
from itc.budget.account import Account, Caps
from itc.budget.cost import ZERO, Cost
from itc.errors import BackendError, BudgetEnded, Unreachable
from itc.runs.admission import Admission
from itc.runs.job import Job
from itc.runs.rows import Result
from itc.runs.solve import Solution, solve
from itc.runs.store import RunDirectory, versions


@dataclass
class Progress:
    """Where a run stands; handed to the caller after every problem."""

    total: int
    done: int = 0
    right: int = 0
    graded: int = 0
    failed: int = 0
    truncated: int = 0
    spent: Cost = ZERO
    billed: Cost = ZERO

    def take(self, solution: Solution) -> None:
        """Count a finished problem."""
        row = solution.row
        self.done += 1
        self.right += bool(row.correct)
        self.graded += row.gold is not None
        self.failed += bool(row.error)
        self.truncated += row.truncated
        self.spent += row.cost
        for cost in solution.trace.billed.values():
            self.billed += cost


Report = Callable[[Progress], None]


class RunDecisions:
    """The decisions of one run in the workspace's journal."""

    def __init__(self, journal: Journal, run: str) -> None:
        self.journal, self.salt = journal, run.encode()

    def get(self, key: bytes) -> bytes | None:
        """What was decided, if it was."""
        return self.journal.get_decision(self._key(key))

    async def put(self, key: bytes, value: bytes) -> None:
        """Returns once it is durable."""
        await self.journal.put_decision(self._key(key), value)

    def _key(self, key: bytes) -> bytes:
        return blake2b(self.salt + key, digest_size=KEY_BYTES).digest()


async def execute(job: Job, report: Report | None = None) -> Result:
    """Run a job to its end, or read it if it has ended before.

    ConfigError and CapabilityError before anything is spent; BusyError; BackendError when too many
    problems failed; BudgetEnded when no problem got an answer for want of budget.
    """
    job.check()
    with RunDirectory(job.directory) as directory:
        before = directory.manifest()
        if before.get("status") == "finished":
            result = directory.read()
        else:
            directory.write_config(str(job.config.get("yaml", "")))
            with _rare_collections():
                result = await _Run(job, directory, before).complete(report)
    if result.rows and all(r.answer is None and r.truncated for r in result.rows):
        raise BudgetEnded(
            f"The budget ended before any of {len(result.rows)} problems had an answer. The first draw may "
            "cost more than the cap allows: see `itc plan`, and raise the budget or lower model.max_tokens."
        )
    return result


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    # A run holds millions of frozen objects without cycles: each full collection scans them in vain.
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@dataclass
class _Run:
    job: Job
    directory: RunDirectory
    before: dict[str, Any]
    started: float = field(default_factory=time.monotonic)

    async def complete(self, report: Report | None) -> Result:
        job = self.job
        clock = None
        if job.run_budget.seconds != float("inf"):
            clock = Clock(float(job.run_budget.seconds), float(self.before.get("seconds", 0.0)))
        self._note()
        with Journal.open(job.workspace / "journal.sqlite") as journal:
            decisions = RunDecisions(journal, job.hash)
            async with engines(job, journal, clock, decisions) as (stacks, offline):
                # Strategies get a grader of their own: this one remembers gold answers.
                answers = Answers.named(job.task.rule)
                judge = Answers(answers.rule, Grader(answers.rule, pool=answers.grader.pool))
                beat = asyncio.create_task(self._heartbeat()) if clock else None
                try:
                    roles = job.roles(stacks)
                    solutions = await solve_all(job, roles, answers, judge, decisions, report)
                except NotJournalled as missing:
                    raise offline or missing from None
                finally:
                    if beat is not None:
                        beat.cancel()
                    await answers.aclose()
            return self._finish(solutions, stacks)

    def _note(self) -> None:
        self.directory.write_manifest(self._manifest("running", {}))

    def _manifest(self, status: str, more: Mapping[str, Any]) -> dict[str, Any]:
        job = self.job
        seconds = float(self.before.get("seconds", 0.0)) + time.monotonic() - self.started
        return {
            "status": status,
            "directory": str(job.directory),
            "hash": job.hash,
            "task": job.task.name,
            "strategy": str(job.strategy),
            "name": job.name,
            "model": getattr(getattr(job.engines["policy"].backend, "config", None), "name", None)
            or job.engines["policy"].backend.fingerprint,
            "seed": job.seed,
            "seconds": round(seconds, 3),
            "attempts": int(self.before.get("attempts", 0)) + 1,
            "started": self.before.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset_sha256": job.task.sha256,
            "identity": job.identity(),
            "versions": versions() if status != "running" else self.before.get("versions", {}),
            **more,
        }

    async def _heartbeat(self) -> None:
        # The seconds of an attempt that is killed count too, to within one.
        while True:
            await asyncio.sleep(1.0)
            self._note()

    def _finish(self, solutions: list[Solution], stacks: Mapping[str, Journaled]) -> Result:
        rows = [s.row for s in solutions]
        billed: dict[str, Cost] = {}
        for solution in solutions:
            for role, cost in solution.trace.billed.items():
                billed[role] = billed.get(role, ZERO) + cost
        total = Cost()
        for cost in billed.values():
            total += cost
        over = ZERO
        for solution in solutions:
            over += solution.overrun
        failed = any(r.error for r in rows)
        more = {
            "billed": total.as_dict(),
            "billed_by_role": {role: cost.as_dict() for role, cost in sorted(billed.items())},
            "replayed_calls": sum(stack.hits for stack in stacks.values()),
            "retried": sum(s.trace.retried for s in solutions),
            "probes": _probes(self.job),
            "overrun": over.as_dict() if over != ZERO else {},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        manifest = self._manifest("partial" if failed else "finished", more)
        result = Result(
            rows,
            [c for s in solutions for c in s.candidates],
            [n for s in solutions for n in s.nodes],
            manifest,
        )
        self.directory.write(result)
        return result


def _probes(job: Job) -> dict[str, Any]:
    used = {}
    for role, engine in job.engines.items():
        usage = getattr(engine.backend, "probe_usage", None)
        if usage is not None and (usage.prompt_tokens or usage.completion_tokens):
            used[role] = engine.price.cost(
                usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
            ).as_dict()
    return used


@contextlib.asynccontextmanager
async def engines(
    job: Job, journal: Journal, clock: Clock | None, decisions: RunDecisions
) -> AsyncIterator[tuple[dict[str, Journaled], Unreachable | None]]:
    """The engines in their middleware, open. A server that is away matters only if a call is missing from
    the journal: then everything is replayed, and the second value is the error to raise at a miss.
    """
    offline: Unreachable | None = None
    opened = []
    needs = job.needs()
    try:
        for role, needed in needs.items():
            backend = job.engines[role].backend
            opened.append(backend)
            try:
                await backend.open(_capabilities(needed))
            except Unreachable as error:
                offline = error
        stacks = {
            role: job.engines[role].stack(journal, clock, decisions, offline is not None) for role in needs
        }
        yield stacks, offline
    finally:
        for backend in opened:
            await backend.close()


def _capabilities(names: frozenset[str]) -> frozenset[Capability]:
    return frozenset(names)  # type: ignore[arg-type]


async def solve_all(
    job: Job,
    roles: Mapping[str, Role],
    answers: Answers,
    judge: Answers,
    decisions: RunDecisions | None,
    report: Report | None,
) -> list[Solution]:
    """Every problem, all in flight together up to the job's limit; in the task's order. ``answers`` is for
    the strategies, ``judge`` for grading.

    The first error that is not a failed call, or one failed problem too many, ends the others and is
    raised: what was received is in the journal.
    """
    examples = job.task.examples
    admission = Admission(Account(job.run_budget))
    progress = Progress(len(examples))
    slots = asyncio.Semaphore(job.in_flight)
    solutions: dict[int, Solution] = {}
    cap = Caps.of(job.problem_budget)
    stop: list[Exception] = []

    async def one(index: int, ctx: Context, group: asyncio.Task[None] | None) -> None:
        try:
            solution = await solve(job.strategy, examples[index], ctx, judge, job.seed)
        except Exception as error:
            stop.append(error)
            if group is not None:
                group.cancel()
            return
        finally:
            admission.leave(index, ctx.account.spent)
            slots.release()
        solutions[index] = solution
        progress.take(solution)
        if report is not None:
            report(progress)
        if _too_many(progress, job) and group is not None:
            stop.append(solution.failure or BackendError(solution.row.error))
            group.cancel()

    async def launch() -> None:
        me = asyncio.current_task()
        async with asyncio.TaskGroup() as group:
            for index, example in enumerate(examples):
                await slots.acquire()
                ctx = Context(
                    example.problem,
                    roles,
                    scorers=job.scorers,
                    answers=answers,
                    trace=Trace(),
                    decisions=decisions,
                )
                worst = ZERO
                if admission.capped:
                    worst = cap.clip(worst_case(job, ctx))
                account = await admission.admit(index, worst, cap)
                group.create_task(one(index, replace(ctx, account=account), me))

    try:
        await asyncio.create_task(launch())
    except asyncio.CancelledError:
        if not stop:
            raise
    if stop:
        raise stop[0]
    return [solutions[i] for i in range(len(examples))]


def worst_case(job: Job, ctx: Context) -> Cost:
    """The most that the job's strategy can cost on a problem, the job's caps not applied."""
    capped = not (job.problem_budget.unlimited and job.run_budget.unlimited)
    return job.strategy.bound(Shape(capped=capped), ctx)[0]


def _too_many(progress: Progress, job: Job) -> bool:
    most, fraction = job.errors.most, job.errors.fraction
    if most is not None and progress.failed > most:
        return True
    return progress.failed > max(1.0, fraction * progress.total) or (progress.failed == progress.total == 1)
