"""OpenAIBackend against a real server on the loopback interface: draws, dialects, streams, faults."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from server import Dialect, Fault, Server, draw

from itc.backends.base import Backend, Request, Usage, Watch
from itc.backends.limits import Limit
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.retry import Retry, RetryPolicy
from itc.errors import (
    BackendError,
    BadResponse,
    CapabilityError,
    ConfigError,
    ContextOverflow,
    DeadlineExceeded,
    RateLimited,
    Rejected,
    ServerFault,
    Unauthorized,
    Unreachable,
)
from itc.keys import Key

CANARY = "sk-canary-4711-do-not-show"
DIALECTS: tuple[Dialect, ...] = ("vllm", "sglang", "llama.cpp", "silent")
NOTHING: frozenset[Any] = frozenset()


def request(i: int = 0, **changes: Any) -> Request:
    return Request(**{"prompt": "what is two and two", "key": Key("test", i), "max_tokens": 40, **changes})


def run(
    body: Callable[[Server, OpenAIBackend], Awaitable[None]],
    dialect: Dialect = "vllm",
    opened: bool = True,
    **config: Any,
) -> None:
    async def main() -> None:
        async with Server(dialect) as server:
            config.setdefault("name", "toy")
            backend = OpenAIBackend(OpenAIConfig(base_url=server.base_url, **config))
            try:
                if opened:
                    await backend.open(NOTHING)
                await body(server, backend)
            finally:
                await backend.close()

    asyncio.run(main())


# Draws


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_a_draw_is_what_the_server_made(dialect: Dialect, api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        asked = request(stop=(".",), logprobs=True, temperature=0.7, top_p=0.9)
        done = await backend.generate(asked)
        call = server.calls[-1]
        prompt = asked.prompt if api == "completions" else f"<user>{asked.prompt}<assistant>"
        true = draw(prompt, asked.seed, 0, ["."], 40)
        assert done.text == true.text
        assert done.finish == ("length" if true.reason == "length" else "eos")
        assert done.token_logprobs == pytest.approx(true.logprobs)
        assert done.usage.completion_tokens == len(true.tokens) == call.tokens
        assert done.usage.prompt_tokens == len(prompt.split())
        assert await backend.generate(asked) == done
        assert (await backend.generate(request(1))).text != done.text

    run(body, dialect, api=api)


def test_every_sampling_field_is_sent() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.generate(request(temperature=0.3, top_p=0.8, top_k=7, min_p=0.1, stop=("a",), step="b"))
        sent = server.calls[-1].body
        assert sent["model"] == "toy"
        assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["min_p"]) == (0.3, 0.8, 7, 0.1)
        assert (sent["max_tokens"], sent["n"], sent["stop"]) == (40, 1, ["a", "b"])
        assert sent["seed"] == request().seed
        assert sent["guided"] == {"x": 1}
        # A neutral value is sent all the same to a server that has a default of its own.
        await backend.generate(request())
        assert (server.calls[-1].body["top_k"], server.calls[-1].body["min_p"]) == (0, 0.0)

    run(body, extra_body={"guided": {"x": 1}})


def test_an_unknown_server_gets_no_field_of_others() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.generate(request(logprobs=True, stop=("a",), step="\n\n"))
        with pytest.raises(Rejected, match="top_k"):
            await backend.generate(request(top_k=5))

    run(body, "silent")


@pytest.mark.parametrize("api", ["completions", "chat"])
@pytest.mark.parametrize("logprobs", [True, False])
def test_several_draws_in_one_call(api: str, logprobs: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        first = await backend.generate(request(n=16, logprobs=logprobs))
        draws = (first.sole(), *first.others)
        assert len(draws) == 16
        assert len({d.text for d in draws}) > 1
        assert sum(d.usage.completion_tokens for d in draws) == server.calls[-1].tokens
        assert [bool(d.usage.prompt_tokens) for d in draws] == [True] + [False] * 15
        assert all(0 <= d.usage.completion_tokens <= 40 for d in draws)
        if logprobs:
            assert all(d.usage.completion_tokens == len(d.token_logprobs) for d in draws)

    run(body, api=api)


def test_a_server_that_miscounts_several_draws_is_not_asked_for_them() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        assert backend.n_max == 1
        assert "n" not in backend.capabilities
        with pytest.raises(CapabilityError, match="draws in one call"):
            await backend.generate(request(n=2))

    run(body, "llama.cpp")


# Why a draw ended


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("api", ["completions", "chat"])
@pytest.mark.parametrize("watched", [False, True])
def test_why_it_ended(dialect: Dialect, api: str, watched: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        seen = set()
        for i in range(80):
            asked = request(i, max_tokens=12, stop=(" five",), step="\n\n")
            prompt = asked.prompt if api == "completions" else f"<user>{asked.prompt}<assistant>"
            true = draw(prompt, asked.seed, 0, [" five", "\n\n"], 12)
            done = await backend.generate(asked, Watch() if watched else None)
            finish = "length" if true.reason == "length" else "step" if true.stop == "\n\n" else "eos"
            if dialect == "silent" and finish != "length":
                finish = "open"
            assert done.finish == finish
            assert done.text == true.text + ("\n\n" if finish == "step" else "")
            assert done.usage.completion_tokens == len(true.tokens)
            seen.add((true.reason, true.stop))
        assert seen == {("length", None), ("stop", None), ("stop", " five"), ("stop", "\n\n")}

    run(body, dialect, api=api)


def test_an_answer_that_stops_at_the_step_delimiter_has_ended() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        for i in range(20):
            done = await backend.generate(request(i, stop=("\n\n",), step="\n\n"))
            assert done.finish in ("eos", "length")
            assert "\n\n" not in done.text

    run(body)


# Continuing an answer


def test_completions_continue_by_text(tmp_path: Path) -> None:
    async def plain(server: Server, backend: OpenAIBackend) -> None:
        await backend.generate(request(prefix="Step one.\n\n", prefix_ids=(1, 2)))
        assert server.calls[-1].body["prompt"] == "what is two and twoStep one.\n\n"
        await backend.generate(request(system="Be brief."))
        assert server.calls[-1].body["prompt"] == "Be brief.\n\nwhat is two and two"
        assert "continue" in backend.capabilities

    async def templated(server: Server, backend: OpenAIBackend) -> None:
        asked = request(prefix="Step one.\n\n", system="S")
        await backend.generate(asked)
        sent = server.calls[-1].body["prompt"]
        assert sent == "[system]S[user]what is two and two[assistant]Step one.\n\n"
        assert len(sent) <= backend.prompt_bound(asked) <= len(sent) + 64

    run(plain)
    file = tmp_path / "chat.jinja"
    file.write_text("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]")
    run(templated, chat_template=str(file))


@pytest.mark.parametrize(
    ("dialect", "continuation", "flags"),
    [
        ("vllm", "auto", True),
        ("sglang", "auto", True),
        ("llama.cpp", "auto", False),
        ("vllm", "continue_final_message", True),
        ("silent", "prefill", False),
    ],
)
def test_chat_continues_as_the_server_allows(dialect: Dialect, continuation: str, flags: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        assert "continue" in backend.capabilities
        done = await backend.generate(request(prefix="Step one.\n\n"))
        sent = server.calls[-1].body
        assert sent["messages"][-1] == {"role": "assistant", "content": "Step one.\n\n"}
        assert sent.get("continue_final_message", False) is flags
        assert sent.get("add_generation_prompt", True) is not flags
        assert not done.text.startswith("Step one.")
        await backend.generate(request())
        assert "continue_final_message" not in server.calls[-1].body

    run(body, dialect, api="chat", continuation=continuation)


@pytest.mark.parametrize("continuation", ["auto", "none"])
def test_chat_that_cannot_continue_is_refused(continuation: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        with pytest.raises(CapabilityError, match=r"model\.api=completions"):
            await backend.open(frozenset(("continue",)))
        with pytest.raises(CapabilityError):
            await backend.generate(request(prefix="Step one."))
        assert not server.calls

    run(body, "silent", api="chat", continuation=continuation)


# Streams


class Cutting(Watch):
    """Ends the draw after some pieces."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.pieces = after, 0

    def keep_going(self, logprobs: Any) -> bool:
        self.pieces += 1
        return self.pieces < self.after


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_a_watched_draw_is_the_same_draw(dialect: Dialect, api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        for i in range(10):
            asked = request(i, logprobs=True, stop=(" five",))
            watch = Watch()
            done = await backend.generate(asked, watch)
            assert done == await backend.generate(asked)
            assert watch.sent
            assert watch.text == done.text
            assert watch.completion_tokens == done.usage.completion_tokens == server.calls[-1].tokens
            assert watch.prompt_tokens == done.usage.prompt_tokens

    run(body, dialect, api=api)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_cutting_aborts_upstream_and_settles(dialect: Dialect, api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.token_seconds = 0.03
        watch = Cutting(5)
        done = await backend.generate(request(3, max_tokens=1000), watch)
        assert done.finish == "cut"
        assert done.text == watch.text != ""
        call = server.calls[-1]
        await server.until(lambda: call.aborted)
        assert not call.done
        assert done.usage.completion_tokens == watch.completion_tokens == 5
        assert 5 <= call.tokens <= 8
        assert done.usage.prompt_tokens >= 5

    run(body, dialect, api=api)


@pytest.mark.parametrize("watched", [False, True])
def test_cancelling_aborts_upstream(watched: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.token_seconds = 0.03
        watch = Watch()
        asked = request(3, max_tokens=1000)
        task = asyncio.create_task(backend.generate(asked, watch if watched else None))
        await server.until(lambda: bool(server.calls))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        call = server.calls[-1]
        await server.until(lambda: call.aborted)
        if watched:
            assert watch.sent
            assert 0 < watch.completion_tokens <= call.tokens <= watch.completion_tokens + 2
            assert watch.prompt_tokens == 5

    run(body)


def test_what_was_never_sent_is_not_marked_sent() -> None:
    async def main() -> None:
        backend = OpenAIBackend(OpenAIConfig(base_url="http://127.0.0.1:9/v1", name="toy"))
        watch = Watch()
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
            await backend.generate(request(), watch)
        assert not watch.sent
        assert watch.prompt_tokens == 0
        await backend.close()

    asyncio.run(main())


def test_a_watch_is_told_when_the_request_has_left() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("hang"))
        watch = Watch()
        task = asyncio.create_task(backend.generate(request(), watch))
        await server.until(lambda: bool(server.calls))
        assert watch.sent
        # Not counted yet by the server: the bound.
        assert watch.prompt_tokens == backend.prompt_bound(request())
        task.cancel()
        await asyncio.wait([task])

    run(body)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("sse drop", Unreachable),
        ("sse truncated", Unreachable),
        ("sse garbage", BadResponse),
        ("sse error", ServerFault),
        ("sse no finish", BadResponse),
        ("no usage", BadResponse),
        ("html", BadResponse),
    ],
)
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_broken_streams(kind: str, error: type[BackendError], api: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault(kind))
        with pytest.raises(error):
            await backend.generate(request(3), Watch())
        assert (await backend.generate(request(3), Watch())).text

    run(body, "silent", api=api)


# Faults


BAD = [
    *("fewer choices", "no choices", "same index", "wrong index", "no usage", "null text", "unknown finish"),
    *("null finish", "too many tokens", "negative usage", "float usage", "boolean usage", "nan", "empty"),
    *("positive logprob", "null logprob", "long logprobs", "no logprobs", "not utf-8", "truncated", "list"),
    *("html", "flood"),
]


@pytest.mark.parametrize("kind", BAD)
def test_answers_that_break_the_protocol(kind: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault(kind))
        with pytest.raises(BadResponse) as caught:
            await backend.generate(request(n=4, logprobs=True))
        assert len(str(caught.value)) < 900
        assert "xpected" in str(caught.value)
        assert len((await backend.generate(request(n=4, logprobs=True))).others) == 3

    run(body)


def test_unknown_fields_do_no_harm() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("unknown field"))
        assert (await backend.generate(request())).text

    run(body)


OVERFLOWS = [
    b'{"message":"This model\'s maximum context length is 1024 tokens. However, you requested 2000"}',
    b'{"error":{"message":"request (3001 tokens) exceeds the available context size (1536 tokens)"}}',
    b'{"error":{"message":"The decoder prompt (length 9) is longer than the maximum model length of 8"}}',
]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", 400), Rejected),
        (Fault("status", 401), Unauthorized),
        (Fault("status", 403), Unauthorized),
        (Fault("status", 404), Rejected),
        (Fault("status", 408), ServerFault),
        (Fault("status", 422), Rejected),
        (Fault("status", 429), RateLimited),
        (Fault("status", 429, b'{"error":{"code":"insufficient_quota"}}'), Rejected),
        (Fault("status", 500), ServerFault),
        (Fault("status", 503), ServerFault),
        (Fault("status", 307, headers={"Location": "/elsewhere"}), Rejected),
        (Fault("status", 204, b""), BadResponse),
        *((Fault("status", 400, text), ContextOverflow) for text in OVERFLOWS),
        (Fault("drop"), Unreachable),
        (Fault("error inside"), ServerFault),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
def test_failures_are_classified(fault: Fault, error: type[BackendError], watched: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        if watched and fault.kind == "error inside":
            return
        server.misbehave(fault)
        with pytest.raises(BackendError) as caught:
            await backend.generate(request(), Watch() if watched else None)
        assert type(caught.value) is error
        assert caught.value.__context__ is None
        assert (await backend.generate(request())).text

    run(body)


@pytest.mark.parametrize("kind", ["drip", "hang"])
@pytest.mark.parametrize("watched", [False, True])
def test_the_deadline_covers_the_whole_answer(kind: str, watched: bool) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault(kind))
        begun = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"0\.5 s.*model\.deadline"):
            await backend.generate(request(), Watch() if watched else None)
        assert time.monotonic() - begun < 1.5
        await server.until(lambda: server.calls[-1].aborted)

    run(body, deadline=0.5)


def test_a_slow_stream_does_not_pass_the_deadline() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.token_seconds = 0.1
        with pytest.raises(DeadlineExceeded):
            await backend.generate(request(3, max_tokens=1000), Watch())

    run(body, deadline=0.5)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("1.5", 1.5, 1.5),
        ("0", 0, 0),
        (formatdate(time.time() + 3600, usegmt=True), 3500, 3700),
        ("soon", None, None),
    ],
)
def test_retry_after_is_read(header: str, low: float | None, high: float | None) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("status", 429, headers={"Retry-After": header}))
        with pytest.raises(RateLimited) as caught:
            await backend.generate(request())
        after = caught.value.retry_after
        assert after is None if low is None or high is None else after is not None and low <= after <= high

    run(body)


def test_429_and_then_success() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("status", 429, headers={"Retry-After": "0.3"}), Fault("html"), Fault("drop"))
        retry = Retry(backend, RetryPolicy(first_delay=0.01))
        begun = time.monotonic()
        done = await retry.generate(request())
        assert time.monotonic() - begun >= 0.3
        assert done.attempts == 4
        assert done == await backend.generate(request())

    run(body)


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    faults = [Fault("status", s, b"bad key " + CANARY.encode()) for s in (200, 400, 401, 429, 500, 302)]
    faults += [Fault("echo key", 401), Fault("echo key", 500), Fault("html"), Fault("drop"), Fault("hang")]
    faults += [Fault("truncated"), Fault("nan"), Fault("flood")]

    def everything(error: BaseException | None) -> str:
        if error is None:
            return ""
        return f"{error!r}{error}{error.args}" + everything(error.__cause__) + everything(error.__context__)

    async def body(server: Server, backend: OpenAIBackend) -> None:
        for watch in (None, Watch()):
            for fault in faults:
                server.misbehave(fault)
                with pytest.raises(BackendError) as caught:
                    await backend.generate(request(logprobs=True, max_tokens=4), watch)
                shown = everything(caught.value)
                assert CANARY[:12] not in shown, fault
                assert server.calls[-1].headers["Authorization"] == f"Bearer {CANARY}"
                if watch is not None and fault.kind == "html":
                    break
        assert CANARY not in repr(backend) + str(vars(backend)) + repr(backend.config) + backend.fingerprint
        assert CANARY not in caplog.text

    caplog.set_level(0)
    run(body, api_key_env="CANARY_KEY", deadline=0.4)


def test_a_key_that_no_header_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "sk-\nline")

    async def body(server: Server, backend: OpenAIBackend) -> None:
        with pytest.raises(ConfigError, match="CANARY_KEY") as caught:
            await backend.open(NOTHING)
        assert "sk-" not in str(caught.value)

    run(body, opened=False, api_key_env="CANARY_KEY")


def test_control_characters_are_stripped() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("status", 500, b"\x1b[31mred\x00\x07" + b"y" * 5000))
        with pytest.raises(ServerFault) as caught:
            await backend.generate(request())
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    run(body)


def test_unpaired_surrogates_are_refused() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        with pytest.raises(Rejected, match="surrogates"):
            await backend.generate(request(prompt="a\ud800b"))

    run(body)


def test_a_large_prompt_passes() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        assert (await backend.generate(request(prompt="word " * 400_000))).usage.prompt_tokens == 400_000

    run(body)


# usage


def test_missing_usage_can_be_bounded() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.misbehave(Fault("no usage"), Fault("no usage"))
        asked = request(n=3)
        done = await backend.generate(asked)
        assert done.usage == Usage(backend.prompt_bound(asked), 0, 40)
        assert [d.usage for d in done.others] == [Usage(0, 0, 40)] * 2
        watch = Watch()
        done = await backend.generate(request(), watch)
        assert done.usage.completion_tokens == watch.completion_tokens >= server.calls[-1].tokens

    run(body, usage="bound")


# open


def test_open_spends_nothing_on_a_known_server() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.open(frozenset(("continue", "logprobs", "stream", "seed", "n")))
        assert not server.calls
        assert backend.probe_usage == Usage()
        assert backend.dialect.name == "vllm"
        with pytest.raises(CapabilityError, match="'score'"):
            await backend.open(frozenset(("score",)))

    run(body)


def test_open_draws_one_token_where_it_must() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        await backend.open(NOTHING)
        assert not server.calls
        await backend.open(frozenset(("logprobs",)))
        assert [c.tokens for c in server.calls] == [1]
        assert backend.probe_usage.completion_tokens == 1
        assert "logprobs" in backend.capabilities

    run(body, "silent")


def test_open_refuses_a_server_without_logprobs() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.has_logprobs = False
        with pytest.raises(CapabilityError, match=r"'logprobs'.*Start the server"):
            await backend.open(frozenset(("logprobs",)))

    run(body, "silent")


def test_open_checks_the_name() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        server.models = ["toy-large", "other"]
        with pytest.raises(CapabilityError, match="Did you mean 'toy-large'"):
            await backend.open(NOTHING)
        for status in (404, 405):
            server.models_status = status
            await backend.open(NOTHING)
        for status, error in ((401, Unauthorized), (500, ServerFault)):
            server.models_status = status
            with pytest.raises(error):
                await backend.open(NOTHING)

    run(body, opened=False, name="toy-larg")


def test_a_name_can_be_asked_for() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        with pytest.raises(ConfigError, match=r"Set model\.name"):
            _ = backend.fingerprint
        await backend.open(NOTHING)
        assert "toy" in backend.fingerprint
        assert (await backend.generate(request())).text
        assert server.calls[-1].body["model"] == "toy"
        server.models = ["a", "b"]
        with pytest.raises(ConfigError, match="a, b"):
            await backend.open(NOTHING)

    run(body, opened=False, name="")


def test_nobody_at_home() -> None:
    async def main() -> None:
        backend = OpenAIBackend(OpenAIConfig(base_url="http://127.0.0.1:9/v1", name="toy"))
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9/v1.*Start a server"):
            await backend.open(NOTHING)
        await backend.close()

    asyncio.run(main())


# Configuration


def test_the_fingerprint_is_what_shapes_the_draws(tmp_path: Path) -> None:
    file = tmp_path / "t.jinja"
    file.write_text("{{ messages[0].content }}")

    def fingerprint(**config: Any) -> str:
        return OpenAIBackend(OpenAIConfig(**{"name": "m", **config})).fingerprint

    base = fingerprint()
    same = [
        {"base_url": "http://elsewhere:1/v1"},
        {"api_key_env": "OTHER"},
        {"deadline": 1.0},
        {"n_max": 4},
        {"usage": "bound"},
    ]
    assert {fingerprint(**c) for c in same} == {base}
    other: list[dict[str, Any]] = [
        {"name": "n"},
        {"revision": "r"},
        {"api": "chat"},
        {"api": "chat", "continuation": "prefill"},
        {"chat_template": str(file)},
        {"extra_body": {"a": 1}},
        {"extra_body": {"a": 2}},
    ]
    assert len({base, *(fingerprint(**c) for c in other)}) == len(other) + 1
    assert fingerprint(extra_body={"a": 1, "b": 2}) == fingerprint(extra_body={"b": 2, "a": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "127.0.0.1:8000"},
        {"base_url": "http://user:secret@host/v1"},
        {"base_url": "http://host/v1?api_key=secret"},
        {"api": "responses"},
        {"continuation": "yes"},
        {"usage": "maybe"},
        {"deadline": 0},
        {"deadline": float("inf")},
        {"n_max": 0},
        {"chat_template": "x.jinja", "api": "chat"},
        {"extra_body": {"seed": 1}},
        {"extra_body": {"max_tokens": 1}},
    ],
)
def test_impossible_configurations_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="model") as caught:
        OpenAIConfig(**wrong)
    assert "secret" not in str(caught.value)


def test_it_is_a_backend() -> None:
    backend = OpenAIBackend(OpenAIConfig(name="m"))
    for each in (backend, Retry(backend), Limit(backend, 1)):
        assert isinstance(each, Backend)


# Many at a time


def test_the_server_never_sees_more_than_the_limit() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        limited = Limit(backend, 16)
        async with asyncio.TaskGroup() as group:
            for i in range(2000):
                group.create_task(limited.generate(request(i, max_tokens=2)))
        assert len(server.calls) == 2000
        assert server.most_in_flight <= 16
        assert server.open_connections <= 16

    run(body)


def test_a_thousand_at_once_leak_nothing() -> None:
    def sockets() -> int:
        links = []
        for fd in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                links.append(str(fd.readlink()))
        return sum(link.startswith("socket:") for link in links)

    async def main() -> None:
        async with Server("vllm") as server:
            server.call_seconds = 0.2
            backend = OpenAIBackend(OpenAIConfig(base_url=server.base_url, name="toy"))
            before = sockets()
            tasks = [asyncio.create_task(backend.generate(request(i, max_tokens=2))) for i in range(1000)]
            await asyncio.sleep(0.5)
            for task in tasks[::3]:
                task.cancel()
            await asyncio.wait(tasks)
            assert sum(t.done() and not t.cancelled() and t.exception() is None for t in tasks) >= 660
            await backend.close()
            await server.until(lambda: sockets() <= before, 5)
            await server.until(lambda: server.open_connections == 0, 5)

    asyncio.run(main())
    gc.collect()
