"""What the tests of OpenAIBackend share: requests, and a backend joined to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from itc.backends.base import Request
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.keys import Key
from tests.backends.server import Dialect, Server

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
