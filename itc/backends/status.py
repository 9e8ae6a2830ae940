"""What a refusal means: an HTTP status and body, classified into the exception tree."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from itc.errors import (
    BackendError,
    BadResponse,
    ContextOverflow,
    RateLimited,
    Rejected,
    ServerFault,
    Unauthorized,
)

SHOWN = 200
"""Characters of a body that an error message shows."""

_OVERFLOW = re.compile(
    r"context[ _-]?(length|size|window)|maximum (context|model|input|sequence)|max_model_len"
    r"|exceed_context|too many (input )?tokens|prompt is too long|longer than the (maximum|model)",
    re.IGNORECASE,
)


_REMEDY = {
    404: "Check model.name, and that model.base_url ends where the API begins (often /v1).",
    413: "Shorten the prompt, or raise the limit of the server or of the proxy before it.",
}
_UPSTREAM = {408, 502, 504, *range(520, 528)}
"""A gateway lost the server behind it, which may have drawn, and bill for it; 52x are Cloudflare's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, as far as it matters here."""

    status: int
    type: str = ""
    """Content type, lower case."""
    body: bytes = b""
    retry_after: str = ""
    date: str = ""


def excerpt(text: str | bytes, limit: int = SHOWN) -> str:
    """The first ``limit`` characters on one line, control characters stripped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(text.split())[:limit]


def shown(value: object) -> str:
    """A value for an error message."""
    return excerpt(repr(value), 120)


def refusal(url: str, answer: Answer, expected: str, key_env: str) -> BackendError:
    """The error that ``answer``, which is not the ``expected`` one, amounts to."""
    status = answer.status
    said = excerpt(answer.body, 4096)
    given = f"{url} answered {status}: {said[:SHOWN]!r}."
    after = seconds_after(answer.retry_after, answer.date)
    if status == 200:
        return BadResponse(
            f"{given} Expected {expected}, got content type {excerpt(answer.type)!r}. "
            f"Check that model.base_url ends where the API begins (often /v1)."
        )
    error = _classified(status, said, given, after, expected, key_env)
    error.free = status >= 300 and status not in _UPSTREAM
    return error


def _classified(
    status: int, said: str, given: str, after: float | None, expected: str, key_env: str
) -> BackendError:
    if status in (401, 403):
        return Unauthorized(
            f"{given} Expected leave to use the model. Put a valid key into the environment variable "
            f"{key_env or 'that model.api_key_env names'}."
        )
    if status == 429 and "insufficient_quota" in said:
        return Rejected(f"{given} The account's quota is used up; waiting does not help.")
    if status == 429:
        return RateLimited(
            f"{given} Expected {expected}. Try fewer calls at a time: lower model.concurrency.",
            retry_after=after,
        )
    if status == 408 or status >= 500:
        return ServerFault(f"{given} Expected {expected}. See the server's log.", retry_after=after)
    if status in (400, 413, 422) and _OVERFLOW.search(said):
        return ContextOverflow(
            f"{given} Prompt and max_tokens do not fit into the model's context. "
            f"Lower max_tokens, shorten the prompt, or serve with a longer context."
        )
    if 400 <= status < 500:
        remedy = _REMEDY.get(status, "Change the setting that it names.")
        return Rejected(f"{given} Expected {expected}; the same request would be refused again. {remedy}")
    if 300 <= status < 400:
        return Rejected(f"{given} Expected {expected}, not a redirect. Set model.base_url to the final URL.")
    return BadResponse(f"{given} Expected 200 with {expected}. See the server's log.")


def event_error(where: str, error: object) -> BackendError:
    """The error that a server reported inside an answer or a stream it had begun."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 300 <= code < 600 else 500
    said = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    given = f"{where} reported an error inside its answer: {excerpt(said)!r}."
    return _classified(status, said, given, None, "a completion", "")


def seconds_after(text: str, date: str = "") -> float | None:
    """A Retry-After header in seconds, ≥ 0: a number or an HTTP date. None where it states nothing.

    A date is read against the server's own clock (``date``, its Date header) where it sent one.
    """
    try:
        seconds = float(text)
    except ValueError:
        try:
            now = parsedate_to_datetime(date).timestamp() if date else time.time()
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
