"""What a server tells of each token: its likeliest tokens and how sure it was, whole and streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest

from itc.backends.base import WHOLE, Request, Watch
from itc.backends.openai import OpenAIBackend
from itc.errors import BadResponse, CapabilityError
from itc.testing.faults import Fault
from tests.backends.client import DIALECTS, request, run
from tests.backends.server import Dialect, Server, draw, tops


class Until(Watch):
    """Ends a draw after some tokens."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.most = tokens

    def keep_going(self, logprobs: Sequence[float]) -> bool:
        assert len(self.confidences) == self.completion_tokens
        return self.completion_tokens < self.most


def true_confidences(asked: Request, prompt: str) -> list[float]:
    drawn = draw(prompt, asked.seed, 0, list(asked.stop), asked.max_tokens)
    pairs = zip(drawn.tokens, drawn.logprobs, strict=True)
    return [-fmean(p for _, p in tops(t, v, asked.confidence)) for t, v in pairs]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_they_are_what_the_server_lists(dialect: Dialect, api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        for i, (k, c) in enumerate(((0, 5), (3, 0), (2, 7), (7, 2))):
            asked = request(i, alternatives=k, confidence=c, stop=(".",))
            done, watch = await backend.generate(asked), Watch()
            assert await backend.generate(asked, watch) == done
            assert tuple(watch.confidences) == done.token_confidences
            assert not done.token_logprobs
            prompt = asked.prompt if api == "completions" else f"<user>{asked.prompt}<assistant>"
            true = draw(prompt, asked.seed, 0, ["."], 40)
            pairs = list(zip(true.tokens, true.logprobs, strict=True))
            assert done.alternatives == tuple(tuple(tops(t, v, k)) for t, v in pairs if k)
            assert done.token_confidences == pytest.approx(true_confidences(asked, prompt) if c else [])
            beside = await backend.generate(replace(asked, logprobs=True))
            assert (beside.alternatives, beside.token_confidences) == (
                done.alternatives,
                done.token_confidences,
            )
            assert beside.token_logprobs == pytest.approx(true.logprobs)

    run(body, dialect, api=api)


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_each_of_several_draws_in_one_call_has_its_own(api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        first = await backend.generate(request(n=8, confidence=4))
        draws = (first.sole(), *first.others)
        assert [len(d.token_confidences) for d in draws] == [d.usage.completion_tokens for d in draws]
        assert len({d.token_confidences for d in draws}) == 8

    run(body, api=api)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_cut_draw_has_those_of_its_tokens(dialect: Dialect) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.token_seconds = 0.02
        asked = request(3, max_tokens=300, confidence=6)
        done = await backend.generate(asked, Until(9))
        assert (done.finish, done.usage.completion_tokens) == ("cut", 9)
        assert done.token_confidences == pytest.approx(true_confidences(asked, asked.prompt)[:9])
        await server.until(lambda: server.calls[-1].aborted)

    run(body, dialect)


@pytest.mark.parametrize("need", ["alternatives", "confidence"])
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_an_unknown_server_is_asked_by_one_token(need: str, api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.open(frozenset({need}))  # type: ignore[arg-type]
        assert [c.tokens for c in server.calls] == [1] == [backend.probe_usage.completion_tokens]
        assert {"logprobs", "alternatives", "confidence"} <= backend.capabilities
        server.has_tops = False
        with pytest.raises(CapabilityError, match=f"'{need}'.*lists no likeliest tokens"):
            await backend.open(frozenset({need, "logprobs"}))  # type: ignore[arg-type]
        server.has_logprobs = False
        with pytest.raises(CapabilityError):
            await backend.open(frozenset({need}))  # type: ignore[arg-type]

    run(body, "silent", api=api)


def test_a_known_server_is_taken_at_its_word_and_the_draw_checked() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.open(frozenset({"alternatives", "confidence"}))
        assert not server.calls
        server.has_tops = False
        for watch in (None, Watch()):
            with pytest.raises(BadResponse, match="lists of the likeliest tokens"):
                await backend.generate(request(confidence=3), watch)
        with pytest.raises(CapabilityError, match="whole vocabulary"):
            await backend.generate(request(confidence=WHOLE))
        with pytest.raises(CapabilityError, match=r"'vocabulary'.*confidence=20"):
            await backend.open(frozenset({"confidence", "vocabulary"}))

    run(body)


AMISS = ("positive", "nan", "no", "text as", "empty", "long", "fewer", "null", "nameless")


@pytest.mark.parametrize("kind", AMISS)
def test_what_is_amiss_is_refused(kind: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault(f"{kind} top"))
        with pytest.raises(BadResponse):
            await backend.generate(request(1, confidence=2, alternatives=3, max_tokens=6))

    run(body)
