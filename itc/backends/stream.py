"""A streamed draw: server-sent events in, one completion out, a watcher told of every piece."""

from __future__ import annotations

from typing import Any

from itc.backends.base import Completion, Request, Usage, Watch
from itc.backends.reply import check_size, count, ending, ids, parsed, spoken
from itc.backends.status import shown
from itc.backends.told import Told, check_told
from itc.backends.wire import Wire
from itc.errors import BackendError, BadResponse, Unreachable
from itc.types import Finish


class Draw:
    """Takes the lines of an event stream; `completion` once they have ended or the watcher cut them.

    Counts are the server's where it states them in every event. Elsewhere a piece counts as the tokens it
    lists, or as one, until the usage at the end of the stream replaces the sum; a draw that is cut never
    sees that end. ``usage: bound`` then counts a token for each byte of its text.
    """

    def __init__(self, wire: Wire, request: Request, watch: Watch, prompt_bound: int) -> None:
        self.wire, self.request, self.watch = wire, request, watch
        self.text = ""
        self.cut = False
        self._told = Told()
        self._ids: list[int] = []
        self._tokens = 0
        self._usage: Usage | None = None
        self._end: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._ended = False
        self._prompt = prompt_bound

    def sent(self) -> None:
        """The request is written: from here on it may cost something."""
        self.watch.sent = True
        # Until the server has counted, whoever cancels must settle for the most it can be.
        self.watch.prompt_tokens = self._prompt

    def refused(self) -> None:
        """The server answered without drawing: like a draw that is not streamed, it costs nothing."""
        self.watch.sent, self.watch.prompt_tokens = False, 0

    def failed(self, error: BackendError) -> None:
        """Tell with the error what the draw may have cost beyond what was followed. Where nothing was, what
        the server says it served is told with it too: the draw may be made again, and the watch must know
        nothing of this one."""
        if not self.watch.sent:
            return
        prompt, made = 0, self.watch.completion_tokens
        if not (self.watch.text or made):
            if (usage := self._usage) is not None:
                made = usage.completion_tokens
                error.sold = ((usage.prompt_tokens, usage.cached_tokens, made),)
            else:
                prompt = self._prompt
            self.refused()
        counted = self._usage is not None and self._end is not None
        rest = 0 if counted else max(0, self.request.max_tokens - made)
        if prompt or rest:
            error.unknown = ((prompt, 0, rest),)

    def take(self, line: bytes) -> bool:
        """One line; False when no more are wanted. BadResponse when it is not of an event stream."""
        line = line.strip()
        if not line.startswith(b"data:"):
            if line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                # llama.cpp: `error: {…}`.
                label, _, rest = line.partition(b":")
                if label == b"error":
                    parsed(self.wire, b'{"error":' + rest + b"}")
                raise BadResponse(
                    f"{self.wire.where} sent {shown(line)} in a stream; expected lines of server-sent events."
                )
            return True
        data = line[5:].strip()
        if data == b"[DONE]":
            self._ended = True
            return False
        return self._event(parsed(self.wire, data))

    def _event(self, event: dict[str, Any]) -> bool:
        choices = event.get("choices", [])
        if not isinstance(choices, list) or len(choices) > 1:
            raise BadResponse(f"{self.wire.where} streamed {shown(choices)}; expected one choice.")
        tokens: int | None = None
        prompt, made = _so_far(event)
        if event.get("usage") is not None:
            self._usage = usage = count(self.wire, event["usage"], self.request)
            assert usage is not None
            prompt, made = usage.prompt_tokens, usage.completion_tokens
        if prompt is not None:
            self._prompt = self.watch.prompt_tokens = prompt
        if made is not None:
            tokens = made - self._tokens
        if not choices:
            if tokens:
                self._tokens += tokens
                self.watch.completion_tokens += tokens
            return True
        return self._piece(choices[0], tokens, event)

    def _piece(self, choice: Any, tokens: int | None, event: dict[str, Any]) -> bool:
        if not isinstance(choice, dict) or choice.get("index", 0) != 0:
            raise BadResponse(f"{self.wire.where} streamed {shown(choice)}; expected choice 0.")
        piece = self._text(choice)
        values, sure = self._told.add(self.wire, self.request, choice)
        if tokens is None:
            tokens = len(values) or (1 if piece else 0)
        self._tokens += tokens
        self.text += piece
        check_size(self.wire, self.request, len(self.text), self.request.max_tokens)
        self._ids += ids(choice)
        if choice.get("finish_reason") is not None:
            self._end = choice, event
        if not (piece or tokens or values):
            return True
        self.cut = not self.watch.follow(piece, tokens, values, sure)
        return not self.cut

    def _text(self, choice: dict[str, Any]) -> str:
        if self.wire.api == "chat":
            delta = choice.get("delta")
            # The first and the last event of a message have no text.
            piece = (spoken(delta) or "") if isinstance(delta, dict) else None
        else:
            piece = choice.get("text")
        if not isinstance(piece, str):
            raise BadResponse(
                f"{self.wire.where} streamed a choice whose text is no string, expected one: {shown(choice)}."
            )
        return piece

    def completion(self) -> Completion:
        """The draw. Unreachable when the stream broke off, BadResponse when it ended without a reason."""
        if self.cut:
            return self._made(self.text, "cut", self._known())
        if self._end is None:
            if self._ended:
                raise BadResponse(f"{self.wire.where} ended a stream without a finish_reason.")
            raise Unreachable(
                f"{self.wire.where} broke off a stream after {len(self.text)} characters. "
                f"Expected a finish_reason and [DONE]; see the server's log."
            )
        choice, event = self._end
        text, finish = ending(self.wire, self.request, choice, self.text, event)
        usage = self._usage
        if usage is None and not self._ended:
            raise Unreachable(f"{self.wire.where} broke off a stream before its usage. See the server's log.")
        if usage is None:
            usage = count(self.wire, None, self.request)
        if usage is None:
            usage = Usage(self._prompt, 0, self.request.max_tokens)
        check_size(self.wire, self.request, len(self.text), usage.completion_tokens)
        done = self._made(text, finish, usage)
        check_told(self.wire, self.request, done)
        return done

    def _known(self) -> Usage:
        if self._usage is not None:
            return self._usage
        tokens = self._tokens
        if self.wire.usage == "bound":
            tokens = max(tokens, len(self.text.encode()))
        return Usage(self._prompt, 0, min(tokens, self.request.max_tokens))

    def _made(self, text: str, finish: Finish, usage: Usage) -> Completion:
        self.watch.prompt_tokens = usage.prompt_tokens
        self.watch.completion_tokens = usage.completion_tokens
        kept = self.wire.drawn(self._ids, text) if self.wire.drawn is not None else ()
        return self._told.completion(self.request, text, finish, usage, kept)


def _so_far(event: dict[str, Any]) -> tuple[int | None, int | None]:
    """llama.cpp's own counts of prompt and completion, where an event of its carries them."""
    verbose, timings = event.get("__verbose"), event.get("timings")
    if isinstance(verbose, dict):
        return _counted(verbose.get("tokens_evaluated")), _counted(verbose.get("tokens_predicted"))
    if isinstance(timings, dict) and _counted(timings.get("prompt_n")) is not None:
        return timings["prompt_n"] + (_counted(timings.get("cache_n")) or 0), None
    return None, None


def _counted(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
