"""Any server that speaks the OpenAI protocol: vLLM, SGLang, llama.cpp, a gateway, OpenAI itself."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import orjson

from itc.backends import probe
from itc.backends.base import (
    TEMPLATE_TOKENS,
    WHOLE,
    Capability,
    Completion,
    Request,
    Usage,
    Watch,
    byte_bound,
)
from itc.backends.openai_config import OpenAIConfig as OpenAIConfig
from itc.backends.prompt_ids import PromptIds
from itc.backends.reply import parsed, read
from itc.backends.status import shown
from itc.backends.stream import Draw
from itc.backends.template import ChatTemplate, load_template
from itc.backends.tokens import Tokens
from itc.backends.told import ranked
from itc.backends.transport import Secret, Transport
from itc.backends.wire import Api, Wire, payload
from itc.errors import BackendError, CapabilityError, ConfigError
from itc.keys import Key

PROBE_TOKENS = 1
PROBE_TOPS = 2
"""Likeliest tokens asked for in the probe: one more than a server lists that knows the sampled one only."""
_TOLD: frozenset[Capability] = frozenset({"logprobs", "alternatives", "confidence"})
SPLIT = "Zoë's 12 + 345 = 357.\n\n  So x_1 ≥ 2?"
"""Split by the server's tokenizer and by ``tokenizer``, to see whether they are one."""
_PATHS: dict[Api, str] = {"completions": "completions", "chat": "chat/completions"}
_REMEDY: dict[Capability, str] = {
    "continue": "Set model.api=completions, which extends any text; or model.continuation, if you know that "
    "the server extends an unfinished message.",
    "logprobs": "Start the server with log-probabilities on, or choose a strategy that needs none.",
    "alternatives": "It lists no likeliest tokens: serve the model by what does (vLLM), or choose another.",
    "confidence": "It lists no likeliest tokens, of which a confidence is made: serve the model by what does "
    "(vLLM), or choose a strategy that needs none.",
    "vocabulary": "It lists some of the likeliest tokens, never the whole vocabulary: ask for confidence "
    "over some, as confidence=20, or use the model in process.",
    "score": "A chat or completions server rates nothing: use a reward model for this role.",
    "n": "Set model.n_max above 1; a server that counts several draws wrongly cannot be asked for them.",
}


class OpenAIBackend:
    """One model behind an OpenAI-compatible HTTP API.

    With api=completions the prompt is the user's text (after the system text and a blank line, if any), or
    what ``chat_template`` makes of the two; the answer so far is appended as it is. With ``tokenizer`` the
    server is sent the ids of that text, with ``prefix_ids`` for the answer where they make it; completions
    then hold ``token_ids`` where tokens make their text, the end-of-text token not among them. Failures are
    not retried here: see `Retry`.
    """

    def __init__(self, config: OpenAIConfig, secret: Secret | None = None) -> None:
        """
        Args:
            config: where the model is and how to speak to it.
            secret: the key; None: what the environment variable ``config.api_key_env`` holds.
        """
        self.config = config
        self.probe_usage = Usage()
        """Tokens that `open` spent on finding out what the server can do."""
        self.dialect = probe.UNKNOWN
        """What kind of server it is; known after `open`."""
        secret = secret or Secret(config.api_key_env)
        self._transport = Transport(config.base_url, secret, config.deadline)
        self._path = _PATHS[config.api]
        self._template: ChatTemplate | None = None
        if config.chat_template:
            self._template = load_template(config.chat_template)
        self._ids = PromptIds(Tokens.read(config.tokenizer)) if config.tokenizer else None
        # The samples of a problem, and their steps, all begin with the same prompt.
        self._opening = lru_cache(4096)(self._uncached_opening)
        self._name = config.name
        self._tells: frozenset[Capability] = frozenset()
        """What it is known to tell of the tokens it draws."""
        self._wire = self._wired()

    def __repr__(self) -> str:
        return f"OpenAIBackend({self.config!r})"

    @property
    def fingerprint(self) -> str:
        """From the configuration alone: not where the model is served, nor under which key.

        ConfigError before `open` when the configuration does not name the model.
        """
        if not self._name:
            raise ConfigError(
                "model.name is empty, so before the server is asked what was drawn cannot be told apart from "
                "another model's draws. Set model.name."
            )
        c = self.config
        template = self._template.sha256 if self._template else ""
        continuation = c.continuation if c.api == "chat" else ""
        shape = [self._name, c.revision, c.api, template, continuation, c.extra_body]
        if self._ids is not None:
            shape.append(self._ids.tokens.sha256)
        return "openai:" + orjson.dumps(shape, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """By configuration before `open`, and by the kind of server after.

        ``seed`` is sent always; how far it is honoured is the server's business.
        """
        have: set[Capability] = {"stream", "seed", *self._tells}
        if self.config.api == "completions" or self._wire.continuation != "none":
            have.add("continue")
        if self.n_max > 1:
            have.add("n")
        return frozenset(have)

    @property
    def n_max(self) -> int:
        """Draws in one call at most."""
        return self.config.n_max if self.dialect.honest_n else 1

    def prompt_bound(self, request: Request) -> int:
        """UTF-8 bytes of the text that is sent; with ``tokenizer`` exact."""
        if self._ids is not None:
            return len(self._prompt(request))
        if self._template is None:
            return byte_bound(request)
        text = self._opening(request.system, request.prompt) + request.prefix
        return len(text.encode("utf-8", "surrogatepass")) + TEMPLATE_TOKENS

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """One call. CapabilityError for a request this server was not opened for."""
        self._check(request, watch)
        if watch is None:
            try:
                if self.dialect.aborts_streams_only and request.n == 1:
                    return await self._streamed(request, Watch())
                blob = await self._transport.post(self._path, self._body(request))
                return read(self._wire, request, blob, self.prompt_bound)
            except BackendError as error:
                # Nobody sees what a stream of our own had told by then.
                if not (error.sold or error.free):
                    error.unknown = ((self.prompt_bound(request), 0, request.n * request.max_tokens),)
                raise
        return await self._streamed(request, watch)

    async def _streamed(self, request: Request, watch: Watch) -> Completion:
        draw = Draw(self._wire, request, watch, self.prompt_bound(request))
        try:
            body = self._body(request, stream=True)
            await self._transport.stream(self._path, body, draw.sent, draw.take, draw.refused)
            return draw.completion()
        except BackendError as error:
            draw.failed(error)
            raise

    def _body(self, request: Request, stream: bool = False) -> bytes:
        return payload(self._wire, request, self._prompt(request), stream)

    def _prompt(self, request: Request) -> str | tuple[int, ...]:
        if self.config.api == "chat":
            return request.prompt
        opening = self._opening(request.system, request.prompt)
        if self._ids is None:
            return opening + request.prefix
        return self._ids.ids(opening, request.prefix, request.prefix_ids)

    def _check(self, request: Request, watch: Watch | None) -> None:
        if request.n > (1 if watch is not None else self.n_max):
            raise CapabilityError(
                f"{request.n} draws in one call, where {self.config.base_url} can be asked for "
                f"{1 if watch is not None else self.n_max}. Lower model.n_max."
            )
        if request.score_steps is not None:
            self._refuse("score")
        if request.confidence == WHOLE:
            self._refuse("vocabulary")
        if request.prefix and self.config.api == "chat" and self._wire.continuation == "none":
            self._refuse("continue")

    async def open(self, needs: frozenset[Capability]) -> None:
        """Ask the server's free endpoints what it is; draw one token only where log-probabilities,
        alternatives or confidences are needed of a server of unknown kind (see `probe_usage`).

        CapabilityError when a need is not met or the model is not served; ConfigError when it has to be
        named; BackendError when the server cannot be asked.
        """
        c = self.config
        models = await probe.served(self._transport)
        self._name = probe.choose(models, c.name, c.base_url)
        self.dialect = await probe.identify(self._transport, models)
        self._wire = self._wired()
        if c.continuation == "prefill" and self.dialect.continuation == "continue_final_message":
            raise CapabilityError(
                f"model.continuation=prefill: {self.dialect.name} closes an unfinished message and begins a "
                f"new turn. Set model.continuation=auto."
            )
        if self.dialect is probe.VLLM and not await probe.offers(self._transport, self._path):
            other = "chat" if c.api == "completions" else "completions"
            raise CapabilityError(
                f"{c.base_url} has no /{self._path} for {self._name}. Set model.api={other}, or "
                f"serve the model as a generator."
            )
        if self._ids is not None and self.dialect is probe.VLLM:
            await self._same_tokens(self._ids)
        wanted = needs & _TOLD
        self._tells = _TOLD if self.dialect.logprobs else await self._told(wanted) if wanted else wanted
        for need in sorted(needs - self.capabilities):
            self._refuse(need)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _wired(self) -> Wire:
        c, d = self.config, self.dialect
        return Wire(
            api=c.api,
            model=self._name,
            continuation=d.continuation if c.continuation == "auto" else c.continuation,
            usage=c.usage,
            limit=c.limit_field,
            extra=c.extra_body,
            neutral=d.neutral,
            says_eos=d.says_eos,
            verbose=d.verbose,
            lists_tokens=d.lists_tokens,
            drawn=self._ids.drawn if self._ids is not None and d.lists_tokens else None,
            live_usage=d.live_usage,
            where=f"{c.base_url.rstrip('/')}/{self._path}",
        )

    def _uncached_opening(self, system: str, prompt: str) -> str:
        if self._template is not None:
            return self._template.render(system, prompt)
        return f"{system}\n\n{prompt}" if system else prompt

    async def _same_tokens(self, ids: PromptIds) -> None:
        there = await probe.splits(self._transport, self._name, SPLIT)
        if there is not None and tuple(there) != (here := ids.ids(SPLIT, "")):
            raise ConfigError(
                f"model.tokenizer={self.config.tokenizer!r} makes the tokens {shown(here)} of {SPLIT!r}, and "
                f"the server those of {shown(there)}. Expected the tokenizer of {self._name}, unchanged."
            )

    async def _told(self, wanted: frozenset[Capability]) -> frozenset[Capability]:
        asked = PROBE_TOPS if wanted - {"logprobs"} else 0
        plain = Request("1 + 1 =", Key("probe"), temperature=0.0, max_tokens=PROBE_TOKENS)
        request = replace(plain, logprobs=True, alternatives=asked)
        blob = await self._transport.post(self._path, payload(self._wire, request, request.prompt))
        draw = read(self._wire, plain, blob, self.prompt_bound)
        self.probe_usage = draw.usage
        if not draw.token_logprobs:
            return frozenset()
        (choice,) = parsed(self._wire, blob)["choices"]
        listed = ranked(self._wire, choice, asked) if asked else []
        return _TOLD if any(len(row) >= asked for row in listed) else frozenset({"logprobs"})

    def _refuse(self, need: Capability) -> None:
        raise CapabilityError(
            f"The strategy needs {need!r} of {self._name or 'the model'} at {self.config.base_url} "
            f"(api {self.config.api}, server {self.dialect.name}), which does not provide it. "
            f"{_REMEDY.get(need, '')}".rstrip()
        )
