"""A policy on vLLM in process."""

from __future__ import annotations

from contextlib import aclosing
from functools import lru_cache

import orjson

from itc.backends.base import WHOLE, Capability, Completion, Request, Usage, Watch
from itc.backends.load import Load
from itc.backends.prompt_ids import PromptIds
from itc.backends.template import ChatTemplate, load_template
from itc.backends.vllm.checkpoint import Checkpoint
from itc.backends.vllm.engine import Engine
from itc.backends.vllm.load import Stats
from itc.backends.vllm.sampling import Drawn, sampling_params, told
from itc.backends.vllm.settings import VLLMConfig
from itc.errors import CapabilityError

_DRAWS: frozenset[Capability] = frozenset(
    {"continue", "logprobs", "alternatives", "confidence", "stream", "seed"}
)


class VLLMBackend:
    """A model run by vLLM's asynchronous engine in processes of its own, each draw a request of its own.

    Prompts are token ids: those of the opening, then those that were drawn before, so that a path is
    continued exactly as it was drawn and its prefix is found in the KV cache. The opening is the system text,
    a blank line and the prompt, or what ``chat_template`` makes of the two. Log-probabilities are natural
    logs under the untempered softmax, before any truncation; the token that ends the text counts as sampled
    and is not among ``token_ids``. vLLM draws at temperature 0.01 where one between 0 and that is asked for.
    Alternatives and confidences are of the same softmax, what ``structured`` rules out left out of both.
    """

    def __init__(self, config: VLLMConfig) -> None:
        """ConfigError when there is no such model; vLLM itself is not loaded before `open`."""
        self.config = config
        self._checkpoint = Checkpoint(config.model, config.revision)
        self._template: ChatTemplate | None = None
        if config.chat_template:
            self._template = load_template(config.chat_template)
        self._engine = Engine(config, "generate")
        self._ids: PromptIds | None = None
        # Asked for the bound and for the draw, and by every draw from one candidate.
        self._prompt = lru_cache(4096)(self._uncached_prompt)

    def __repr__(self) -> str:
        return f"VLLMBackend({self.config!r})"

    @property
    def starts(self) -> bool:
        """Opening it starts processes."""
        return True

    @property
    def fingerprint(self) -> str:
        """Contents of the model's folder, and what else shapes a draw; no path, and no setting of speed."""
        c = self.config
        template = self._template.sha256 if self._template else ""
        shape = [self._checkpoint.digest, c.dtype, c.batch_invariant, template, dict(c.structured)]
        if c.load_format != "auto":
            shape.append(c.load_format)
        return "vllm:" + orjson.dumps(shape, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It draws."""
        return _DRAWS | {"vocabulary"} if self.config.max_logprobs == WHOLE else _DRAWS

    @property
    def stats(self) -> Stats:
        """Tokens computed and reused since it was opened."""
        return self._engine.stats

    def load(self) -> Load:
        """How busy the engine is."""
        return self._engine.load()

    def prompt_bound(self, request: Request) -> int:
        """Exact: the prompt tokens that `generate` will count."""
        return len(self._asked(request))

    def _asked(self, request: Request) -> tuple[int, ...]:
        return self._prompt(request.system, request.prompt, request.prefix, request.prefix_ids)

    def _layout(self) -> PromptIds:
        if self._ids is None:
            self._ids = PromptIds(self._checkpoint.tokens)
        return self._ids

    def _uncached_prompt(
        self, system: str, prompt: str, prefix: str, prefix_ids: tuple[int, ...]
    ) -> tuple[int, ...]:
        if self._template is not None:
            opening = self._template.render(system, prompt)
        else:
            opening = f"{system}\n\n{prompt}" if system else prompt
        return self._layout().ids(opening, prefix, prefix_ids)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Make one draw. Cancelling, or a watch that cuts, frees its place in the engine at once.

        ContextOverflow when prompt and ``max_tokens`` do not fit; CapabilityError for a rating or several
        draws; BackendError when the engine fails.
        """
        if request.score_steps is not None or request.n > 1:
            raise CapabilityError(
                f"{'A rating' if request.score_steps is not None else f'{request.n} draws in one call'} "
                f"asked of {self.fingerprint}, which makes one draw a call."
            )
        most, wanted = self.config.max_logprobs, told(request) or 0
        if most != WHOLE and (wanted == WHOLE or wanted > most):
            raise CapabilityError(
                f"alternatives={request.alternatives}, confidence={request.confidence} asked of "
                f"{self.config.model}, where model.max_logprobs={most}. Raise that; {WHOLE} is all tokens."
            )
        ids = self._asked(request)
        self._engine.check(ids, max(0, request.max_tokens))
        if request.max_tokens < 1:
            return Completion(finish="length", usage=Usage(len(ids)))
        if watch is not None:
            watch.sent, watch.prompt_tokens = True, len(ids)
        params = sampling_params(request, watch is not None, self.config.structured)
        drawn = Drawn(request, len(ids), self._layout())
        async with aclosing(self._engine.outputs(ids, params)) as replies:
            async for reply in replies:
                text, tokens, logprobs, sure = drawn.take(reply)
                going = watch is None or watch.follow(text, tokens, logprobs, sure)
                if reply.finished:
                    return drawn.completion(reply)
                if not going:
                    return drawn.cut()
        raise AssertionError("vLLM ends every request with a reply that says so")

    async def open(self, needs: frozenset[Capability]) -> None:
        """Start the engine, which takes from seconds to minutes, unless it runs.

        CapabilityError, before that, when something needed is not provided; else as `Engine.open`.
        """
        if missing := needs - self.capabilities:
            raise CapabilityError(
                f"The strategy needs {', '.join(sorted(missing))} of {self.config.model} on vLLM, which "
                f"provides {', '.join(sorted(self.capabilities))}"
                + (": a policy cannot score steps, a reward model can." if "score" in missing else ".")
                + (f" Set model.max_logprobs={WHOLE}." if "vocabulary" in missing else "")
            )
        _ = self._checkpoint.tokens
        await self._engine.open()

    async def close(self) -> None:
        """End the engine's processes; a later `open` starts it again."""
        await self._engine.close()
