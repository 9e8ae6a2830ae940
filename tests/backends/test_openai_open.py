"""What is found out before the first draw, and what is refused in a configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from itc.backends.base import Backend, Usage
from itc.backends.limits import Limit
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.retry import Retry
from itc.errors import (
    CapabilityError,
    ConfigError,
    ServerFault,
    Unauthorized,
    Unreachable,
)
from tests.backends.client import NOTHING, request, run
from tests.backends.server import Server


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
        {"extra_body": {"a": object()}},
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
