"""A cap on a run's wall clock, as middleware below the journal: what is journalled is never too late.

Wall clock is outside determinism, so each refusal is recorded: a resumed run refuses the same draws.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from itc.backends.base import Backend, Completion, Middleware, Request, Watch
from itc.errors import BackendError


class OutOfTime(BackendError):
    """The run's seconds were used up before this draw was made; a refusal, like any other cap's."""

    sent = False
    """Whether it was under way when the time ended, so that the engine may charge for it."""


class Decisions(Protocol):
    """Remembers what the clock or a race decided, so that a resumed run decides the same."""

    def get(self, key: bytes) -> bytes | None:
        """What was decided, if it was."""
        ...

    async def put(self, key: bytes, value: bytes) -> None:
        """Returns once it is durable."""
        ...


class Clock:
    """Seconds of a run, those of its earlier, interrupted attempts included."""

    def __init__(self, seconds: float, elapsed: float = 0.0) -> None:
        self.seconds = seconds
        self._start = time.monotonic() - elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, without the time between attempts."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds until the cap; 0 once it has passed."""
        return max(0.0, self.seconds - self.elapsed)


class TimeCap(Middleware):
    """Refuses draws after the clock's end, and ends those in flight then."""

    def __init__(self, inner: Backend, clock: Clock, decisions: Decisions) -> None:
        super().__init__(inner)
        self.clock, self.decisions = clock, decisions

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """OutOfTime after the end; the watch knows what was spent by then."""
        key = request.identity(self.fingerprint, "late:" + (watch.name if watch else ""))
        late = OutOfTime(f"the run's {self.clock.seconds:g} seconds were used up")
        decided = self.decisions.get(key)
        if decided is None:
            left = self.clock.left
            decided = b"sent" if left else b"late"
            if left:
                try:
                    async with asyncio.timeout(left) as limit:
                        return await self.inner.generate(request, watch)
                except TimeoutError as ended:
                    if not limit.expired():
                        raise
                    cut = ended.__cause__
                    if cut is not None and cut.args and isinstance(cut.args[0], Completion):
                        # It had come by then, and is paid for.
                        return cut.args[0]
            await self.decisions.put(key, decided)
        late.sent = decided == b"sent"
        raise late
