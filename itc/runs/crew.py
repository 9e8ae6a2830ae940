"""All problems of a job in flight together: admitted in order, solved side by side, counted as they end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from itc.algebra.context import Context, Role, Shape, Trace
from itc.answers import Answers
from itc.backends.deadline import Decisions
from itc.budget.account import Account, Caps
from itc.budget.cost import ZERO, Cost
from itc.errors import BackendError
from itc.runs.admission import Admission
from itc.runs.job import Job
from itc.runs.pace import Pace
from itc.runs.solve import Solution, solve

BEAT = 1.0
"""Seconds between two reports, where nothing happens to report."""


@dataclass
class Progress:
    """Where a run stands; handed to the caller as problems end, and every second in between."""

    total: int
    done: int = 0
    right: int = 0
    graded: int = 0
    failed: int = 0
    truncated: int = 0
    spent: Cost = ZERO
    """At full price, unfinished problems included."""
    billed: Cost = ZERO
    """The part of it that was not replayed."""

    def take(self, solution: Solution) -> None:
        """Count a finished problem."""
        row = solution.row
        self.done += 1
        self.right += bool(row.correct)
        self.graded += row.gold is not None
        self.failed += bool(row.error)
        self.truncated += row.truncated


Report = Callable[[Progress], None]


class Crew:
    """Solves the problems of one job. ``answers`` is for the strategies, ``judge`` for grading."""

    def __init__(
        self,
        job: Job,
        roles: Mapping[str, Role],
        answers: Answers,
        judge: Answers,
        decisions: Decisions,
        report: Report | None,
    ) -> None:
        self.job, self.roles, self.answers, self.judge = job, roles, answers, judge
        self.decisions, self.report = decisions, report
        self.account = Account(job.run_budget)
        self.progress = Progress(len(job.task.examples))
        self._admission = Admission(self.account)
        self._slots = asyncio.Semaphore(job.in_flight)
        self._pace = Pace(engine.backend for engine in job.engines.values())
        self._cap = Caps.of(job.problem_budget)
        self._traces: dict[int, Trace] = {}
        self._billed = ZERO
        self._told = float("-inf")
        self._solutions: dict[int, Solution] = {}
        self._stop: Exception | None = None

    async def solve(self) -> list[Solution]:
        """Every problem, in the task's order.

        The first error that is not a failed call, or one failed problem too many, ends the others and is
        raised: what was received is in the journal.
        """
        beat = asyncio.create_task(self._beat())
        work = asyncio.create_task(self._launch())
        try:
            await work
        except asyncio.CancelledError:
            if self._stop is None:
                raise
        finally:
            beat.cancel()
        if self._stop is not None:
            raise self._stop
        return [self._solutions[i] for i in range(self.progress.total)]

    async def _launch(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        async with asyncio.TaskGroup() as group:
            for index in range(self.progress.total):
                await self._slots.acquire()
                await self._pace.room(lambda: bool(self._traces))
                ctx = await self._admitted(index)
                group.create_task(self._one(index, ctx, me))

    async def _admitted(self, index: int) -> Context:
        trace = self._traces[index] = Trace()
        ctx = Context(
            self.job.task.examples[index].problem,
            self.roles,
            scorers=self.job.scorers,
            answers=self.answers,
            trace=trace,
            decisions=self.decisions,
        )
        worst = ZERO
        if self._admission.capped:
            worst = self._cap.clip(worst_case(self.job, ctx))
        return replace(ctx, account=await self._admission.admit(index, worst, self._cap))

    async def _one(self, index: int, ctx: Context, everyone: asyncio.Task[None]) -> None:
        with self._place(index, ctx):
            try:
                example = self.job.task.examples[index]
                solution = await solve(self.job.strategy, example, ctx, self.judge, self.job.seed)
            except Exception as error:
                self._end(error, everyone)
                return
        self._solutions[index] = solution
        self._billed += _total(self._traces.pop(index))
        self.progress.take(solution)
        if time.monotonic() - self._told > BEAT / 5 or self.progress.done == self.progress.total:
            self._tell()
        if self.job.errors.too_many(self.progress.failed, self.progress.total):
            self._end(solution.failure or BackendError(solution.row.error), everyone)

    @contextlib.contextmanager
    def _place(self, index: int, ctx: Context) -> Iterator[None]:
        try:
            yield
        finally:
            self._admission.leave(index, ctx.account.taken)
            self._slots.release()

    def _end(self, error: Exception, everyone: asyncio.Task[None]) -> None:
        self._stop = self._stop or error
        everyone.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._tell()

    def _tell(self) -> None:
        if self.report is None:
            return
        self._told = time.monotonic()
        billed = self._billed
        for trace in self._traces.values():
            billed += _total(trace)
        self.progress.spent, self.progress.billed = self.account.spent, billed
        self.report(self.progress)


def _total(trace: Trace) -> Cost:
    return sum(trace.billed.values(), ZERO)


def worst_case(job: Job, ctx: Context) -> Cost:
    """The most that the job's strategy can cost on a problem, the job's caps not applied."""
    capped = not (job.problem_budget.unlimited and job.run_budget.unlimited)
    return job.strategy.bound(Shape(capped=capped), ctx)[0]
