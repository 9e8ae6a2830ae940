"""A connection that the server closed while it was idle loses no call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from itc.backends.base import Completion, Request, Watch
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.errors import Unreachable
from itc.keys import Key
from itc.testing import FaultServer


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def hang_up(server: FaultServer) -> None:
    """All connections are closed by the server when this returns, and the client's loop has not seen it."""

    async def close() -> None:
        assert server.runner.server is not None
        for connection in server.runner.server.connections:
            connection.force_close()
        await asyncio.sleep(0.01)

    server.wait(close())


def drawn(
    server: FaultServer, body: Callable[[OpenAIBackend], object], n: int, watched: bool
) -> list[object]:
    """What ``n`` calls at once become, after one call alone and ``body``."""

    async def main() -> list[object]:
        backend = OpenAIBackend(OpenAIConfig(base_url=server.base_url, name="toy"))
        try:
            await backend.generate(Request("alone", Key("idle"), max_tokens=4))
            calls = [
                asyncio.create_task(
                    backend.generate(
                        Request(f"p{i}", Key("idle", i), max_tokens=4), Watch() if watched else None
                    )
                )
                for i in range(n)
            ]
            body(backend)
            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await backend.close()

    return asyncio.run(main())


@pytest.mark.parametrize("watched", [False, True])
def test_a_connection_closed_before_it_is_taken_is_not_used(server: FaultServer, watched: bool) -> None:
    done = drawn(server, lambda _: hang_up(server), 8, watched)
    assert all(isinstance(d, Completion) for d in done), done
    assert len(server.calls) == 1 + 8


@pytest.mark.parametrize("watched", [False, True])
def test_a_connection_closed_after_it_was_taken_is_not_written_to(server: FaultServer, watched: bool) -> None:
    """Between taking a connection and writing to it the loop does whatever else is to be done."""

    def soon(_: OpenAIBackend) -> None:
        # Behind the first steps of the calls, before anything is written.
        asyncio.get_running_loop().call_soon(hang_up, server)

    done = drawn(server, soon, 8, watched)
    assert all(isinstance(d, Completion) for d in done), done
    assert len(server.calls) == 1 + 8


def test_a_server_that_hangs_up_on_whoever_comes_is_unreachable_and_costs_nothing() -> None:
    async def main() -> None:
        greeted = 0

        async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal greeted
            greeted += 1
            writer.close()

        listening = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        backend = OpenAIBackend(OpenAIConfig(base_url=f"http://127.0.0.1:{port}/v1", name="toy"))
        try:
            with pytest.raises(Unreachable, match="dropped the connection") as caught:
                await backend.generate(Request("p", Key("idle"), max_tokens=4))
            # What was written before it hung up may have been read; what was not costs nothing.
            assert caught.value.free == (not caught.value.unknown)
            assert 1 <= greeted <= 3
        finally:
            await backend.close()
            listening.close()
            await listening.wait_closed()

    asyncio.run(main())
