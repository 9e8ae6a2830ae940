"""A counting proxy: everything goes through to one server, and is booked under the contestant it came from.

    python evals/peers/proxy.py http://127.0.0.1:8000        # prints its own address
    curl ADDRESS/-/books                                     # what was counted so far, as JSON

A contestant uses ``ADDRESS/NAME/v1`` as its base URL, NAME being anything it likes; a reward model of the
same server is at ``ADDRESS/NAME/pooling``. Tokens are read off the ``usage`` of replies, whole or streamed:
they are the server's own counts, and nothing that a contestant says of itself counts. GETs pass uncounted.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from serving import serve

DRAWS, RATINGS = "policy", "reward model"
_DROPPED = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that belong to one connection."""


@dataclass
class Book:
    """What one contestant asked of one of the two models."""

    calls: int = 0
    failed: int = 0
    """Calls that were answered with another status than 200, or not at all."""
    prompt: int = 0
    """Tokens, those in ``cached`` included."""
    cached: int = 0
    """Tokens of prompts that the server says it had not to compute."""
    completion: int = 0
    """Tokens."""
    peak: int = 0
    """Most calls in flight at a time."""
    in_flight: int = 0

    def add(self, usage: object) -> None:
        """Book the ``usage`` of a reply; nothing where it is no object."""
        if not isinstance(usage, dict):
            return
        self.prompt += usage.get("prompt_tokens") or 0
        self.completion += usage.get("completion_tokens") or 0
        self.cached += (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0


def usage_of(body: bytes, streamed: bool) -> object:
    """The usage that a reply tells; of a stream the last that is told. None where there is none."""
    if not streamed:
        return _field(body)
    told: object = None
    for line in body.splitlines():
        if line.startswith(b"data:") and b'"usage"' in line:
            told = _field(line[5:]) or told
    return told


def _field(text: bytes) -> object:
    try:
        reply = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return reply.get("usage") if isinstance(reply, dict) else None


@dataclass
class Proxy:
    """Forwards to ``upstream``, the address of a server without ``/v1``."""

    upstream: str
    books: dict[str, dict[str, Book]] = field(default_factory=dict)
    """By contestant and model."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """When the first call of each contestant came and the last was answered."""
    _session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """To be served by aiohttp."""
        app = web.Application(client_max_size=2**26)
        app.cleanup_ctx.append(self._connected)
        app.router.add_get("/-/books", self._tell)
        app.router.add_route("*", "/{name}/{path:.*}", self._forward)
        return app

    async def _connected(self, _: web.Application) -> Any:
        connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            yield

    async def _tell(self, _: web.Request) -> web.Response:
        told = {
            name: {"seconds": self.seconds[name], "roles": {role: asdict(b) for role, b in books.items()}}
            for name, books in self.books.items()
        }
        return web.Response(body=orjson.dumps(told), content_type="application/json")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        name, path = request.match_info["name"], request.match_info["path"]
        body = await request.read()
        if request.method == "GET":
            return await self._relay(request, path, body, Book())
        role = RATINGS if path.rpartition("/")[2] in ("pooling", "classify", "score") else DRAWS
        book = self.books.setdefault(name, {}).setdefault(role, Book())
        book.calls += 1
        book.in_flight += 1
        book.peak = max(book.peak, book.in_flight)
        times = self.seconds.setdefault(name, [time.monotonic(), 0.0])
        failed = True
        try:
            reply = await self._relay(request, path, body, book)
            failed = reply.status != 200
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=f"{self.upstream}: {error}") from None
        finally:
            book.failed += failed
            book.in_flight -= 1
            times[1] = time.monotonic()
        return reply

    async def _relay(self, request: web.Request, path: str, body: bytes, book: Book) -> web.StreamResponse:
        assert self._session is not None
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _DROPPED}
        url = f"{self.upstream}/{path}"
        async with self._session.request(
            request.method, url, data=body, headers=headers, params=request.query
        ) as answer:
            if not answer.content_type.startswith("text/event-stream"):
                whole = await answer.read()
                book.add(usage_of(whole, streamed=False))
                return web.Response(body=whole, status=answer.status, content_type=answer.content_type)
            out = web.StreamResponse(status=answer.status, headers={"Content-Type": "text/event-stream"})
            await out.prepare(request)
            seen = b""
            async for part in answer.content.iter_any():
                seen += part
                await out.write(part)
            book.add(usage_of(seen, streamed=True))
            await out.write_eof()
            return out


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("upstream", help="address of the server, without /v1")
    options.add_argument("--port", type=int, default=0)
    asked = options.parse_args()
    asyncio.run(serve(Proxy(asked.upstream.rstrip("/")).app(), asked.port))
