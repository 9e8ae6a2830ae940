"""Coalescing: draws of one prompt that are wanted together become one call with ``n``.

The engine then reads the prompt once. Chunks are aligned to multiples of ``n_max`` by the draw's index, so
the calls of ``sample(4)`` and ``sample(256)`` begin at the same places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from itc.backends.attempts import Together, divided, split
from itc.backends.base import Backend, Completion, Middleware, Request, Watch
from itc.concurrency import stop
from itc.errors import BadResponse, ConfigError

_PASSES = 2
"""Passes of the event loop that a chunk stays open. Siblings come within one; the second allows for one
that took a step more on its way. A timer instead would make the calls depend on the machine's speed."""

_in_common = attrgetter(*(f.name for f in fields(Request) if f.name not in ("key", "index", "payer")))


@dataclass(eq=False, slots=True)
class _Member:
    request: Request
    drawn: asyncio.Future[Completion | None]
    """None: no sibling came, so the member makes the call itself. Cancelled when the member is."""
    call: _Call | None = None
    came: Completion | None = None
    """Its draw, wanted or not."""


@dataclass(eq=False, slots=True)
class _Call:
    members: list[_Member]
    task: asyncio.Task[None] | None = None


class Coalesce(Middleware):
    """Makes one call of concurrent requests that have one ``group`` and differ in ``key`` and ``index`` only.

    The call has the key of its lowest member, hence its seed, and the draws go to the members in the order
    of their indices. Requests pass untouched that have no group, have a watch or rate steps, that find no
    sibling, or whose engine lacks ``n``.
    """

    def __init__(self, inner: Backend, n_max: int) -> None:
        """``n_max``: draws in one call at most; 1 turns coalescing off. ConfigError below 1."""
        if n_max < 1:
            raise ConfigError(
                f"n_max is {n_max}; expected 1 or more. With 1 every draw is a call of its own."
            )
        super().__init__(inner)
        self.n_max = n_max
        self._open: dict[Hashable, list[_Member]] = {}
        """Chunks that still take members."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The draw, made alone or with its siblings.

        A call that fails, fails for all members alike; BadResponse when it has not as many draws as
        members. A member that is cancelled leaves the others theirs, and the last one takes the call along;
        where its draw has come by then, the CancelledError has it as its argument.
        """
        if watch is not None or not self._may_group(request):
            return await self.inner.generate(request, watch)
        loop = asyncio.get_running_loop()
        member = _Member(request, loop.create_future())
        slot = (_in_common(request), request.index // self.n_max)
        if slot not in self._open:
            self._open[slot] = []
            loop.call_soon(self._close_chunk, slot, _PASSES - 1)
        self._open[slot].append(member)
        try:
            drawn = await member.drawn
        except asyncio.CancelledError:
            await _leave(member.call)
            if member.came is not None:
                # It is paid for, and the journal wants it.
                raise asyncio.CancelledError(member.came) from None
            raise
        return drawn if drawn is not None else await self.inner.generate(request)

    def _may_group(self, request: Request) -> bool:
        return (
            self.n_max > 1
            and request.group is not None
            and request.n == 1
            and request.score_steps is None
            # vLLM refuses several greedy draws in one call: they would all be the same.
            and request.temperature > 0
            and "n" in self.inner.capabilities
        )

    def _close_chunk(self, slot: Hashable, passes: int) -> None:
        if passes:
            asyncio.get_running_loop().call_soon(self._close_chunk, slot, passes - 1)
            return
        members = [m for m in self._open.pop(slot) if not m.drawn.cancelled()]
        members.sort(key=lambda m: (m.request.index, m.request.key.digest))
        # More than one slice only where two draws of a group have the same index.
        for start in range(0, len(members), self.n_max):
            call = _Call(members[start : start + self.n_max])
            if len(call.members) == 1:
                call.members[0].drawn.set_result(None)
                continue
            for member in call.members:
                member.call = call
            call.task = asyncio.get_running_loop().create_task(self._make(call))

    async def _make(self, call: _Call) -> None:
        asked, wanted = call.members[0].request, len(call.members)
        payers = Together([member.request.payer for member in call.members], asked.max_tokens)
        try:
            first = await self.inner.generate(replace(asked, n=wanted, payer=payers))
            draws = (first.sole(), *first.others)
            if len(draws) != wanted:
                raise BadResponse(
                    f"{self.inner.fingerprint} returned {len(draws)} draws; expected {wanted}, the n of the "
                    "call. Set n_max to 1 for this engine."
                )
            draws = _charged(draws, asked.max_tokens)
        except Exception as error:
            for member, failed in zip(call.members, divided(error, wanted, asked.max_tokens), strict=True):
                if not member.drawn.done():
                    member.drawn.set_exception(failed)
        except asyncio.CancelledError:
            for member in call.members:
                member.drawn.cancel()
            raise
        else:
            for member, drawn in zip(call.members, draws, strict=True):
                member.came = drawn
                if not member.drawn.done():
                    member.drawn.set_result(drawn)


def _charged(draws: tuple[Completion, ...], at_most: int) -> tuple[Completion, ...]:
    """The draws of one call, each with its part of what failed attempts at them cost."""
    first = draws[0]
    if not (first.lost or first.unknown):
        return draws
    lost, unknown = split(first.lost, len(draws), at_most), split(first.unknown, len(draws), at_most)
    return tuple(replace(d, lost=a, unknown=b) for d, a, b in zip(draws, lost, unknown, strict=True))


async def _leave(call: _Call | None) -> None:
    """Give the call up if all its members have left, and wait until its work upstream has ended."""
    if call is None or call.task is None or not all(m.drawn.cancelled() for m in call.members):
        return
    await stop((call.task,))
