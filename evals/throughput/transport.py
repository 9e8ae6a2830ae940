"""Completed requests a second of the ways to speak to a server, beside a bare aiohttp loop; one table.

    python evals/throughput/transport.py [--requests 2000] [--rounds 5] [--concurrency 64]

The server is that of over_http.py: a process of its own that answers at once. All clients ask the same, and
count the choices of the answer; they take turns, and each turn is divided by the bare loop's of its round.
`Transport` posts bytes and classifies failures; `OpenAIBackend` writes requests and checks every field of the
answer as well. The openai package is asked with ``max_retries=0``, over its aiohttp transport and its own.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import openai
import orjson
from over_http import bare, questions

import itc
from itc.backends.base import Request
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.transport import Secret, Transport
from itc.keys import Key

sys.path.insert(0, str(Path(__file__).parents[2]))

from evals.loopback import served

Ask = Callable[[str, int, int], Awaitable[int]]
"""Asks a prompt with a seed for n choices; returns how many came."""
Client = Callable[[str, list[tuple[str, int]], int, int], Awaitable[int]]
"""Asks (address, prompts with seeds, n, calls at a time); returns the choices."""
KEY = "EMPTY"


async def lanes(ask: Ask, work: list[tuple[str, int]], n: int, concurrency: int) -> int:
    """So many callers, each with one call after the other; the choices that came."""
    waiting, done = list(work), 0

    async def lane() -> None:
        nonlocal done
        while waiting:
            came = await ask(*waiting.pop(), n)
            done += came

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(lane())
    return done


async def plain(url: str, work: list[tuple[str, int]], n: int, concurrency: int) -> int:
    """aiohttp and orjson, nothing else."""
    problems = [itc.Problem(str(i), prompt) for i, (prompt, _) in enumerate(work)]
    return n * await bare(url, problems, n, n, concurrency)


async def transport(url: str, work: list[tuple[str, int]], n: int, concurrency: int) -> int:
    """itc's way to send bytes and to get them."""
    there = Transport(url, Secret(""), 600.0)

    async def ask(prompt: str, seed: int, n: int) -> int:
        body = {"model": "toy", "max_tokens": 512, "temperature": 1.0, "top_p": 1.0, "n": n, "seed": seed}
        body |= {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "prompt": prompt}
        return len(orjson.loads(await there.post("completions", orjson.dumps(body)))["choices"])

    try:
        return await lanes(ask, work, n, concurrency)
    finally:
        await there.close()


async def backend(url: str, work: list[tuple[str, int]], n: int, concurrency: int) -> int:
    """itc's backend: what it sends is a `Request`, what it gets is checked."""
    there = OpenAIBackend(OpenAIConfig(base_url=url, name="toy", api_key_env="", n_max=n))
    await there.open(frozenset())

    async def ask(prompt: str, seed: int, n: int) -> int:
        made = await there.generate(Request(prompt, Key("bench", seed), max_tokens=512, n=n, logprobs=False))
        return 1 + len(made.others)

    try:
        return await lanes(ask, work, n, concurrency)
    finally:
        await there.close()


def sdk(http: Callable[[], openai.DefaultAsyncHttpxClient]) -> Client:
    """The openai package over one of its transports."""

    async def client(url: str, work: list[tuple[str, int]], n: int, concurrency: int) -> int:
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0, http_client=http()) as there:

            async def ask(prompt: str, seed: int, n: int) -> int:
                made = await there.completions.create(
                    model="toy", prompt=prompt, max_tokens=512, temperature=1.0, top_p=1.0, n=n, seed=seed
                )
                return len(made.choices)

            return await lanes(ask, work, n, concurrency)

    return client


CLIENTS: dict[str, Client] = {
    "bare aiohttp": plain,
    "itc Transport": transport,
    "itc OpenAIBackend": backend,
    "openai, aiohttp": sdk(openai.DefaultAioHttpClient),
    "openai, httpx2": sdk(openai.DefaultAsyncHttpxClient),
}


def compare(url: str, n: int, calls: int, rounds: int, concurrency: int) -> None:
    """Rounds in which every client has a turn; the medians."""
    rates: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for turn in range(rounds + 1):
        for name in list(CLIENTS)[:: 1 if turn % 2 else -1]:
            work = [(p.prompt, i) for i, p in enumerate(questions(calls, turn))]
            begun = time.perf_counter()
            assert asyncio.run(CLIENTS[name](url, work, n, concurrency)) == calls * n
            if turn:  # the first round warms up
                rates[name].append(calls / (time.perf_counter() - begun))
    for name, found in rates.items():
        ratios = [a / b for a, b in zip(found, rates["bare aiohttp"], strict=True)]
        print(
            f"{n:>3}  {name:18} {statistics.median(found):6.0f} requests/s  {statistics.median(ratios):.2f} "
            f"of bare [{min(ratios):.2f}, {max(ratios):.2f}]",
            flush=True,
        )


def main() -> None:
    """Start the server, compare, end it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--requests", type=int, default=2000, help="a turn with n=1; a quarter with n=16")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--concurrency", type=int, default=64)
    args = options.parse_args()
    server = Path(__file__).resolve().with_name("over_http.py")
    with served([sys.executable, str(server), "--serve"]) as url:
        for n in (1, 16):
            calls = args.requests if n == 1 else args.requests // 4
            compare(url, n, calls, args.rounds, args.concurrency)


if __name__ == "__main__":
    main()
