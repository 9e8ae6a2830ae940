"""What the proxy costs: the same draws asked of the server itself and through the proxy, in turns.

    python evals/peers/overhead.py [--calls 1024] [--rounds 5]

A bare aiohttp loop with 64 calls in flight, one draw each: no contestant makes more calls a token. Each
pair of turns gives a ratio of times, and the median is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time

import aiohttp
from run import HERE, started

from itc.tasks import load as load_task

IN_FLIGHT = 64


async def draws(url: str, prompts: list[str], calls: int, seed: int) -> int:
    """Make them; the tokens that were drawn."""
    waiting = [(prompts[i % len(prompts)], seed * calls + i) for i in range(calls)]
    tokens = 0

    async def lane(session: aiohttp.ClientSession) -> None:
        nonlocal tokens
        while waiting:
            prompt, number = waiting.pop()
            body = {"model": "policy", "prompt": prompt, "seed": number, "max_tokens": 256}
            async with session.post(f"{url}/v1/completions", json=body) as reply:
                tokens += (await reply.json())["usage"]["completion_tokens"]

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as lanes:
        for _ in range(IN_FLIGHT):
            lanes.create_task(lane(session))
    return tokens


def main() -> None:
    """Alternate, and print the median of the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--calls", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    prompts = [e.problem.prompt for e in load_task("chain", problems=64, split="dev").examples]
    ratios = []
    with (
        started([sys.executable, str(HERE / "server.py")]) as server,
        started([sys.executable, str(HERE / "proxy.py"), server]) as proxy,
    ):
        ways = {"direct": server, "proxy": f"{proxy}/bare"}
        for turn in range(asked.rounds + 1):
            took = {}
            for way in sorted(ways, reverse=turn % 2 == 1):
                start = time.perf_counter()
                tokens = asyncio.run(draws(ways[way], prompts, asked.calls, turn))
                took[way] = (time.perf_counter() - start) / tokens
            if turn:  # the first pair warms up
                ratios.append(took["proxy"] / took["direct"])
    print(
        f"{asked.calls} calls a turn: time a token through the proxy / without it, median "
        f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}] over {len(ratios)} pairs"
    )


if __name__ == "__main__":
    main()
