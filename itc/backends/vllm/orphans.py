"""Ends processes once standard input closes, if they are still there.

    python orphans.py PID=BEGUN…

Whoever started it holds the other end of that pipe, and the system closes it however that process ends.
vLLM's engine does not notice that its owner was killed: it would stay for ever, with all the memory it was
given. What the engine has started ends with it. Standard library only, as it is run by its path.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path


def main(begun_at: dict[int, str]) -> None:
    """Return once the pipe is closed and none of the processes, given with when they began, is left."""
    while os.read(0, 1):
        pass
    for pid, when in begun_at.items():
        # Another may have the number by now.
        if when and begun(pid) == when:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def begun(pid: int) -> str:
    """When a process began, in the kernel's ticks; '' where there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The name may hold blanks and brackets; the fields after it hold none.
    return told.rpartition(")")[2].split()[19]


if __name__ == "__main__":
    main({int(pid): when for pid, _, when in (word.partition("=") for word in sys.argv[1:])})
