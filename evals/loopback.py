"""A server on the loopback interface, in a process of its own: as little HTTP as clients of vLLM need."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import orjson

GETS = {
    b"/v1/models": {"data": [{"id": "toy", "owned_by": "vllm"}]},
    b"/openapi.json": {"paths": {"/v1/completions": {}}},
}


class Loopback(asyncio.Protocol):
    """One connection. A class below it answers what is posted."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            if size:
                self.posted(body)
            else:
                self.write(orjson.dumps(self.got(head.split(b" ", 2)[1])))

    def posted(self, body: bytes) -> None:
        """Answer a POST, now or later, by `write`."""
        raise NotImplementedError

    def got(self, path: bytes) -> object:
        """What a GET is answered with."""
        return GETS.get(path, {})

    def write(self, body: bytes) -> None:
        """An answer with status 200."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)  # type: ignore[attr-defined]


async def serve(connection: type[Loopback]) -> None:
    """Answer until killed; the port is the first line of output."""
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, backlog=16384)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def served(command: Sequence[str]) -> Iterator[str]:
    """The base URL of a server that a command starts; it is killed at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()
