"""The guard of an engine's processes: it ends them when their owner is gone, and no others."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from itc.backends.vllm.start import Guard
from tests.backends.processes import ROOT, holders, within

OWNER = f"""
import os, signal, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from itc.backends.vllm.start import Guard
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
held, free = (subprocess.Popen(["sleep", "600"], **quiet) for _ in range(2))
guard = Guard([held.pid])
print(held.pid, free.pid, flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(0)
"""
MARK = "ITC_TEST_ORPHANS"


@pytest.mark.parametrize("how", ["killed", "forgetful"])
def test_what_is_guarded_does_not_outlive_its_owner(how: str, tmp_path: object) -> None:
    owner = subprocess.run(
        [sys.executable, "-c", OWNER, how],
        env={MARK: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert owner.returncode == (-signal.SIGKILL if how == "killed" else 0), owner.stderr
    held, free = map(int, owner.stdout.split())
    try:
        assert within(lambda: holders(str(tmp_path), MARK) == [free], 60)
    finally:
        for pid in {held, free} & set(holders(str(tmp_path), MARK)):
            subprocess.run(["kill", "-9", str(pid)], check=False)


def test_released_it_ends_what_is_left_and_minds_nothing_that_is_gone() -> None:
    gone, left = subprocess.Popen(["true"]), subprocess.Popen(["sleep", "600"])
    gone.wait()
    guard = Guard([gone.pid, left.pid])
    assert left.poll() is None
    guard.release()
    assert left.wait() == -signal.SIGKILL
