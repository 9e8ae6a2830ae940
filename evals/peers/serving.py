"""A server of one's own on the loopback interface, which says its address."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def serve(app: web.Application, port: int) -> None:
    """Answer until killed; the address is the first line of output."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
