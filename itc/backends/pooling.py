"""A reward model behind a vLLM server: steps in, as token ids; scores in [0,1] out."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import orjson

from itc.backends import probe
from itc.backends.base import Capability, Completion, Request, Usage, Watch
from itc.backends.openai_config import OpenAIConfig
from itc.backends.rating import Laid, RewardFormat
from itc.backends.readings import Reading, followed, pooled
from itc.backends.status import shown
from itc.backends.tokens import Tokens
from itc.backends.transport import Secret, Transport
from itc.backends.wire import Wire
from itc.errors import BackendError, CapabilityError, ConfigError, Rejected

KNOWN = 2**16
"""Readings remembered at most; each is a few numbers."""
Sent = Callable[[], None] | None
"""Told once a request is written."""


class PoolingBackend:
    """Rates by the format's layout, through ``/pooling`` (vLLM 0.11.1 or later) or, where the format reads a
    language model, through ``/v1/completions`` (a vLLM that takes ``logprob_token_ids`` there).

    A rating reads its prompt once: ``prompt_tokens`` are those of the solution as laid out. With output
    ``next`` each place is a call of its own, whose prefix is in the server's cache, and ``cached_tokens`` are
    those that no call computed; the token that a server must draw with it counts as none. A place that was
    read before, at the end of the same tokens, is not read again. Over ``/pooling`` a server computes every
    token anew and tells nothing of its cache.
    """

    def __init__(
        self,
        config: OpenAIConfig,
        format: RewardFormat,  # noqa: A002
        secret: Secret | None = None,
    ) -> None:
        """
        Args:
            config: where the model is; ConfigError when its ``tokenizer`` is empty or lacks what the format
                needs. How draws are made is of no account.
            format: how the model reads solutions and is read.
            secret: the key; None: what the environment variable ``config.api_key_env`` holds.
        """
        if not config.tokenizer:
            raise ConfigError(
                "model.tokenizer is empty, and a reward model is asked by token ids. Expected the folder of "
                "the served checkpoint, or of a copy of its tokenizer."
            )
        self.config, self.format = config, format
        self.tokens = Tokens.read(config.tokenizer)
        self._candidates = format.candidates(self.tokens)
        secret = secret or Secret(config.api_key_env)
        self._transport = Transport(config.base_url, secret, config.deadline)
        root = self._transport.base_url.removesuffix("/v1")
        self._path = (
            f"{root}/pooling" if format.output != "next" else f"{self._transport.base_url}/completions"
        )
        self._wire = Wire(where=self._path)
        self._name = config.name
        self._lay_out = lru_cache(4096)(self._uncached_layout)
        self._known: OrderedDict[bytes, Reading] = OrderedDict()

    @property
    def fingerprint(self) -> str:
        """Model, tokenizer and format; not where the model is served. ConfigError before `open` without
        ``config.name``."""
        if not self._name:
            raise ConfigError(
                "model.name is empty, so before the server is asked its scores cannot be told apart from "
                "another model's. Set model.name."
            )
        c = self.config
        shape = [self._name, c.revision, self.format.fingerprint, self.tokens.sha256, c.extra_body]
        return "pooling:" + orjson.dumps(shape, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It rates."""
        return frozenset({"score", "seed"})

    def prompt_bound(self, request: Request) -> int:
        """Exact: the tokens of the solution as laid out."""
        return len(self._laid(request).ids)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Rate ``score_steps``. CapabilityError when a draw is asked for, ContextOverflow when the solution
        is longer than the model's context, BadResponse for an answer of another shape than asked for.
        """
        if request.score_steps is None:
            raise CapabilityError(
                f"A draw was asked of {self.fingerprint}, which rates steps only; name the other model."
            )
        if not request.score_steps:
            return Completion()
        laid = self._laid(request)
        if not laid.ids:
            raise Rejected("The solution has no tokens; expected at least one.")
        sent = partial(_left, watch, len(laid.ids)) if watch is not None else None
        ask = self._follow if self.format.output == "next" else self._pool
        usage: Usage | None = None
        try:
            read, usage = await ask(laid, sent)
            scores = {at: self._score(raw) for at, raw in read.items()}
        except BackendError as error:
            if usage is not None:
                error.sold = ((usage.prompt_tokens, usage.cached_tokens, 0),)
            elif not (error.sold or error.free):
                error.unknown = ((len(laid.ids), 0, 0),)
            if watch is not None:
                watch.sent = False  # whatever it cost is told by the error
            raise
        return Completion(usage=usage, scores=tuple(scores[at] for at in laid.at))

    def _laid(self, request: Request) -> Laid:
        steps = request.score_steps or ()
        if request.prefix and steps:
            steps = (request.prefix + steps[0], *steps[1:])
        return self._lay_out(request.system + request.prompt, steps)

    def _uncached_layout(self, question: str, steps: tuple[str, ...]) -> Laid:
        return self.format.lay_out(self.tokens, question, steps)

    async def _pool(self, laid: Laid, sent: Sent) -> tuple[dict[int, Reading], Usage]:
        each = self.format.output == "tokens"
        task = "token_classify" if each else "classify"
        blob = await self._post({"input": laid.ids, "task": task, "use_activation": False}, sent)
        rows, usage = pooled(self._wire, blob, len(laid.ids) if each else 0)
        return {at: rows[at if each else 0] for at in laid.at}, usage

    async def _follow(self, laid: Laid, sent: Sent) -> tuple[dict[int, Reading], Usage]:
        found: dict[int, Reading] = {}
        asked: dict[int, asyncio.Task[tuple[Reading, Usage] | BackendError]] = {}
        async with asyncio.TaskGroup() as group:
            for at in dict.fromkeys(laid.at):
                if (known := self._known.get(_digest(laid.ids[: at + 1]))) is not None:
                    found[at] = known
                else:
                    asked[at] = group.create_task(self._tried(laid.ids[: at + 1], sent))
        computed, failed = 0, []
        for at, task in asked.items():
            if isinstance(made := task.result(), BackendError):
                failed.append(made)
            else:
                found[at], usage = made
                computed += usage.prompt_tokens - usage.cached_tokens
        if failed:
            # What was read beside it is known from now on, so no later attempt has it in its usage.
            failed[0].sold = sum((e.sold for e in failed), ((computed, 0, 0),) if computed else ())
            raise failed[0]
        return found, Usage(len(laid.ids), max(0, len(laid.ids) - computed))

    async def _tried(self, ids: tuple[int, ...], sent: Sent) -> tuple[Reading, Usage] | BackendError:
        """What came of it: one that fails does not end those beside it, which are being paid for."""
        try:
            return await self._next(ids, sent)
        except BackendError as error:
            return error

    async def _next(self, ids: tuple[int, ...], sent: Sent) -> tuple[Reading, Usage]:
        blob = await self._post(
            {
                "prompt": ids,
                "max_tokens": 1,
                "temperature": 0.0,
                "logprobs": 1,
                "logprob_token_ids": self._candidates,
                "return_tokens_as_token_ids": True,
            },
            sent,
        )
        made = followed(self._wire, blob, self._candidates)
        self._known[_digest(ids)] = made[0]
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return made

    async def _post(self, body: dict[str, Any], sent: Sent) -> bytes:
        whole = {"model": self._name, **self.config.extra_body, **body}
        return await self._transport.post(self._path, orjson.dumps(whole), sent)

    def _score(self, raw: Reading) -> float:
        try:
            score = self.format.score(raw)
        except (IndexError, ValueError, ArithmeticError):
            score = math.nan
        if not 0.0 <= score <= 1.0:
            raise Rejected(
                f"{self._wire.where} sent {shown(raw)} at a place, of which the reward format makes no score "
                f"in [0,1]. Is this the format that the model was trained with?"
            )
        return score

    async def open(self, needs: frozenset[Capability]) -> None:
        """Ask the server's free endpoints whether it serves the model, and in the way that is needed.

        CapabilityError when not, or when a need is not met; BackendError when it cannot be asked.
        """
        if missing := needs - self.capabilities:
            raise CapabilityError(
                f"The strategy needs {', '.join(sorted(missing))} of a reward model at "
                f"{self.config.base_url}, which can only score steps."
            )
        models = await probe.served(self._transport)
        self._name = probe.choose(models, self.config.name, self.config.base_url)
        followed = self.format.output == "next"
        if not await probe.offers(self._transport, self._path.rsplit("/")[-1]):
            how = "as a generator (without --runner pooling)" if followed else "with --runner pooling"
            raise CapabilityError(
                f"{self.config.base_url} serves {self._name} without {self._wire.where}, through which this "
                f"reward format is read. Serve it {how}: vllm serve MODEL …"
            )
        name = "logprob_token_ids" if followed else "use_activation"
        if not await probe.takes(self._transport, name):
            raise CapabilityError(
                f"{self._wire.where} does not take {name}, so raw outputs cannot be read there. Serve the "
                f"model by a newer vLLM."
            )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def _left(watch: Watch, tokens: int) -> None:
    """The request is written: from here on it may cost something."""
    watch.sent, watch.prompt_tokens = True, tokens


def _digest(ids: tuple[int, ...]) -> bytes:
    return blake2b(orjson.dumps(ids), digest_size=16).digest()
