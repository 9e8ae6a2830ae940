"""At most so many calls at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from itc.backends.base import Backend, Completion, Middleware, Request, Watch
from itc.errors import ConfigError


class Limit(Middleware):
    """Lets ``concurrency`` calls through at a time, the others in the order in which they came.

    A call that is cancelled while it waits leaves the queue at once; one that is cancelled while it runs
    gives its place to the first in the queue. ConfigError for a concurrency below 1.
    """

    def __init__(self, inner: Backend, concurrency: int) -> None:
        super().__init__(inner)
        if concurrency < 1:
            raise ConfigError(f"concurrency={concurrency!r}: expected 1 or more calls at a time.")
        self.concurrency = concurrency
        self._free = concurrency
        self._queue: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def in_flight(self) -> int:
        """Calls that run now."""
        return self.concurrency - self._free

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._queue)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The engine's, once there is a place."""
        # A place is never free while someone waits: it is handed over, so nobody can overtake.
        if self._free:
            self._free -= 1
        else:
            await self._turn()
        try:
            return await self.inner.generate(request, watch)
        finally:
            self._leave()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Handed a place and cancelled in the same round of the loop.
                self._leave()
            else:
                self._queue.pop(turn, None)
            raise

    def _leave(self) -> None:
        while self._queue:
            turn, _ = self._queue.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
