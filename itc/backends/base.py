"""What an engine is: one request in, one draw out.

Middleware (journal, coalescing, retry, limits) has the type of what it wraps, so a stack is built by
calling constructors around an engine, and a test double is a plain object with ``generate``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any, Literal, Protocol, runtime_checkable

import orjson

from itc.backends.attempts import Attempts, Payer
from itc.keys import Key
from itc.types import Finish

Capability = Literal[
    "continue", "logprobs", "alternatives", "confidence", "vocabulary", "stream", "score", "seed", "n"
]
"""continue: extends a given prefix of the answer; logprobs: of sampled tokens; alternatives: the likeliest
tokens at every position; confidence: how sure the model was at every position; vocabulary: the same over the
whole vocabulary; stream: partial text that can be cut short; score: rates given steps; seed: draws are a
function of the request; n: several draws of one prompt in one call."""

WHOLE = -1
"""``confidence`` over the whole vocabulary."""


def confidence_needs(over: int) -> frozenset[Capability]:
    """What telling ``confidence`` over so many of the likeliest tokens takes; nothing for 0."""
    needed: tuple[Capability, ...] = ("confidence", "vocabulary") if over == WHOLE else ("confidence",)
    return frozenset(needed if over else ())


@dataclass(frozen=True, slots=True)
class Sampling:
    """Every field that shapes a draw, always sent: servers apply defaults of their own silently."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    max_tokens: int = 512
    """Completion tokens of one draw, and of a whole path that steps build."""
    step_tokens: int = 256
    """Completion tokens of one step at most."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer; not part of it."""
    step: str = "\n\n"
    """The delimiter that ends a step; part of it."""
    logprobs: bool = False
    confidence: int = 0
    """As in `Request`; 0: none."""


@dataclass(frozen=True, slots=True)
class Request:
    """One draw (or, with ``score_steps``, one rating), with every field that affects its result."""

    prompt: str
    key: Key
    system: str = ""
    prefix: str = ""
    """The answer so far, which the draw continues."""
    prefix_ids: tuple[int, ...] = ()
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    step: str = ""
    """A delimiter that also ends the draw, and is kept; '' for none."""
    logprobs: bool = False
    alternatives: int = 0
    """How many of the likeliest tokens are told at every sampled position, with their log-probabilities."""
    confidence: int = 0
    """Over how many of the likeliest tokens the confidence at every sampled position is taken; 0: it is not
    told; `WHOLE`: over the vocabulary."""
    score_steps: tuple[str, ...] | None = None
    """Steps of an answer to be rated instead of a draw to be made."""
    n: int = 1
    """Draws asked for in one call; set by coalescing only, never by a strategy."""
    group: Key | None = field(default=None, compare=False)
    """Draws with the same group and otherwise equal fields may share one call."""
    index: int = field(default=0, compare=False)
    """Position of this draw in its group."""
    payer: Payer | None = field(default=None, compare=False, repr=False)
    """Asked before an attempt is repeated that cost something, or may have; None: it is repeated."""

    @property
    def seed(self) -> int:
        """The seed sent to the engine, in [0, 2**31)."""
        return self.key.seed

    def identity(self, fingerprint: str, watch: str = "") -> bytes:
        """The journal key: a hash of everything that affects the result, the draw's own key included."""
        body = {name: getattr(self, name) for name in _AFFECTING}
        for name in _LATER:
            # What was stored before there was such a field is still found.
            if not body[name]:
                del body[name]
        for name in _FLOATS:
            body[name] = float(body[name])
        if self.score_steps is None:
            body["key"] = self.key.digest.hex()
        # A rating is a function of the text alone, so equal texts share one.
        whole = [fingerprint, watch, body]
        try:
            blob = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            # A lone surrogate, which UTF-8 cannot carry and ASCII escapes can.
            blob = json.dumps(whole, sort_keys=True).encode("ascii")
        return blake2b(blob, digest_size=16).digest()


_AFFECTING = tuple(f.name for f in fields(Request) if f.compare and f.name not in ("key", "n"))
_FLOATS = ("temperature", "top_p", "min_p")
_LATER = ("alternatives", "confidence")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one draw as the engine counts them."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    shared_tokens: int = 0
    """Prompt tokens that another draw of the same call carries: this one attends to them too."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One draw, or one rating.

    All log-probabilities are natural, and of the model's own distribution: before temperature and before any
    truncation, unless the engine's docstring says otherwise.
    """

    text: str = ""
    finish: Finish = "eos"
    usage: Usage = Usage()
    token_logprobs: tuple[float, ...] = ()
    """Natural log, one for each sampled token; empty where not asked for."""
    token_ids: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    """One in [0,1] for each of ``score_steps``."""
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
    """For each sampled token the (text, log-probability) of the likeliest, most likely first, whether it was
    sampled or not; empty where not asked for. The text of a token that ends the answer is the engine's own
    name for it, or ''."""
    token_confidences: tuple[float, ...] = ()
    """For each sampled token −mean of the largest log-probabilities at its position, ≥ 0; empty where not
    asked for. DeepConf (Fu et al. 2025, arXiv 2508.15260) takes the 20 largest; over the whole vocabulary V
    it is self-certainty (Kang et al. 2025, arXiv 2502.18581) plus log V."""
    replayed: bool = field(default=False, compare=False)
    """Whether it came from the journal: the user pays nothing for it again."""
    attempts: int = field(default=1, compare=False)
    """Calls it took: more than 1 after retries."""
    lost: Attempts = field(default=(), compare=False)
    """Those that failed after the engine had served them, see `BackendError.sold`: they cost what they
    cost."""
    unknown: Attempts = field(default=(), compare=False)
    """The most that those can have cost of which nobody says it, see `BackendError.unknown`."""
    others: tuple[Completion, ...] = field(default=(), compare=False)
    """The further draws of a request with n > 1."""

    def dump(self) -> bytes:
        """JSON bytes for the journal; what is empty is left out."""
        u = self.usage
        usage: tuple[int, ...] = (u.prompt_tokens, u.cached_tokens, u.completion_tokens)
        if u.shared_tokens:
            usage += (u.shared_tokens,)
        body: dict[str, Any] = {"text": self.text, "finish": self.finish, "usage": usage}
        for name in _TUPLES:
            if value := getattr(self, name):
                body[name] = value
        if self.attempts > 1:
            body["attempts"] = self.attempts
        for name in _FAILED:
            if attempts := getattr(self, name):
                body[name] = attempts
        return orjson.dumps(body)

    @staticmethod
    def load(blob: bytes) -> Completion:
        """The inverse of `dump`, marked as replayed."""
        body: dict[str, Any] = orjson.loads(blob)
        body["usage"] = Usage(*body["usage"])
        for name in _TUPLES:
            if name in body:
                body[name] = tuple(body[name])
        for name in _FAILED:
            if name in body:
                body[name] = tuple((prompt, cached, made) for prompt, cached, made in body[name])
        if "alternatives" in body:
            told = body["alternatives"]
            body["alternatives"] = tuple(tuple((text, p) for text, p in position) for position in told)
        return Completion(**body, replayed=True)

    def sole(self) -> Completion:
        """Itself, without the further draws."""
        return replace(self, others=()) if self.others else self


_TUPLES = ("token_logprobs", "alternatives", "token_confidences", "token_ids", "scores")
_FAILED = ("lost", "unknown")


class Watch:
    """Follows a draw while it is made. The engine reports to it; it may end the draw early.

    ``sent`` and the counts let whoever cancels a call settle what it had cost by then.
    """

    name = ""
    """Identifies what the watcher does to a draw; '' for one that never cuts. Part of the journal key."""

    def __init__(self) -> None:
        self.sent = False
        """Whether the request left for the engine."""
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.text = ""
        self.confidences: list[float] = []
        """One for each token so far, where the request asks for them."""

    def follow(
        self, text: str, tokens: int, logprobs: Sequence[float] = (), confidences: Sequence[float] = ()
    ) -> bool:
        """Take a piece of the draw; False ends it here (finish ``cut``)."""
        self.text += text
        self.completion_tokens += tokens
        self.confidences += confidences
        return self.keep_going(logprobs)

    def keep_going(self, logprobs: Sequence[float]) -> bool:  # noqa: ARG002
        """Whether the draw should go on, seen after each piece, whose log-probabilities are given; what came
        before it is in ``text``, ``completion_tokens`` and ``confidences``, the piece included."""
        return True


@runtime_checkable
class Backend(Protocol):
    """An engine, or middleware around one. Where opening starts processes it has ``starts``, true, beside."""

    @property
    def fingerprint(self) -> str:
        """Names the model and all that shapes its output apart from the request."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do; complete after `open`."""
        ...

    def prompt_bound(self, request: Request) -> int:
        """An upper bound of the prompt tokens the engine will count: exact with a tokenizer."""
        ...

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Make one draw. With a watch the draw is streamed to it. Cancelling aborts the work upstream.

        BackendError when it fails.
        """
        ...

    async def open(self, needs: frozenset[Capability]) -> None:
        """Connect and check that ``needs`` are met, spending nothing where that can be known for free.

        CapabilityError, or BackendError when it is not reachable.
        """
        ...

    async def close(self) -> None:
        """Release connections and processes."""
        ...


class Middleware:
    """Passes everything on to ``inner``; a base for what changes one thing."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    @property
    def fingerprint(self) -> str:
        """The engine's."""
        return self.inner.fingerprint

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The engine's."""
        return self.inner.capabilities

    @property
    def starts(self) -> bool:
        """Whether opening the engine starts processes, which may take minutes."""
        return getattr(self.inner, "starts", False)

    def prompt_bound(self, request: Request) -> int:
        """The engine's."""
        return self.inner.prompt_bound(request)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The engine's."""
        return await self.inner.generate(request, watch)

    async def open(self, needs: frozenset[Capability]) -> None:
        """Opens the engine."""
        await self.inner.open(needs)

    async def close(self) -> None:
        """Closes the engine."""
        await self.inner.close()


TEMPLATE_TOKENS = 64
"""Room for the tokens a chat template adds around the messages, where no tokenizer can count them."""


def byte_bound(request: Request) -> int:
    """Prompt tokens at most, by UTF-8 bytes: no byte-level tokenizer makes more tokens than bytes."""
    steps = sum(_size(s) for s in request.score_steps or ())
    return _size(request.prompt) + _size(request.system) + _size(request.prefix) + steps + TEMPLATE_TOKENS
