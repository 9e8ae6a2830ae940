"""OpenAIBackend and PoolingBackend against real vLLM servers: what only the real thing can show."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from itc.backends.base import Backend, Request, Watch
from itc.backends.embedded import EmbeddedBackend
from itc.backends.openai import OpenAIBackend
from itc.backends.pooling import PoolingBackend
from itc.errors import CapabilityError, ContextOverflow, Unreachable
from itc.keys import Key
from itc.models import ServedModel
from itc.tasks import load
from itc.types import Problem
from tests.backends.processes import BLOCK, ROOT, holders, real
from tests.backends.rewards import Plain
from tests.backends.standing import standing

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]
MODELS = ROOT / "itc/embedded"
SCORE: frozenset[Any] = frozenset({"score"})
SOLUTIONS = (
    ("3 + 4 = 7.\n", "So there are 7 apples.\n", "7 - 2 = 5.\n", "#### 5\n"),
    ("3 + 4 = 8.\n", "", "#### 8"),
    ("Tom has 3 apples. " * 20 + "\n", "#### 3\n"),
)


@cache
def problems() -> list[Problem]:
    return [example.problem for example in load("chain").examples]


def ask(i: int = 0, **changes: Any) -> Request:
    problem = problems()[i]
    return Request(**{"prompt": problem.prompt, "key": Key("vllm", i), "max_tokens": 64, **changes})


def run(
    backend: Backend, body: Callable[[Any], Awaitable[None]], needs: frozenset[Any] = frozenset()
) -> None:
    async def main() -> None:
        try:
            await backend.open(needs)
            await body(backend)
        finally:
            await backend.close()

    asyncio.run(main())


async def until(settings: ServedModel, busy: bool) -> None:
    """Returns once there are requests in the engine, or none."""
    async with asyncio.timeout(300):
        while bool(await metric(settings, "num_requests_running")) != busy:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def metric(settings: ServedModel, name: str) -> float:
    url = str(settings.base_url).removesuffix("/v1") + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}" + "{"))


def test_ids_and_text_are_asked_alike() -> None:
    """What is drawn, and what it costs, does not depend on whether text or ids are sent; greedy text is the
    embedded engine's."""
    by_text, embedded = standing("policy", tokenizer="").made(), EmbeddedBackend("policy")

    async def body(by_ids: OpenAIBackend) -> None:
        await by_text.open(frozenset())
        for i in range(6):
            for request in (ask(i, temperature=0.0), ask(i, logprobs=True, step="\n"), ask(i, stop=(" ",))):
                one, other = await by_ids.generate(request), await by_text.generate(request)
                assert (one.text, one.finish) == (other.text, other.finish)
                assert one.usage.prompt_tokens == other.usage.prompt_tokens == by_ids.prompt_bound(request)
                assert one.usage.completion_tokens == other.usage.completion_tokens
                assert one.token_ids or not one.text
                assert not other.token_ids
                streamed = await by_ids.generate(request, Watch())
                assert (streamed.text, streamed.token_ids) == (one.text, one.token_ids)
                if not request.temperature:
                    drawn = await embedded.generate(request)
                    assert (drawn.text, drawn.token_ids) == (one.text, one.token_ids)
        await by_text.close()
        await embedded.close()

    run(standing("policy").made(), body)


def test_steps_continue_the_tokens_that_were_drawn() -> None:
    """Greedy, an answer made step by step is the answer made at once."""

    async def body(backend: OpenAIBackend) -> None:
        for i in range(6):
            whole = await backend.generate(ask(i, temperature=0.0, max_tokens=60))
            text, ids = "", tuple[int, ...]()
            while len(ids) < 60:
                asked = ask(
                    i, temperature=0.0, prefix=text, prefix_ids=ids, step="\n", max_tokens=60 - len(ids)
                )
                step = await backend.generate(asked)
                text, ids = text + step.text, ids + step.token_ids
                if step.finish != "step":
                    break
            assert (text, ids) == (whole.text, whole.token_ids)

    run(standing("policy").made(), body)


def test_cached_tokens_are_those_of_whole_blocks() -> None:
    async def body(backend: OpenAIBackend) -> None:
        request = ask(0, prompt="So 1 + 2 = 3. " * 30 + str(time.time_ns() % 10**6), n=1)
        first = await backend.generate(request)
        again = await backend.generate(request)
        tokens = first.usage.prompt_tokens
        assert first.usage.cached_tokens <= tokens - BLOCK
        assert again.usage.cached_tokens == (tokens - 1) // BLOCK * BLOCK
        several = await backend.generate(ask(0, prompt=request.prompt, n=4))
        assert several.usage.prompt_tokens == tokens
        assert several.usage.cached_tokens == again.usage.cached_tokens
        assert all(d.usage.prompt_tokens == 0 for d in several.others)
        assert len({d.token_ids for d in (several, *several.others)}) > 1

    run(standing("policy").made(), body)


def test_a_chat_message_is_continued() -> None:
    """``continue_final_message`` draws what completions draw after the same text."""
    completions = standing("policy").made()

    async def body(chat: OpenAIBackend) -> None:
        assert "continue" in chat.capabilities
        await completions.open(frozenset())
        for i in range(6):
            prompt = ask(i).prompt
            asked = ask(i, prefix=" There are 3", temperature=0.0)
            drawn = await chat.generate(asked)
            same = await completions.generate(
                ask(i, prompt=prompt + "\n", prefix=" There are 3", temperature=0.0)
            )
            assert drawn.text == same.text
            assert drawn.usage.prompt_tokens == same.usage.prompt_tokens
            assert drawn.usage.completion_tokens == same.usage.completion_tokens
            assert not drawn.text.startswith(" There")
        await completions.close()

    run(standing("policy", api="chat", tokenizer="").made(), body, frozenset({"continue"}))


@pytest.mark.parametrize("watched", [False, True])
def test_a_cancelled_draw_frees_its_slot(watched: bool) -> None:
    settings = standing("policy", extra_body={"ignore_eos": True}, n_max=64)

    async def body(backend: OpenAIBackend) -> None:
        before = await metric(settings, "generation_tokens_total")
        requests = [ask(i, max_tokens=900) for i in range(64)]
        drawing = [asyncio.create_task(backend.generate(r, Watch() if watched else None)) for r in requests]
        await until(settings, busy=True)
        cut = [task for task in drawing if task.cancel()]
        results = await asyncio.gather(*drawing, return_exceptions=True)
        ends = [type(r).__name__ for r in results]
        # On a busy machine a draw may have all its tokens before it can be cancelled; none may fail.
        assert ends.count("CancelledError") == len(cut) > 0, results[:3]
        assert ends.count("Completion") == len(drawing) - len(cut), results[:3]
        await until(settings, busy=False)
        made, last = await metric(settings, "generation_tokens_total"), -1.0
        while made != last:  # the step that was under way is counted late
            await asyncio.sleep(0.5)
            made, last = await metric(settings, "generation_tokens_total"), made
        assert made - before < 64 * 900
        assert (await backend.generate(ask(9, max_tokens=5))).usage.completion_tokens == 5
        assert await metric(settings, "generation_tokens_total") == made + 5

    run(settings.made(), body)


def test_what_the_server_refuses() -> None:
    async def body(backend: OpenAIBackend) -> None:
        with pytest.raises(ContextOverflow, match=r"1024.*Lower max_tokens"):
            await backend.generate(ask(0, prompt="1 + 2 = 3. " * 400))
        assert (await backend.generate(ask(0))).text

    run(standing("policy").made(), body)
    wrong = standing("policy", name="polcy").made()
    with pytest.raises(CapabilityError, match="Did you mean 'policy'"):
        run(wrong, body)
    with pytest.raises(CapabilityError, match="with --runner pooling"):
        run(standing("policy").reward(Plain()), body)
    with pytest.raises(CapabilityError, match="as a generator"):
        run(standing("prm").reward(Plain("next", labels=(" +", " -"))), body)
    with pytest.raises(CapabilityError, match="serve the model as a generator"):
        run(standing("prm").made(), body)


def rating(steps: tuple[str, ...], **changes: Any) -> Request:
    return Request(
        **{"prompt": ask(3).prompt, "key": Key("r"), "score_steps": steps, "max_tokens": 0, **changes}
    )


def plain(embedded: EmbeddedBackend, **changes: Any) -> Plain:
    """As the embedded reward model frames questions."""
    return Plain(frame=embedded._framed, end=embedded._model.shape.score_end, **changes)


def test_ratings_are_the_embedded_engines() -> None:
    embedded = EmbeddedBackend("prm")

    async def body(backend: PoolingBackend) -> None:
        for steps in SOLUTIONS:
            for shown in range(1, len(steps) + 1):
                request = rating(steps[:shown])
                served, expected = await backend.generate(request), await embedded.generate(request)
                assert served.scores == pytest.approx(expected.scores, abs=1e-3)
                assert served.usage.prompt_tokens == expected.usage.prompt_tokens
                assert served.usage.prompt_tokens == backend.prompt_bound(request)
        with pytest.raises(ContextOverflow):
            await backend.generate(rating(("1 + 2 = 3. " * 400,)))
        await embedded.close()

    run(standing("prm").reward(plain(embedded)), body, SCORE)


def test_log_probabilities_of_what_follows_a_step() -> None:
    """They equal those that the server gives for the same token in a prompt; grown by steps, little of a
    solution is computed twice."""
    settings = standing("policy")
    layout = Plain("next", labels=(" +", " -", " 7"))

    async def body(backend: PoolingBackend) -> None:
        candidates = layout.candidates(backend.tokens)
        steps, computed = (*SOLUTIONS[0], f"{time.time_ns() % 10**9} apples.\n", *SOLUTIONS[0]), 0
        for shown in range(1, len(steps) + 1):
            usage = (await backend.generate(rating(steps[:shown]))).usage
            computed += usage.prompt_tokens - usage.cached_tokens
        assert computed <= usage.prompt_tokens + len(steps) * BLOCK
        laid = layout.lay_out(backend.tokens, ask(3).prompt, steps)
        for at in laid.at:
            read, _ = await backend._next(laid.ids[: at + 1], lambda: None)
            for token, value in zip(candidates, read, strict=True):
                body = {"model": "policy", "prompt": [*laid.ids[: at + 1], token], "max_tokens": 1}
                blob = await backend._transport.post(
                    "completions", json.dumps({**body, "prompt_logprobs": 0}).encode()
                )
                last = json.loads(blob)["choices"][0]["prompt_logprobs"][-1]
                assert value == pytest.approx(last[str(token)]["logprob"], abs=1e-4)

    run(settings.reward(layout), body, SCORE)


def test_an_outcome_model_is_served_and_read_at_its_end(tmp_path: Path) -> None:
    """The shipped reward model as a sequence classifier: its one score is that of the last step."""
    folder = tmp_path / "orm"
    shutil.copytree(MODELS / "prm", folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["LlamaForSequenceClassification"]
    (folder / "config.json").write_text(json.dumps(config))
    embedded = EmbeddedBackend("prm")
    settings = real("prm", server={"model": str(folder)})
    backend = settings.reward(plain(embedded, output="sequence"))
    keys = []

    async def body(served: Any) -> None:
        keys.append(served.server.key.key)
        for steps in SOLUTIONS:
            expected = await embedded.generate(rating(steps))
            got = await served.generate(rating(steps))
            assert got.scores == pytest.approx(expected.scores[-1:], abs=1e-3)
        await embedded.close()

    run(backend, body, SCORE)
    assert not holders(keys[0])


def test_why_vllm_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: Any) -> None:
        raise AssertionError("it must not open")

    with pytest.raises(Unreachable, match=r"exit code 1.*no-such-org/no-such-model"):
        run(real("policy", server={"model": "no-such-org/no-such-model"}).made(), nothing)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "100000")
    with pytest.raises(Unreachable, match=r"exit code 1.*[Mm]emory.*GiB"):
        run(real("policy").made(), nothing)
