"""An engine that cannot start or dies in mid-run: a clear error, nothing lost, and it can be opened again."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import itc
from itc.backends.base import Completion, Request
from itc.backends.vllm import VLLMBackend
from itc.errors import BackendError, ConfigError, Unreachable
from itc.keys import Key
from itc.tasks import load
from tests.backends.processes import ROOT, holders, within
from tests.backends.vllm.shared import REAL, SHIPPED, config
from tests.runs import toys

pytestmark = [*REAL, pytest.mark.slow, pytest.mark.timeout(1200)]

POLICY = SHIPPED / "policy"


def opened(**changes: Any) -> None:
    backend = VLLMBackend(config(POLICY, **changes))
    try:
        asyncio.run(backend.open(frozenset()))
    finally:
        asyncio.run(backend.close())


class Watched(VLLMBackend):
    """Knows the process of its engine."""

    async def open(self, needs: frozenset[Any]) -> None:
        before = {p.pid for p in multiprocessing.active_children()}
        await super().open(needs)
        (self.process,) = [p for p in multiprocessing.active_children() if p.pid not in before]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid or 0, number)


@pytest.fixture
def by_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU this variable, which other tests set, goes before the fraction."""
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)


@pytest.mark.usefixtures("by_fraction")
def test_more_memory_than_there_is_says_what_was_asked_and_what_to_lower() -> None:
    with pytest.raises(Unreachable, match=r"memory_fraction=1\.0.*Lower model\.max_model_len"):
        opened(memory_fraction=1.0)


@pytest.mark.usefixtures("by_fraction")
def test_too_little_memory_for_one_draw_likewise() -> None:
    with pytest.raises(Unreachable, match=r"memory_fraction=0\.001"):
        opened(memory_fraction=0.001)


def test_a_length_that_the_model_cannot_have_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigError, match="max_model_len"):
        opened(max_model_len=1_000_000)


def test_batch_invariance_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="batch_invariant"):
        opened(batch_invariant=True)


def test_a_killed_engine_is_told_and_can_be_opened_again() -> None:
    async def main() -> None:
        backend = Watched(config(POLICY))
        await backend.open(frozenset())
        request = Request("Question: 1 + 1?\nAnswer:", Key("fault"), max_tokens=8)
        first = await backend.generate(request)

        def asked(numbers: range) -> list[asyncio.Task[Completion]]:
            requests = [Request("Question:", Key("long", i), max_tokens=900) for i in numbers]
            return [asyncio.create_task(backend.generate(r)) for r in requests]

        tasks = asked(range(4))
        await asyncio.sleep(0.05)
        # On a busy machine those may have ended by now; what an engine is asked that stands still has not.
        backend.signal(signal.SIGSTOP)
        tasks += asked(range(4, 8))
        await asyncio.sleep(0.05)
        backend.signal(signal.SIGKILL)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        died = [o for o in outcomes if isinstance(o, BackendError)]
        assert len(died) >= 4
        assert all(not e.retryable and "died in mid-run" in str(e) for e in died)
        with pytest.raises(BackendError, match="died in mid-run"):
            await backend.generate(request)
        await backend.close()
        assert not backend.process.is_alive()
        await backend.open(frozenset())
        assert await backend.generate(request) == first
        await backend.close()

    asyncio.run(main())


class Fragile(Watched):
    """Its engine is killed when it has made so many draws; counts those it was asked for."""

    def __init__(self, lives: int) -> None:
        super().__init__(config(POLICY))
        self.lives = lives
        self.made: list[Key] = []

    async def generate(self, request: Request, watch: Any = None) -> Any:
        drawn = await super().generate(request, watch)
        self.made.append(request.key)
        if len(self.made) == self.lives:
            self.signal(signal.SIGKILL)
        return drawn


def test_a_run_whose_engine_died_goes_on_and_repeats_nothing(tmp_path: Path) -> None:
    def run(model: VLLMBackend, folder: str) -> itc.api.Result:
        return itc.run(
            "self_consistency(8)",
            task=load("chain").head(12),
            model=model,
            workspace=tmp_path / folder,
            concurrency=1000,
        )

    fragile, again, whole = Fragile(40), Fragile(10**9), Fragile(10**9)
    with pytest.raises(BackendError, match="died in mid-run"):
        run(fragile, "broken")
    resumed = run(again, "broken")
    assert set(fragile.made).isdisjoint(again.made)
    assert len(fragile.made) + len(again.made) == 12 * 8
    assert toys.tables(resumed) == toys.tables(run(whole, "whole"))


OWNER = """
import asyncio, os, signal
from itc.backends.vllm import VLLMBackend
from tests.backends.vllm.shared import SHIPPED, config
async def main():
    backend = VLLMBackend(config(SHIPPED / "policy"))
    await backend.open(frozenset())
    if os.environ["ENDS"] == "closed":
        await backend.close()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["killed", "closed"])
def test_its_processes_do_not_outlive_their_owner(how: str, tmp_path: Path) -> None:
    """Those of the engine, which were spawned with the environment of the owner, and the guard."""
    (tmp_path / "owner.py").write_text(OWNER)
    given = {**os.environ, "ENDS": how, "PYTHONPATH": str(ROOT), "ITC_TEST_OWNER": str(tmp_path)}
    owner = subprocess.run(
        [sys.executable, str(tmp_path / "owner.py")],
        env=given,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert owner.returncode == (-signal.SIGKILL if how == "killed" else 0)
    assert within(lambda: not holders(str(tmp_path), "ITC_TEST_OWNER"), 60)
