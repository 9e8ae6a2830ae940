"""The policy and the process reward model that ship with the package, behind OpenAI's protocol.

    python evals/peers/server.py        # prints its address

``/v1/completions`` and ``/v1/chat/completions`` draw (model ``policy``), ``/pooling`` rates (model ``prm``),
in the shapes that vLLM has. What waits is batched by the engine as it is for ``model=embedded``. The policy
has no chat format: a chat is the text of its messages joined, so that a last message of the assistant is
continued. ``/reset_prefix_cache`` forgets every prefix, so that contestants do not warm each other's prompts.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from itertools import count
from typing import Any

import orjson
from aiohttp import web
from serving import serve

from itc.backends.base import Completion, Request
from itc.backends.embedded import EmbeddedBackend
from itc.backends.embedded.backend import MODELS
from itc.backends.embedded.tokenizer import Tokenizer
from itc.errors import BackendError
from itc.keys import Key

DESCRIPTION: dict[str, Any] = {
    "paths": {"/v1/completions": {}, "/v1/chat/completions": {}, "/pooling": {}},
    "components": {"schemas": {"Request": {"properties": {"use_activation": {}}}}},
}
EOS, LINE = 1, "\n"


class Server:
    """Both models, and how they are asked."""

    def __init__(self) -> None:
        self._unseeded = count()
        self._pieces = Tokenizer.read(MODELS / "prm" / "tokenizer.json").pieces
        self._load()

    def _load(self) -> None:
        self.policy = EmbeddedBackend("policy")
        # The question is framed by who asks: here a text is rated as it comes.
        self.prm = EmbeddedBackend("prm", score_prompt="{prompt}")

    def app(self) -> web.Application:
        """To be served by aiohttp."""
        app = web.Application(client_max_size=2**26, middlewares=[refusing])
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/pooling", self._rate)
        app.router.add_post("/reset_prefix_cache", self._forget)
        app.router.add_get("/{path:.*}", self._describe)
        return app

    async def _describe(self, request: web.Request) -> web.Response:
        if request.path == "/v1/models":
            models = [{"id": m, "object": "model", "owned_by": "vllm"} for m in ("policy", "prm")]
            return answered({"object": "list", "data": models})
        if request.path == "/openapi.json":
            return answered(DESCRIPTION)
        return answered({}) if request.path == "/health" else web.json_response({}, status=404)

    async def _forget(self, _: web.Request) -> web.Response:
        await asyncio.gather(self.policy.close(), self.prm.close())
        self._load()
        return answered({})

    async def _complete(self, request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        return answered(await self._draw(asked, str(asked["prompt"]), chat=False))

    async def _chat(self, request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        if asked["messages"][-1]["role"] == "assistant" and not asked.get("continue_final_message"):
            raise ValueError("expected continue_final_message with a last message of the assistant")
        return answered(await self._draw(asked, "".join(m["content"] for m in asked["messages"]), chat=True))

    async def _draw(self, asked: dict[str, Any], prompt: str, chat: bool) -> dict[str, Any]:
        if asked.get("logprobs") or asked.get("stream"):
            raise ValueError("expected neither logprobs nor stream, which this server lacks")
        stop = shortest(asked.get("stop"))
        seed = asked.get("seed")
        key = Key("drawn", next(self._unseeded)) if seed is None else Key("seed", int(seed))
        limit = asked.get("max_tokens") or asked.get("max_completion_tokens") or 256
        requests = [
            Request(
                prompt,
                key.fold(i),
                temperature=float(asked.get("temperature", 1.0)),
                top_p=float(asked.get("top_p", 1.0)),
                top_k=int(asked.get("top_k") or 0),
                min_p=float(asked.get("min_p") or 0.0),
                max_tokens=limit,
                step=stop,
            )
            for i in range(asked.get("n") or 1)
        ]
        draws = await asyncio.gather(*(self.policy.generate(r) for r in requests))
        kept = bool(asked.get("include_stop_str_in_output"))
        choices = [choice(i, d, stop, kept, chat, asked) for i, d in enumerate(draws)]
        first, completion = draws[0].usage, sum(d.usage.completion_tokens for d in draws)
        usage = told(first.prompt_tokens, first.cached_tokens, completion)
        return {"model": "policy", "choices": choices, "usage": usage}

    async def _rate(self, request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        given, each = asked["input"], asked.get("task") == "token_classify"
        text = given if isinstance(given, str) else "".join(self._pieces[i] for i in given)
        if not text.endswith(LINE):
            raise ValueError(
                "expected an input that ends with a newline: there this model was trained to rate"
            )
        steps = tuple(self._pieces[i] for i in given) if each else (text,)
        rated = await self.prm.generate(Request("", Key("rating"), max_tokens=0, score_steps=steps))
        if each and rated.usage.prompt_tokens != len(given):
            raise ValueError("expected the token ids that this model's own tokenizer gives")
        rows = [outputs(s, asked.get("use_activation", True)) for s in rated.scores]
        data = {"index": 0, "object": "pooling", "data": rows if each else rows[-1]}
        usage = told(rated.usage.prompt_tokens, rated.usage.cached_tokens, 0)
        return answered({"model": "prm", "data": [data], "usage": usage})


def outputs(score: float, activated: bool) -> list[float]:
    """A score in [0,1] as the two labels' probabilities, or as logits whose softmax they are."""
    kept = min(max(score, 1e-12), 1 - 1e-12)
    return [1 - score, score] if activated else [0.0, math.log(kept / (1 - kept))]


def shortest(stops: str | list[str] | None) -> str:
    """The stop that is met first wherever any is met; '' for none. ValueError where the text decides."""
    given = [stops] if isinstance(stops, str) else list(stops or [])
    if not given:
        return ""
    stop = min(given, key=len)
    if not all(s.startswith(stop) for s in given):
        raise ValueError(f"expected stops that all begin with the shortest, got {given!r}")
    return stop


def choice(
    index: int, draw: Completion, stop: str, kept: bool, chat: bool, asked: dict[str, Any]
) -> dict[str, Any]:
    """One draw in the API's shape."""
    stopped = draw.finish == "step"
    text = draw.text if kept or not stopped else draw.text.removesuffix(stop)
    made: dict[str, Any] = {
        "index": index,
        "finish_reason": "length" if draw.finish == "length" else "stop",
        "stop_reason": stop if stopped else None,
        "logprobs": None,
    }
    if asked.get("return_token_ids"):
        ids = list(draw.token_ids)
        made["token_ids"] = ids + [EOS] * (draw.usage.completion_tokens - len(ids))
    return {**made, "message": {"role": "assistant", "content": text}} if chat else {**made, "text": text}


def told(prompt: int, cached: int, completion: int) -> dict[str, Any]:
    """The usage of a reply."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def answered(reply: dict[str, Any]) -> web.Response:
    """As JSON."""
    return web.Response(body=orjson.dumps(reply), content_type="application/json")


@web.middleware
async def refusing(request: web.Request, handler: Any) -> web.StreamResponse:
    """What cannot be done as asked is a 400 that says why."""
    try:
        reply: web.StreamResponse = await handler(request)
    except (BackendError, KeyError, ValueError) as error:
        return web.json_response({"error": {"message": f"{type(error).__name__}: {error}"}}, status=400)
    return reply


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--port", type=int, default=0)
    asyncio.run(serve(Server().app(), options.parse_args().port))
