"""A process that kills itself where none outside could aim: in a commit, as a journal opens, in a replay."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from itc.backends.journal_file import JournalFile
from itc.backends.journaled import Journaled
from tests.runs.ledger import MARK

METHODS = {"commit": "add", "open": "__init__", "replay": "get_many"}


@dataclass(frozen=True)
class Mine:
    """SIGKILL at the ``number``-th commit, opening of the file or look-up, from 1."""

    at: Literal["commit", "open", "replay"]
    number: int
    when: Literal["before", "within", "after"] = "before"
    seconds: float = 0.0
    """After its beginning, if within: it may have ended by then."""

    def __str__(self) -> str:
        return f"{self.at} {self.number}, " + (f"{1000 * self.seconds:.1f} ms" if self.seconds else self.when)

    def lay(self) -> None:
        """In this process."""
        real: Callable[..., Any] = getattr(JournalFile, METHODS[self.at])
        seen = count(1)

        def watched(*arguments: Any, **named: Any) -> Any:
            mine = next(seen) == self.number
            if mine and self.when == "before":
                _die()
            if mine and self.when == "within":
                threading.Thread(target=self._later, daemon=True).start()
            result = real(*arguments, **named)
            if mine and self.when == "after":
                _die()
            return result

        setattr(JournalFile, METHODS[self.at], watched)

    def _later(self) -> None:
        time.sleep(self.seconds)
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def note_what_is_used(file: str) -> None:
    """Append the mark of each draw to a file once a strategy may use it; what is written survives a kill."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    real = Journaled.generate

    async def generate(self: Journaled, *arguments: Any, **named: Any) -> Any:
        drawn = await real(self, *arguments, **named)
        os.write(descriptor, f"{drawn.text[:MARK]}\n".encode())
        return drawn

    Journaled.generate = generate  # type: ignore[method-assign]
