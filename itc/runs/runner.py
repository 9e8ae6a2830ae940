"""Runs a strategy over a task: all problems at once, each call paid for once, no cap exceeded."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from itc.answers import Answers, Grader
from itc.backends.base import Backend, Capability
from itc.backends.deadline import Clock
from itc.backends.journal import KEY_BYTES, Journal
from itc.backends.journaled import Journaled, NotJournalled
from itc.budget.cost import ZERO, Cost
from itc.errors import BudgetEnded, Unreachable
from itc.runs.crew import Crew, Progress, Report
from itc.runs.job import Job
from itc.runs.result import Result
from itc.runs.solve import Solution
from itc.runs.store import RunDirectory, StoreError, versions


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
            if any(getattr(engine.backend, "starts", False) for engine in job.engines.values()):
                # Nothing is started for draws that are all there.
                stacks = {
                    role: job.engines[role].stack(journal, clock, decisions, True) for role in job.needs()
                }
                seen: list[Progress] = []
                with contextlib.suppress(NotJournalled):
                    solutions = await self._solved(stacks, clock, decisions, seen.append)
                    if report is not None:
                        report(seen[-1])
                    return self._finish(solutions, stacks)
            async with engines(job, journal, clock, decisions) as (stacks, offline):
                try:
                    solutions = await self._solved(stacks, clock, decisions, report)
                except NotJournalled as missing:
                    raise offline or missing from None
            return self._finish(solutions, stacks)

    async def _solved(
        self,
        stacks: Mapping[str, Journaled],
        clock: Clock | None,
        decisions: RunDecisions,
        report: Report | None,
    ) -> list[Solution]:
        # Strategies get a grader of their own: this one remembers gold answers.
        answers = Answers.named(self.job.task.rule)
        judge = Answers(answers.rule, Grader(answers.rule, pool=answers.grader.pool))
        beat = asyncio.create_task(self._heartbeat()) if clock else None
        try:
            return await Crew(self.job, self.job.roles(stacks), answers, judge, decisions, report).solve()
        finally:
            if beat is not None:
                beat.cancel()
            await answers.aclose()

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
            "model": job.engines["policy"].label or job.engines["policy"].backend.fingerprint,
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
            # A disk that is full for a moment costs a second's count, not the run.
            with contextlib.suppress(StoreError):
                self._note()

    def _finish(self, solutions: list[Solution], stacks: Mapping[str, Journaled]) -> Result:
        rows = [s.row for s in solutions]
        billed: dict[str, Cost] = {}
        for solution in solutions:
            for role, cost in solution.trace.billed.items():
                billed[role] = billed.get(role, ZERO) + cost
        total = sum(billed.values(), ZERO)
        over = sum((s.overrun for s in solutions), ZERO)
        unknown = sum((s.unknown for s in solutions), ZERO)
        failed = any(r.error for r in rows)
        more = {
            "billed": total.as_dict(),
            "billed_by_role": {role: cost.as_dict() for role, cost in sorted(billed.items())},
            "replayed_calls": sum(stack.hits for stack in stacks.values()),
            "retried": sum(s.trace.retried for s in solutions),
            "probes": _probes(self.job),
            "unknown": unknown.as_dict() if unknown != ZERO else {},
            "overrun": over.as_dict() if over != ZERO else {},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        manifest = self._manifest("partial" if failed else "finished", more)
        result = Result(
            rows,
            [c for s in solutions for c in s.candidates],
            [n for s in solutions for n in s.nodes],
            manifest,
            [m for s in solutions for m in s.moments],
        )
        return self.directory.write(result)


def _probes(job: Job) -> dict[str, Any]:
    used = {}
    for role, engine in {id(e.backend): (r, e) for r, e in list(job.engines.items())[::-1]}.values():
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
    opened: list[Backend] = []
    needs = job.needs()
    # One model may play several roles: it is opened once, for all that they need.
    wanted: dict[int, frozenset[str]] = {}
    for role, needed in needs.items():
        at = id(job.engines[role].backend)
        wanted[at] = wanted.get(at, frozenset()) | needed
    try:
        for role in needs:
            backend = job.engines[role].backend
            if any(backend is other for other in opened):
                continue
            opened.append(backend)
            try:
                await backend.open(_capabilities(wanted[id(backend)]))
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
