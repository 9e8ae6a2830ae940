"""The embedded engine behind the `Backend` protocol: a policy that draws, or a reward model that rates."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from itc.backends.base import Capability, Completion, Request, Usage, Watch
from itc.backends.embedded.draw import Alternatives, Draw, Piece
from itc.backends.embedded.engine import Engine, Stats
from itc.backends.embedded.model import NUMERICS, Model
from itc.backends.embedded.tokenizer import Tokenizer
from itc.backends.embedded.weights import read_checkpoint
from itc.errors import CapabilityError, ConfigError, ContextOverflow, Rejected, did_you_mean

MODELS = Path(__file__).parents[2] / "embedded"
"""Where the models that ship with the package lie, a folder each."""

_DRAWS: frozenset[Capability] = frozenset(
    {"continue", "logprobs", "alternatives", "confidence", "vocabulary", "stream", "seed"}
)
_RATES: frozenset[Capability] = frozenset({"score", "seed"})


class EmbeddedBackend:
    """A Llama checkpoint run in process with numpy.

    A draw is a function of its request alone: neither the batch around it nor what the cache holds nor the
    number of threads changes a bit of it, on one machine. Prompt, system text before it, and the answer so
    far are tokenized as one text. Log-probabilities are natural logs under the untempered softmax, before
    any truncation, and so are those of the alternatives and in the confidences; the end-of-text token counts
    as sampled and is not among ``token_ids``.
    """

    def __init__(
        self,
        model: str | Path = "policy",
        *,
        live: int = 256,
        cache_bytes: int = 512 << 20,
        threads: int = 0,
        score_prompt: str | None = None,
    ) -> None:
        """
        Args:
            model: name of a shipped model, or a folder in the layout of transformers.
            live: sequences decoded side by side at most.
            cache_bytes: memory of the prefix tree at most.
            threads: that compute; 0: as many as there are processors, four at most.
            score_prompt: how a question is framed for a reward model, with the field ``{prompt}``; None: as
                the model's config.json says.
        """
        checkpoint = read_checkpoint(_folder(model))
        self._tokenizer = Tokenizer.read(_folder(model) / "tokenizer.json")
        self._model = Model(checkpoint)
        self._framed = checkpoint.shape.score_prompt if score_prompt is None else score_prompt
        self._digest = checkpoint.digest
        self._engine = Engine(
            self._model, self._tokenizer, live=live, cache_bytes=cache_bytes, threads=threads
        )
        self._post: _Post | None = None

    @property
    def fingerprint(self) -> str:
        """The sha256 of the model's files, how it frames questions, and the engine's numerics."""
        framed = f":{self._framed}" if self._model.scores else ""
        return f"embedded:{self._digest[:32]}:{NUMERICS}{framed}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """A policy draws, a reward model rates."""
        return _RATES if self._model.scores else _DRAWS

    @property
    def stats(self) -> Stats:
        """Tokens computed and reused since this engine was made."""
        return self._engine.stats

    @property
    def cached_prefixes(self) -> int:
        """Tokens held in the prefix tree."""
        return self._engine.tree.tokens

    def prompt_bound(self, request: Request) -> int:
        """Exact: the prompt tokens that `generate` will count."""
        return len(self._rated(request)[0] if self._model.scores else self._prompt(request))

    def _prompt(self, request: Request) -> tuple[int, ...]:
        before = request.system + request.prompt
        ids = request.prefix_ids
        pieces = self._tokenizer.pieces
        if ids and max(ids) < len(pieces) and min(ids) >= 0 and self._tokenizer.decode(ids) == request.prefix:
            return self._tokenizer.encode(before) + tuple(ids)
        return self._tokenizer.encode(before + request.prefix)

    def _rated(self, request: Request) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(ids, position of the last token of each step). A step without a token has its predecessor's."""
        text = request.system + self._framed.replace("{prompt}", request.prompt) + request.prefix
        ends = []
        for step in request.score_steps or ():
            text += step
            ends.append(len(text))
        # It was trained to rate at the end of a line, which a last step may lack.
        if ends and not text.endswith(self._model.shape.score_end):
            text += self._model.shape.score_end
            ends[-1] = len(text)
        spans = self._tokenizer.spans(text)
        marks, at = [], 0
        for end in ends:
            while at < len(spans) and spans[at][1] <= end:
                at += 1
            marks.append(max(0, at - 1))
        return tuple(i for i, _ in spans), tuple(marks)

    def _draw(self, request: Request, piece: _Inbox) -> Draw:
        scoring = request.score_steps is not None
        if scoring != self._model.scores:
            raise CapabilityError(
                f"{'A rating' if scoring else 'A draw'} was asked of {self.fingerprint}, which "
                f"{'rates steps' if self._model.scores else 'draws text'} only; name the other model."
            )
        ids, marks = self._rated(request) if scoring else (self._prompt(request), ())
        most, context = 0 if scoring else request.max_tokens, self._model.shape.context
        if len(ids) + most > context:
            raise ContextOverflow(
                f"{len(ids)} prompt tokens and max_tokens={most} exceed the context of {context} tokens; "
                f"shorten the prompt or lower max_tokens."
            )
        if not ids and not (scoring and not marks):
            raise Rejected("The prompt has no tokens; expected at least one.")
        return Draw(request, ids, marks, piece.put)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Make one draw, or rate ``score_steps``. Cancelling frees its slot at the engine's next step.

        ContextOverflow when prompt and ``max_tokens`` do not fit; CapabilityError when asked for what the
        model is not made for.
        """
        loop = asyncio.get_running_loop()
        if self._post is None or self._post.loop is not loop:
            self._post = _Post(loop)
        inbox = _Inbox(self._post, self._tokenizer.decode)
        draw = self._draw(request, inbox)
        if request.score_steps is not None and not draw.marks:
            return Completion(usage=Usage(len(draw.ids)))
        if request.score_steps is None and request.max_tokens < 1:
            return Completion(finish="length", usage=Usage(len(draw.ids)))
        draw.streamed = watch is not None
        if watch is not None:
            watch.sent, watch.prompt_tokens = True, len(draw.ids)
        self._engine.submit(draw)
        try:
            return await (inbox.whole() if watch is None else inbox.follow(draw, watch))
        except BaseException:
            self._engine.cancel(draw)
            raise
        finally:
            if inbox.cut:
                self._engine.cancel(draw)

    async def open(self, needs: frozenset[Capability]) -> None:
        """CapabilityError when something needed is not provided."""
        if missing := needs - self.capabilities:
            raise CapabilityError(
                f"The strategy needs {', '.join(sorted(missing))} of {self.fingerprint}, which provides "
                f"{', '.join(sorted(self.capabilities))}: "
                + ("a reward model cannot draw." if self._model.scores else "a policy cannot score steps.")
            )

    async def close(self) -> None:
        """End the engine's thread; a later `generate` starts it again."""
        await asyncio.to_thread(self._engine.close)


class _Post:
    """Brings pieces from the engine's thread to an event loop, in order. The loop is woken once for all that
    has gathered: to wake it takes both threads longer than the rest of the way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._on_the_way: deque[tuple[asyncio.Queue[Piece], Piece]] = deque()
        self._called = False

    def send(self, queue: asyncio.Queue[Piece], piece: Piece) -> None:
        """On the engine's thread. RuntimeError where the loop is closed."""
        self._on_the_way.append((queue, piece))
        if not self._called:
            self._called = True
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                self._called = False
                raise

    def _deliver(self) -> None:
        # First, so that what comes from here on calls again.
        self._called = False
        while self._on_the_way:
            queue, piece = self._on_the_way.popleft()
            queue.put_nowait(piece)


class _Inbox:
    """What a request waits at for its pieces."""

    def __init__(self, post: _Post, decode: Callable[[Sequence[int]], str]) -> None:
        self._post = post
        self._decode = decode
        self._queue: asyncio.Queue[Piece] = asyncio.Queue()
        self.cut = False

    def put(self, draw: Draw, piece: Piece) -> None:
        """On the engine's thread."""
        try:
            self._post.send(self._queue, piece)
        except RuntimeError:
            # Its loop is closed: nobody waits for it any more.
            draw.cancelled = True

    async def whole(self) -> Completion:
        """The completion of a draw that nobody watches."""
        piece = await self._queue.get()
        if piece.error is not None:
            raise piece.error
        assert piece.final is not None
        return piece.final

    async def follow(self, draw: Draw, watch: Watch) -> Completion:
        """The completion of a watched draw, cut where the watcher says so."""
        text, ids, logprobs = "", list[int](), list[float]()
        alternatives, confidences = list[Alternatives](), list[float]()
        while True:
            piece = await self._queue.get()
            if piece.error is not None:
                raise piece.error
            text += piece.text
            ids += piece.ids
            logprobs += piece.logprobs
            alternatives += piece.alternatives
            confidences += piece.confidences
            shown = piece.logprobs if draw.request.logprobs else ()
            going = watch.follow(piece.text, piece.tokens, shown, piece.confidences)
            if piece.final is not None:
                return piece.final
            if not going:
                self.cut = True
                usage = Usage(len(draw.ids), draw.cached, len(logprobs))
                # A token whose text is held back in part cannot stand for the text that was shown.
                return Completion(
                    text,
                    "cut",
                    usage,
                    tuple(logprobs) if draw.request.logprobs else (),
                    tuple(ids) if self._decode(ids) == text else (),
                    alternatives=tuple(alternatives),
                    token_confidences=tuple(confidences),
                )


def _folder(model: str | Path) -> Path:
    folder = Path(model)
    if isinstance(model, str) and not folder.is_dir():
        folder = MODELS / model
    if not folder.is_dir():
        known = sorted(p.name for p in MODELS.glob("*/")) if MODELS.is_dir() else []
        raise ConfigError(
            f"No model {str(model)!r}: neither a folder nor shipped. {did_you_mean(str(model), known)}"
        )
    return folder
