"""What a run would cost at worst, and what of it the journal already holds. Spends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itc.algebra.context import Context, Trace
from itc.answers import Answers
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled, NotJournalled
from itc.budget.account import Account, Caps
from itc.budget.cost import ZERO, Cost
from itc.errors import BackendError, StrategyFailed
from itc.runs.crew import worst_case
from itc.runs.job import Job
from itc.runs.runner import RunDecisions
from itc.types import Population


@dataclass(frozen=True)
class Plan:
    """Worst cases and holdings of a job."""

    job: Job
    dearest: Cost
    """The worst case of the problem whose worst case is worst, unit by unit."""
    total: Cost
    """The sum of all problems' worst cases, caps of each problem applied."""
    held_calls: int
    """Calls of this very run that the journal already has, up to the first one it lacks on each path."""
    finished: bool

    def summary(self) -> dict[str, Any]:
        """Everything a table or a machine wants, as plain values; an infinite bound is None."""
        job = self.job
        sampling = job.engines["policy"].sampling
        return {
            "run": str(job.directory),
            "task": job.task.name,
            "problems": len(job.task.examples),
            "strategy": str(job.strategy),
            "stop": list(sampling.stop),
            "step": sampling.step,
            "worst_case_per_problem": _finite(self.dearest),
            "worst_case": _finite(self.total),
            "budget_run": job.run_budget.stated(),
            "budget_problem": job.problem_budget.stated(),
            "held_calls": self.held_calls,
            "finished": self.finished,
        }


def _finite(cost: Cost) -> dict[str, Any]:
    return {unit: None if value == float("inf") else value for unit, value in cost.as_dict().items()}


async def plan(job: Job) -> Plan:
    """Bound every problem, and run the strategy on the journal alone, where there is one.

    ConfigError for a job that cannot run. No server is contacted.
    """
    job.check()
    roles = job.roles({role: engine.backend for role, engine in job.engines.items()})
    dearest, total = ZERO, ZERO
    cap = Caps.of(job.problem_budget)
    for example in job.task.examples:
        cost = cap.clip(worst_case(job, Context(example.problem, roles, scorers=job.scorers)))
        dearest, total = dearest | cost, total + cost
    finished = _finished(job)
    held = await _held(job) if (job.workspace / "journal.sqlite").exists() else 0
    return Plan(job, dearest, total, held, finished)


def _finished(job: Job) -> bool:
    from itc.runs.store import RunDirectory

    return RunDirectory(job.directory).manifest().get("status") == "finished"


async def _held(job: Job) -> int:
    with Journal.open(job.workspace / "journal.sqlite") as journal:
        decisions = RunDecisions(journal, job.hash)
        stacks = {
            role: Journaled(engine.backend, journal, replay_only=True) for role, engine in job.engines.items()
        }
        roles = job.roles(stacks)
        answers = Answers.named(job.task.rule)
        trace = Trace()
        try:
            for example in job.task.examples:
                account = Account(job.problem_budget)
                ctx = Context(example.problem, roles, account, job.scorers, answers, trace, decisions)
                try:
                    await job.strategy(Population.root(example.problem, job.seed), ctx)
                except (NotJournalled, BackendError, StrategyFailed):
                    continue
        finally:
            await answers.aclose()
        return sum(stack.hits for stack in stacks.values())
