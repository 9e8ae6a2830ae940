"""A reward model on vLLM in process: steps in, scores in [0,1] out, nothing computed that was before."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from itc.backends.base import Capability, Completion, Request, Usage, Watch
from itc.backends.load import Load
from itc.backends.rating import Laid, Output, RewardFormat
from itc.backends.vllm.checkpoint import Checkpoint
from itc.backends.vllm.engine import Engine, Job
from itc.backends.vllm.known import Known, Row
from itc.backends.vllm.load import Stats
from itc.backends.vllm.settings import VLLMConfig
from itc.errors import CapabilityError, ConfigError, Rejected

_JOBS: dict[Output, Job] = {"tokens": "token_classify", "sequence": "classify", "next": "generate"}


class VLLMReward:
    """A model that rates steps as ``format`` says, run by vLLM in processes of its own.

    What the KV cache holds of a solution is not computed again, and a place that was read before, at the end
    of the same tokens, is not read again: a path that grew by a step costs that step, and the part of a block
    of the KV cache before it. ``prompt_tokens`` of a rating are those of the solution as laid out,
    ``cached_tokens`` those of them that were not computed for it.
    """

    def __init__(self, config: VLLMConfig, format: RewardFormat) -> None:  # noqa: A002
        """ConfigError when there is no such model, or it lacks what the format reads."""
        if config.structured or config.chat_template:
            raise ConfigError(
                "model.structured and model.chat_template shape draws, and a reward model makes none: its "
                "format lays out what it reads. Leave both empty."
            )
        self.config, self.format = config, format
        self._checkpoint = Checkpoint(config.model, config.revision)
        self._engine = Engine(config, _JOBS[format.output])
        self._candidates: tuple[int, ...] | None = None
        self._known = Known()
        self._laid = lru_cache(4096)(self._uncached_layout)

    @property
    def starts(self) -> bool:
        """Opening it starts processes."""
        return True

    @property
    def fingerprint(self) -> str:
        """Contents of the model's folder and the format; no path, and no setting of speed."""
        c = self.config
        return (
            f"vllm-reward:{self._checkpoint.digest}:{c.dtype}:{c.batch_invariant}:{self.format.fingerprint}"
        )

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It rates."""
        return frozenset({"score", "seed"})

    @property
    def stats(self) -> Stats:
        """Tokens computed and reused since it was opened."""
        return self._engine.stats

    def load(self) -> Load:
        """How busy the engine is."""
        return self._engine.load()

    def prompt_bound(self, request: Request) -> int:
        """Exact: the tokens of the solution as laid out."""
        return len(self._layout(request).ids)

    def _layout(self, request: Request) -> Laid:
        steps = request.score_steps or ()
        if request.prefix and steps:
            steps = (request.prefix + steps[0], *steps[1:])
        return self._laid(request.system + request.prompt, steps)

    def _uncached_layout(self, question: str, steps: tuple[str, ...]) -> Laid:
        return self.format.lay_out(self._checkpoint.tokens, question, steps)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """Rate ``score_steps``. CapabilityError when a draw is asked for; ContextOverflow when the solution
        does not fit; Rejected when the format can make no score of what the model gave.
        """
        if request.score_steps is None:
            raise CapabilityError(
                f"A draw was asked of {self.fingerprint}, which rates steps only; name the other model."
            )
        laid = self._layout(request)
        if not request.score_steps:
            return Completion(usage=Usage(len(laid.ids)))
        self._engine.check(laid.ids, 1 if self.format.output == "next" else 0)
        if watch is not None:
            watch.sent, watch.prompt_tokens = True, len(laid.ids)
        computed = 0

        async def read(places: list[int]) -> dict[int, Row]:
            nonlocal computed
            if self.format.output == "next":
                rows, more = await self._follow(laid.ids, places)
            else:
                rows, more = await self._pool(laid.ids, places)
            computed += more
            return rows

        rows = await self._known.rows(laid.ids, tuple(dict.fromkeys(laid.at)), read)
        cached = max(0, len(laid.ids) - computed)
        return Completion(
            usage=Usage(len(laid.ids), cached), scores=tuple(self._score(rows[at]) for at in laid.at)
        )

    async def _pool(self, ids: Sequence[int], places: list[int]) -> tuple[dict[int, Row], int]:
        """Rows, and how many tokens were computed for them."""
        ids = ids[: places[-1] + 1]
        if self.format.output == "sequence":
            reply = await self._pooled(ids, whole=False)
            row = tuple(float(x) for x in reply.outputs.data.flatten().tolist())
            return {places[-1]: row}, len(ids) - (reply.num_cached_tokens or 0)
        reply = await self._pooled(ids, whole=False)
        cached = int(reply.num_cached_tokens or 0)
        rows = reply.outputs.data.tolist()
        computed = len(rows)
        if cached > places[0] or cached + len(rows) != len(ids):
            # Computed before, in another solution that was not read there.
            reply, cached = await self._pooled(ids, whole=True), 0
            rows = reply.outputs.data.tolist()
            computed += len(rows)
        return {at: tuple(rows[at - cached]) for at in places}, computed

    async def _pooled(self, ids: Sequence[int], whole: bool) -> Any:
        from vllm.pooling_params import PoolingParams

        params = PoolingParams(
            task=_JOBS[self.format.output], use_activation=False, skip_reading_prefix_cache=whole
        )
        return await self._last(ids, params)

    async def _follow(self, ids: Sequence[int], places: list[int]) -> tuple[dict[int, Row], int]:
        """Rows, each by a request of its own with its prefix in the cache, and the tokens computed."""
        try:
            async with asyncio.TaskGroup() as group:
                asked = {at: group.create_task(self._next(ids[: at + 1])) for at in places}
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        told = {at: task.result() for at, task in asked.items()}
        return {at: row for at, (row, _) in told.items()}, sum(n for _, n in told.values())

    async def _next(self, ids: Sequence[int]) -> tuple[Row, int]:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        wanted = self._candidate_ids()
        params = SamplingParams(
            temperature=0.0,
            max_tokens=1,
            logprob_token_ids=list(wanted),
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        reply = await self._last(ids, params)
        (told,) = reply.outputs[0].logprobs
        return tuple(float(told[i].logprob) for i in wanted), len(ids) - (reply.num_cached_tokens or 0)

    async def _last(self, ids: Sequence[int], params: Any) -> Any:
        async with aclosing(self._engine.outputs(ids, params)) as replies:
            async for reply in replies:
                if reply.finished:
                    return reply
        raise AssertionError("vLLM ends every request with a reply that says so")

    def _candidate_ids(self) -> tuple[int, ...]:
        if self._candidates is None:
            self._candidates = self.format.candidates(self._checkpoint.tokens)
        return self._candidates

    def _score(self, row: Row) -> float:
        try:
            score, why = self.format.score(row), ""
        except (IndexError, ValueError, ArithmeticError) as error:
            score, why = math.nan, f" ({error})"
        if not 0.0 <= score <= 1.0:
            raise Rejected(
                f"{self.config.model} gave {len(row)} numbers at a place, of which the reward format makes "
                f"no score in [0,1]{why}. Is this the format that the model was trained with?"
            )
        return score

    async def open(self, needs: frozenset[Capability]) -> None:
        """Start the engine, which takes from seconds to minutes, unless it runs.

        CapabilityError when something needed is not provided, or the model has no head of the kind that the
        format reads; else as `Engine.open`.
        """
        if missing := needs - self.capabilities:
            raise CapabilityError(
                f"The strategy needs {', '.join(sorted(missing))} of {self.config.model}, a reward model, "
                "which can only score steps."
            )
        self._candidate_ids()
        await self._engine.open()
        if not await self._engine.does_its_job():
            await self._engine.close()
            raise CapabilityError(
                f"{self.config.model} is not made for what the reward format reads of it, which vLLM calls "
                f"{self._engine.job}. Is this the format that the model was trained with?"
            )

    async def close(self) -> None:
        """End the engine's processes; a later `open` starts it again."""
        await self._engine.close()
