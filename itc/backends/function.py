"""A plain Python function as an engine: for tests, for toy models, for anything not worth a server."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import get_args

from itc.backends.base import Capability, Completion, Request, Usage, Watch, byte_bound
from itc.errors import BadResponse, CapabilityError

ALL: frozenset[Capability] = frozenset(get_args(Capability))
USUAL = ALL - {"n", "alternatives", "confidence", "vocabulary"}

Reply = Completion | str | Awaitable[Completion]


class FunctionBackend:
    """``f(request)`` makes the draw; it may be a coroutine function.

    A string it returns is a finished draw whose tokens are its white-space separated words. Determinism is
    the function's own: take randomness from ``request.seed``. A function that can tell alternatives or
    confidences, for each token, is declared with ``capabilities=``.
    """

    def __init__(
        self,
        f: Callable[[Request], Reply],
        *,
        name: str | None = None,
        capabilities: frozenset[Capability] = USUAL,
    ) -> None:
        self.f = f
        self._name = name or getattr(f, "__qualname__", type(f).__qualname__)
        self._capabilities = capabilities

    @property
    def fingerprint(self) -> str:
        """The function's name: rename it, or pass ``name=``, when it changes what it draws."""
        return f"function:{self._name}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """As given at construction."""
        return self._capabilities

    def prompt_bound(self, request: Request) -> int:
        """UTF-8 bytes."""
        return byte_bound(request)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Call the function. BadResponse when it returns something else than a draw, or leaves out the
        alternatives or confidences that were asked for.
        """
        if watch is not None:
            watch.sent = True
        reply = self.f(request)
        if inspect.isawaitable(reply):
            reply = await reply
        if isinstance(reply, str):
            reply = _spoken(reply, request)
        if not isinstance(reply, Completion):
            raise BadResponse(
                f"{self._name} returned {type(reply).__name__}; expected a Completion or a str."
            )
        for asked, name in (
            (request.alternatives, "alternatives"),
            (request.confidence, "token_confidences"),
        ):
            if asked and (have := len(getattr(reply, name))) != reply.usage.completion_tokens:
                raise BadResponse(
                    f"{self._name} returned {have} {name} for {reply.usage.completion_tokens} tokens; "
                    f"expected one for each. Where the function has none, leave them out of capabilities=."
                )
        if not reply.text.isascii():
            # The journal keeps UTF-8, which has no lone surrogates.
            reply = replace(reply, text=reply.text.encode("utf-8", "replace").decode())
        if watch is not None:
            watch.prompt_tokens = reply.usage.prompt_tokens
            told = (reply.token_logprobs, reply.token_confidences)
            watch.follow(reply.text, reply.usage.completion_tokens, *told)
        return reply

    async def open(self, needs: frozenset[Capability]) -> None:
        """CapabilityError when something needed was not declared."""
        if missing := needs - self._capabilities:
            raise CapabilityError(
                f"The strategy needs {', '.join(sorted(missing))} of {self.fingerprint}, which provides "
                f"{', '.join(sorted(self._capabilities))}. Declare it with capabilities=."
            )

    async def close(self) -> None:
        """Nothing to release."""


def _spoken(text: str, request: Request) -> Completion:
    words = len(text.split())
    return Completion(text, "eos", Usage(len(request.prompt.split()), 0, min(words, request.max_tokens)))
