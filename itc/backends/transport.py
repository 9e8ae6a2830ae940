"""HTTP to one server: bytes out, bytes in, every failure classified, no secret in any message."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from itc.backends.body import Body
from itc.backends.redaction import forms, redacted
from itc.backends.status import Answer, excerpt, refusal
from itc.errors import BackendError, BadResponse, ConfigError, DeadlineExceeded, Unreachable

BODY_CAP = 64 * 2**20
"""Bytes of one answer at most."""
CONNECT_SECONDS = 30.0
ASK_SECONDS = 30.0
"""For a call that makes no draw."""
KEEP_ALIVE_SECONDS = 4.0
"""Idle connections are dropped before the 5 s after which uvicorn drops them: reusing one that the server
is closing at that moment loses a call."""
_UNSENT = 3
"""Connections that are tried at once for a call of which nothing was sent, each closed by then."""
_NOT_REUSED = {"Connection": "close"}
STREAMED = Answer(200)
"""Stands for an event stream that was taken."""


@dataclass(frozen=True)
class Secret:
    """An API key, or none. Its value shows in no repr."""

    env: str

    def value(self) -> str:
        """The key in the environment variable; '' where it is unset.

        ConfigError for one that no header can hold.
        """
        key = os.environ.get(self.env, "").strip() if self.env else ""
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                f"The environment variable {self.env} holds characters that no HTTP header can carry "
                f"(the value is not shown). Expected printable ASCII; copy the key again."
            )
        return key


class Transport:
    """One session to the server at ``base_url``, each call bounded by ``deadline`` seconds in total.

    BackendError of the fitting class when a call fails; nothing else except CancelledError.
    """

    def __init__(self, base_url: str, secret: Secret, deadline: float) -> None:
        self.base_url = base_url.rstrip("/")
        self.deadline = deadline
        self.key_env = secret.env
        self._secret = secret
        self._hidden: tuple[bytes, ...] = ()
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}

    def _connect(self) -> aiohttp.ClientSession:
        key = self._secret.value()
        self._hidden = forms(key)
        # Bodies are small and latency counts, so compression is not asked for.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            # How many calls are in flight is the business of `Limit`.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
        )
        return self._session

    def _url(self, path: str) -> URL:
        if (url := self._urls.get(path)) is None:
            url = self._urls[path] = URL(path if "://" in path else f"{self.base_url}/{path}")
        return url

    async def close(self) -> None:
        """Close every connection; a call in flight fails."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _redacted(self, blob: bytes) -> bytes:
        # Where the bytes come in, before anything is cut out of them: a server may echo the key.
        return redacted(blob, self._hidden)

    async def post(self, path: str, body: bytes, sent: Callable[[], None] | None = None) -> bytes:
        """The body of the JSON answer (status 200); ``sent`` is told once the request is written."""
        answer = await self._send(path, body, sent)
        if answer.status != 200 or "json" not in answer.type.lower():
            raise self._refused(path, answer, "JSON")
        return answer.body

    async def get(self, path: str) -> Answer:
        """Whatever answer there is; ``path`` may be a whole URL."""
        return await self._call("GET", path, None, seconds=min(self.deadline, ASK_SECONDS))

    async def stream(
        self,
        path: str,
        body: bytes,
        sent: Callable[[], None],
        take: Callable[[bytes], bool],
        refused: Callable[[], None],
    ) -> None:
        """Pass the lines of an event stream to ``take`` until it returns False or the stream ends.

        The connection is closed unless the server had finished: that is what aborts the work upstream.
        ``refused`` is told when an answer comes that is no stream.
        """
        answer = await self._send(path, body, sent, take)
        if answer is not STREAMED:
            refused()
            raise self._refused(path, answer, "an event stream")

    def _refused(self, path: str, answer: Answer, expected: str) -> BackendError:
        return refusal(str(self._url(path)), answer, expected, self.key_env)

    async def _send(
        self,
        path: str,
        body: bytes,
        sent: Callable[[], None] | None,
        take: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        for left in reversed(range(_UNSENT)):
            data = Body(body, sent)
            try:
                return await self._call("POST", path, data, take)
            except Unreachable as error:
                error.free = not data.begun
                if data.begun or not error.connected or not left:
                    raise
        raise AssertionError

    async def _call(
        self,
        method: str,
        path: str,
        data: Body | None,
        take: Callable[[bytes], bool] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        failure: BackendError
        # Failures are raised below, outside of `except`: aiohttp's errors hold the request's headers, and
        # with them the key, and would hang on as __context__.
        seconds = seconds or self.deadline
        # Some servers (llama.cpp) close after a stream without a word; the next call must not meet that.
        headers = _NOT_REUSED if take is not None else None
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                session = self._session or self._connect()
                response = await session.request(
                    method, self._url(path), data=data, headers=headers, allow_redirects=False
                )
                try:
                    if take is not None and response.status == 200 and _is_stream(response):
                        await self._follow(response, take)
                        return STREAMED
                    return await self._whole(response)
                finally:
                    # Nothing to do for an answer read to its end: its connection went back to the pool.
                    response.close()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            whole = isinstance(error.__cause__, ContentEncodingError)
            failure = self._garbled(error) if whole else self._unreachable(error)
        except aiohttp.ClientError as error:
            failure = self._garbled(error)
        except TimeoutError as error:
            failure = self._late(path, seconds) if clock.expired() else self._unreachable(error)
        except OSError as error:
            failure = self._unreachable(error)
        raise failure

    async def _whole(self, response: aiohttp.ClientResponse) -> Answer:
        headers = response.headers
        length = response.content_length
        if length is not None and length <= BODY_CAP and "Content-Encoding" not in headers:
            body = await response.read()
        else:
            pieces: list[bytes] = []
            size = 0
            async for chunk in response.content.iter_any():
                size = _checked(response, size + len(chunk))
                pieces.append(chunk)
            body = b"".join(pieces)
        body = self._redacted(body)
        kind = headers.get("Content-Type", "")
        if response.status == 200 and kind == "application/json":
            return Answer(200, kind, body)
        kind = self._redacted(kind.encode("utf-8", "replace")).decode()
        after = headers.get("Retry-After", "")
        return Answer(response.status, kind, body, after, headers.get("Date", ""))

    async def _follow(self, response: aiohttp.ClientResponse, take: Callable[[bytes], bool]) -> None:
        size = 0
        rest = b""
        async for chunk in response.content.iter_any():
            size = _checked(response, size + len(chunk))
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if not take(self._redacted(line)):
                    return
        take(self._redacted(rest))

    def _excerpt(self, text: str) -> str:
        return excerpt(self._redacted(text.encode("utf-8", "replace")))

    def _late(self, path: str, seconds: float) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self._url(path)} did not finish its answer within {seconds:g} s. "
            f"Try fewer tokens or less concurrency, or raise model.deadline."
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            why = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            away = Unreachable(
                f"Nothing answers at {self.base_url} ({self._excerpt(str(why))}). Start a server "
                f"there (`vllm serve MODEL --port {URL(self.base_url).port}` is one), or set model.base_url."
            )
            away.connected = False
            return away
        what = self._excerpt(str(error)) or type(error).__name__
        return Unreachable(
            f"{self.base_url} dropped the connection before the whole answer came ({what}). "
            f"See the server's log; fewer calls at a time may help."
        )

    def _garbled(self, error: aiohttp.ClientError) -> BadResponse:
        message = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
        return BadResponse(
            f"{self.base_url} answered with something that is not HTTP ({self._excerpt(message)}). "
            f"Check host, port and http/https in model.base_url."
        )


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    return "event-stream" in response.headers.get("Content-Type", "").lower()


def _checked(response: aiohttp.ClientResponse, size: int) -> int:
    if size > BODY_CAP:
        raise BadResponse(
            f"{response.url} sent more than {BODY_CAP // 2**20} MB in one answer. Expected a completion; see "
            f"the server's log."
        )
    return size
