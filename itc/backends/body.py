"""The body of a request, which knows whether anything of the request has left."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import aiohttp

_HUNG_UP = getattr(select, "POLLRDHUP", 0)


class Body(aiohttp.payload.Payload):
    """A request body of any size that says when it has been written, and is not written to who hung up.

    aiohttp writes it, and the headers with it, some time after it took the connection: as many steps of other
    tasks later as there are. A server that closes idle connections may have closed this one by then.
    """

    def __init__(self, body: bytes, sent: Callable[[], None] | None) -> None:
        """``sent`` is told once it is written."""
        super().__init__(body, content_type="application/json")
        self._size = len(body)
        self._sent = sent
        self.begun = False
        """Whether anything of the request may have been sent."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: Any) -> None:
        if _closed(writer.transport):
            raise ConnectionResetError("closed while it was idle")
        self.begun = True
        await writer.write(self._value)
        if self._sent is not None:
            self._sent()

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:  # noqa: ARG002
        await self.write(writer)


def _closed(transport: Any) -> bool:
    if transport is None or transport.is_closing():
        return True
    # The event loop may not have been told yet.
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), _HUNG_UP)
    return bool(poll.poll(0))
