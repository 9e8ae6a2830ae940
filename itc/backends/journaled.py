"""An engine over the journal: what the journal holds is replayed, and what it does not is stored."""

from __future__ import annotations

import asyncio
from copy import copy

from itc.backends.attempts import OutOfBudget
from itc.backends.base import Backend, Capability, Completion, Middleware, Request, Usage, Watch
from itc.backends.journal import Journal
from itc.errors import EXIT_BACKEND, BackendError, ItcError


class NotJournalled(ItcError):
    """A draw is not in the journal, and nothing may be asked of the engine.

    No failed call: a strategy that goes on where a call failed must not go on here, since with its engine it
    would have had the draw.
    """

    exit_code = EXIT_BACKEND


def _paid(error: Exception) -> Exception:
    """The same failure for others who wait for the call: what it cost is booked by who made it."""
    if isinstance(error, BackendError) and (error.sold or error.unknown):
        error = copy(error)
        error.sold = error.unknown = ()
    return error


class Journaled(Middleware):
    """Replays what the journal holds and stores what it does not, before anyone may use it.

    Identical requests that are made at the same time share one call. A draw that an unnamed watch cut is
    not stored, since its key does not say where it would be cut again. Requests with ``n`` > 1 never come
    here: coalescing sits below.
    """

    def __init__(self, inner: Backend, journal: Journal, *, replay_only: bool = False) -> None:
        """``replay_only``: the engine is neither opened nor called, and a miss raises NotJournalled."""
        super().__init__(inner)
        self.journal = journal
        self.replay_only = replay_only
        self.hits = 0
        """Draws that were replayed."""
        self.misses = 0
        """Draws that the engine made."""
        self.billed = Usage()
        """Tokens of the draws that the engine made."""
        self._turns: dict[bytes, asyncio.Future[None]] = {}
        """By key, a future that ends when the call under way does."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The stored draw, or a new one once it is stored.

        A replayed draw is followed by ``watch`` as one piece, so that its counts are those of the full
        price, with ``sent`` left False. JournalError when it cannot be stored; NotJournalled.
        """
        key = request.identity(self.inner.fingerprint, watch.name if watch is not None else "")
        while (turn := self._turns.get(key)) is not None:
            # Raises as the call does. One that was cancelled, or whose budget ended, stored nothing, so the
            # next of us makes it.
            await asyncio.shield(turn)
        turn = self._turns[key] = asyncio.get_running_loop().create_future()
        try:
            if (blob := await self.journal.fetch(key)) is not None:
                return self._replay(blob, watch)
            return await self._draw(key, request, watch)
        except OutOfBudget:
            raise
        except Exception as error:
            turn.set_exception(_paid(error))
            turn.exception()  # marks it as seen: there may be no one else who waits
            raise
        finally:
            del self._turns[key]
            if not turn.done():
                turn.set_result(None)

    async def _draw(self, key: bytes, request: Request, watch: Watch | None) -> Completion:
        if self.replay_only:
            raise NotJournalled(
                f"The journal {self.journal.path} does not hold the draw {key.hex()} of "
                f"{self.inner.fingerprint}. Run without replay_only to make it."
            )
        try:
            drawn = await self.inner.generate(request, watch)
        except asyncio.CancelledError as cut:
            if cut.args and isinstance(cut.args[0], Completion):
                await self._keep(key, cut.args[0], watch)
            raise
        return await self._keep(key, drawn, watch)

    async def _keep(self, key: bytes, drawn: Completion, watch: Watch | None) -> Completion:
        self._bill(drawn.usage)
        if drawn.finish == "cut" and not (watch is not None and watch.name):
            return drawn
        blob = drawn.dump()
        stored = await self.journal.put(key, blob)
        # Another process was first: everyone uses its draw.
        return drawn if stored == blob else Completion.load(stored)

    def _replay(self, blob: bytes, watch: Watch | None) -> Completion:
        self.hits += 1
        held = Completion.load(blob)
        if watch is not None:
            watch.prompt_tokens = held.usage.prompt_tokens
            told = (held.token_logprobs, held.token_confidences)
            watch.follow(held.text, held.usage.completion_tokens, *told)
        return held

    def _bill(self, usage: Usage) -> None:
        self.misses += 1
        self.billed = Usage(
            self.billed.prompt_tokens + usage.prompt_tokens,
            self.billed.cached_tokens + usage.cached_tokens,
            self.billed.completion_tokens + usage.completion_tokens,
        )

    async def open(self, needs: frozenset[Capability]) -> None:
        """Open the engine, unless only replaying."""
        if not self.replay_only:
            await self.inner.open(needs)

    async def close(self) -> None:
        """Close the engine. The journal belongs to whoever opened it."""
        if not self.replay_only:
            await self.inner.close()
