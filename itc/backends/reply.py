"""The OpenAI protocol, inward: an answer as draws, checked in every field."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from itc.backends.base import Completion, Request, Usage
from itc.backends.status import event_error, excerpt, shown
from itc.backends.told import Told, check_told, logprobs
from itc.backends.wire import Wire
from itc.errors import BackendError, BadResponse, Rejected, ServerFault
from itc.types import Finish

TOKEN_CHARACTERS = 1024
"""Of the text of one token at most; the longest tokens of published vocabularies have some hundred."""


def read(wire: Wire, request: Request, blob: bytes, bound: Callable[[Request], int]) -> Completion:
    """The draws of a whole answer: the first, with the ``others``. BadResponse when anything is amiss; what
    the server says it served all the same is told with it.

    ``bound`` gives the most prompt tokens a request can have.
    """
    reply = parsed(wire, blob)
    try:
        return _read(wire, request, reply, blob, bound)
    except BackendError as error:
        with contextlib.suppress(BadResponse):
            if (usage := count(wire, reply.get("usage"), request)) is not None:
                error.sold = ((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens),)
        raise


def _read(
    wire: Wire, request: Request, reply: dict[str, Any], blob: bytes, bound: Callable[[Request], int]
) -> Completion:
    raw = reply.get("choices")
    if not isinstance(raw, list) or len(raw) != request.n:
        found = len(raw) if isinstance(raw, list) else "no list of"
        raise BadResponse(f"{wire.where} sent {found} choices, expected {request.n}: {excerpt(blob)!r}.")
    usage = count(wire, reply.get("usage"), request)
    choices = _ordered(wire, raw)
    counted = usage.completion_tokens if usage is not None else request.n * request.max_tokens
    check_size(wire, request, sum(len(_text(wire, c)) for c in choices), counted)
    if request.n == 1:
        usage = usage or Usage(bound(request), 0, request.max_tokens)
        return _draw(wire, request, choices[0], reply, usage)
    if usage is None:
        tokens = [request.max_tokens] * request.n
        usage = Usage(bound(request), 0, 0)
    else:
        tokens = _shares(wire, usage.completion_tokens, choices, request.max_tokens)
    # The server counts the prompt once for all draws, so the first one carries it.
    counts = [
        Usage(usage.prompt_tokens, usage.cached_tokens, tokens[0]),
        *(Usage(0, 0, t, usage.prompt_tokens) for t in tokens[1:]),
    ]
    draws = [_draw(wire, request, c, reply, u) for c, u in zip(choices, counts, strict=True)]
    return replace(draws[0], others=tuple(draws[1:]))


def parsed(wire: Wire, blob: bytes) -> dict[str, Any]:
    """A JSON object. BadResponse when it is none, ServerFault or another refusal when it is an error."""
    try:
        reply = orjson.loads(blob)
    except orjson.JSONDecodeError as error:
        # JSON has no NaN, so a server that writes one ends here too.
        raise BadResponse(
            f"{wire.where} sent a body of {len(blob)} bytes that is not valid JSON ({error}): "
            f"{excerpt(blob)!r}. Expected one object; a truncated body or a NaN causes this."
        ) from None
    if not isinstance(reply, dict):
        raise BadResponse(f"{wire.where} sent {excerpt(blob)!r}, expected a JSON object.")
    if reply.get("error"):
        raise event_error(wire.where, reply["error"])
    return reply


def _ordered(wire: Wire, raw: list[Any]) -> list[dict[str, Any]]:
    slots: list[dict[str, Any] | None] = [None] * len(raw)
    for choice in raw:
        index = choice.get("index") if isinstance(choice, dict) else None
        if type(index) is not int or not 0 <= index < len(raw) or slots[index] is not None:
            raise BadResponse(
                f"{wire.where} sent a choice with index {shown(index)}; "
                f"expected each of 0…{len(raw) - 1} once."
            )
        slots[index] = choice
    return [choice for choice in slots if choice is not None]


def _draw(
    wire: Wire, request: Request, choice: dict[str, Any], reply: dict[str, Any], usage: Usage
) -> Completion:
    text, finish = ending(wire, request, choice, _text(wire, choice), reply)
    # Kept where the user asked for them; where they serve to count, draws alone and in groups stay equal.
    kept = ids(choice) if wire.drawn is not None or "return_token_ids" in wire.extra else ()
    if wire.drawn is not None:
        kept = wire.drawn(kept, text)
    told = Told()
    told.add(wire, request, choice)
    draw = told.completion(request, text, finish, usage, kept)
    check_told(wire, request, draw)
    return draw


def _text(wire: Wire, choice: dict[str, Any]) -> str:
    if wire.api == "chat":
        message = choice.get("message")
        text = spoken(message) if isinstance(message, dict) else None
    else:
        text = choice.get("text")
    if not isinstance(text, str):
        raise BadResponse(
            f"{wire.where} sent a choice whose text is no string, expected one: {shown(choice)}."
        )
    return text


def spoken(message: dict[str, Any]) -> object:
    """The text of a chat message; '' for one whose tokens all went into separate reasoning."""
    text = message.get("content")
    if text is None and any(isinstance(message.get(k), str) for k in ("reasoning", "reasoning_content")):
        return ""
    return text


def check_size(wire: Wire, request: Request, characters: int, tokens: int) -> None:
    """BadResponse for more characters than that many tokens can make."""
    # Some servers repeat the answer so far.
    if characters > request.n * len(request.prefix) + tokens * TOKEN_CHARACTERS:
        error = BadResponse(
            f"{wire.where} sent {characters} characters of text and a count of {tokens} tokens; expected no "
            f"more than {TOKEN_CHARACTERS} for each. See the server's log."
        )
        if (rest := request.n * request.max_tokens - tokens) > 0:
            error.unknown = ((0, 0, rest),)  # the count is not believed
        raise error


def ending(
    wire: Wire, request: Request, choice: Mapping[str, Any], text: str, reply: Mapping[str, Any]
) -> tuple[str, Finish]:
    """The text and why it ended. BadResponse for a reason that is missing or unknown."""
    reason = choice.get("finish_reason")
    if reason == "length":
        return text, "length"
    if reason == "stop":
        if not request.step or request.step in request.stop:
            return text, "eos"
        known, matched = _matched(wire, choice, reply)
        if matched == request.step:
            return text + request.step, "step"
        return text, "eos" if known else "open"
    if reason in ("error", "abort"):
        raise ServerFault(f"{wire.where} broke off a draw (finish_reason {reason!r}). See the server's log.")
    if reason == "content_filter":
        raise Rejected(f"{wire.where} withheld a draw by its content filter. Rephrase the prompt.")
    raise BadResponse(f"{wire.where} sent finish_reason {shown(reason)}, expected 'stop' or 'length'.")


def _matched(wire: Wire, choice: Mapping[str, Any], reply: Mapping[str, Any]) -> tuple[bool, object]:
    """Whether the server says what ended the text, and the stop string if it was one."""
    matched = choice.get("stop_reason", choice.get("matched_stop"))  # vLLM; SGLang
    if matched is not None:
        return True, matched  # an integer is a token id that ended the text
    verbose = reply.get("__verbose")
    if isinstance(verbose, dict) and verbose.get("stop_type") in ("eos", "word"):
        return True, verbose.get("stopping_word") if verbose["stop_type"] == "word" else None
    return wire.says_eos, None


def ids(choice: Mapping[str, Any]) -> tuple[int, ...]:
    """The tokens that a choice lists; () where it lists none."""
    listed = choice.get("token_ids")
    return tuple(listed) if isinstance(listed, list) and all(type(i) is int for i in listed) else ()


def count(wire: Wire, usage: object, request: Request) -> Usage | None:
    """The token counts of a call; None where they are missing and the policy is to charge the bound."""
    if usage is None and wire.usage == "bound":
        return None
    if not isinstance(usage, dict):
        raise BadResponse(
            f"{wire.where} sent no usage; expected the token counts that say what the call cost. "
            f"Set model.usage=bound to charge the most it can have cost."
        )
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion, cached = usage.get("prompt_tokens"), usage.get("completion_tokens"), cached or 0
    for value in (prompt, completion, cached):
        if type(value) is not int or value < 0:
            raise BadResponse(f"{wire.where} sent usage {shown(usage)}; expected token counts ≥ 0.")
    assert isinstance(prompt, int)
    assert isinstance(completion, int)
    if completion > request.n * request.max_tokens or cached > prompt:
        raise BadResponse(
            f"{wire.where} sent usage {shown(usage)} for {request.n} × {request.max_tokens} tokens; expected "
            f"no more completion tokens than asked for, nor cached ones than the prompt has."
        )
    return Usage(prompt, cached, completion)


def _shares(wire: Wire, total: int, choices: list[dict[str, Any]], at_most: int) -> list[int]:
    # By the tokens each draw lists where all do, by length of text where not.
    weights = [len(ids(c)) or len(logprobs(wire, c)) for c in choices]
    if not all(weights):
        weights = [len(str(c.get("text") or c.get("message")).encode("utf-8", "replace")) for c in choices]
    return shares(total, weights, at_most)


def shares(total: int, weights: Sequence[int], at_most: int) -> list[int]:
    """``total`` divided by ``weights`` ≥ 0: integers that sum to it, none above ``at_most``."""
    weights = weights if any(weights) else [1] * len(weights)
    whole = sum(weights)
    if whole == total and max(weights) <= at_most:
        return list(weights)
    parts = [min(at_most, total * w // whole) for w in weights]
    rest = total - sum(parts)
    for i, part in enumerate(parts):
        more = min(rest, at_most - part)
        parts[i] += more
        rest -= more
    return parts
