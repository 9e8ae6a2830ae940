"""A server that is killed in mid-run: a clear error, and after it is started again nothing is repeated."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import itc
from itc.backends.base import Capability, Completion, Middleware, Request, Sampling, Watch
from itc.backends.journal import Journal
from itc.backends.serve import Served
from itc.errors import Unreachable
from itc.runs.result import Result
from itc.tasks import Task, load
from tests.backends.processes import TOY, holders, real, settings
from tests.runs import toys

PROBLEMS, EACH = 16, 12
DRAWS = PROBLEMS * EACH


class Killer(Middleware):
    """Kills the server with SIGKILL once it has made ``after`` draws, and counts those asked for."""

    def __init__(self, inner: Served, after: int = DRAWS + 1) -> None:
        super().__init__(inner)
        self.served, self.left = inner, after
        self.asked = 0

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        self.asked += request.n
        done = await self.inner.generate(request, watch)
        before, self.left = self.left, self.left - request.n
        if self.left <= 0 < before:
            for pid in set(holders(self.served.server.key.key)) - {self.served.server.pid}:
                os.kill(pid, signal.SIGKILL)
        return done


def run(backend: Killer, task: Task, workspace: Path) -> Result:
    text = f"sample({EACH}) >> vote()"
    sampling = Sampling(max_tokens=48, stop=task.stop, logprobs=False)
    return itc.run(text, task=task, model=backend, workspace=workspace, sampling=sampling, concurrency=8)


def check(served: Served, task: Task, workspace: Path) -> Result:
    first = Killer(served, after=DRAWS // 2)
    with pytest.raises(Unreachable, match=r"has ended with exit code 137"):
        run(first, task, workspace)
    assert not holders(served.server.key.key)
    with Journal.open(toys.journal(workspace)) as journal:
        held = journal.draws
    assert DRAWS // 2 <= held < DRAWS
    second = Killer(served)
    result = run(second, task, workspace)
    assert second.asked == DRAWS - held
    assert result.manifest["replayed_calls"] >= held
    assert result.manifest["status"] == "finished"
    assert not any(row.error for row in result.rows)
    assert not holders(served.server.key.key)
    return result


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_server_of_ones_own(tmp_path: Path) -> None:
    served = settings([*TOY, "--token-seconds", "0.001"], logprobs=False).made()
    assert isinstance(served, Served)
    result = check(served, toys.task(PROBLEMS), tmp_path)
    # What was interrupted equals what never was.
    whole = run(Killer(served), toys.task(PROBLEMS), tmp_path / "whole")
    assert [r.answer for r in whole.rows] == [r.answer for r in result.rows]
    assert whole.cost == result.cost


@pytest.mark.vllm
@pytest.mark.timeout(1200)
def test_vllm(tmp_path: Path) -> None:
    served = real("policy").made()
    assert isinstance(served, Served)
    check(served, load("chain").head(PROBLEMS), tmp_path)


class Counted(Middleware):
    """Counts how often it is opened."""

    opened = 0

    async def open(self, needs: frozenset[Capability]) -> None:
        self.opened += 1
        await super().open(needs)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_nothing_is_started_for_draws_that_are_all_there(tmp_path: Path) -> None:
    """And where one is missing all is as it would have been."""
    served = settings([*TOY, "--token-seconds", "0.001"], logprobs=False).made()
    assert isinstance(served, Served)
    told: list[int] = []

    def ran(n: int, workspace: str) -> tuple[int, Result]:
        counted = Counted(served)
        result = itc.run(
            f"sample({n}) >> vote()",
            task=toys.task(6),
            model=counted,
            workspace=tmp_path / workspace,
            sampling=Sampling(max_tokens=48, logprobs=False),
            report=lambda progress: told.append(progress.done),
        )
        return counted.opened, result

    assert ran(3, "one")[0] == 1
    told.clear()
    opened, fewer = ran(2, "one")
    assert (opened, told) == (0, [6])
    assert fewer.manifest["billed"]["calls"] == 0
    opened, more = ran(5, "one")
    assert opened == 1
    drawn = [{n.key: n.text for n in result.nodes} for result in (fewer, more)]
    assert (len(drawn[0]), len(drawn[1])) == (6 * 2, 6 * 5)
    assert drawn[0].items() <= drawn[1].items()
    assert fewer.rows == ran(2, "two")[1].rows
