"""Completed requests a second over HTTP: `itc.run` against a bare aiohttp loop that makes the same POSTs.

    python evals/throughput/over_http.py [--requests 4096] [--rounds 7] [--concurrency 64]

The server is a process of its own that answers at once, as vLLM would, with ``n`` choices. Both clients
take turns; each pair of turns gives a ratio, and the median is printed: with one draw a call, then with 16.
An itc turn is a whole run: it asks what the server is, journals every draw, grades, writes Parquet.
(Not named http.py: a script's folder comes first on Python's path, and would hide the standard module.)
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import orjson

import itc

sys.path.insert(0, str(Path(__file__).parents[2]))

from evals.loopback import Loopback, serve, served

TEXT = "There are 12 boxes with 7 eggs each, so 12 * 7 = 84 eggs; 4 broke, and 80 are left. " * 4
SAMPLES = 32
"""Draws a problem."""


# ------------------------------------------------------------------ the server, in its own process
class Instant(Loopback):
    """Answers at once, so that the server is not what is measured."""

    def posted(self, body: bytes) -> None:
        self.write(orjson.dumps(completion(body)))


def completion(body: bytes) -> dict[str, object]:
    """The reply to a POST."""
    asked = orjson.loads(body)
    n, seed = asked["n"], asked["seed"]
    choices = [
        {
            "index": i,
            "text": f"{TEXT}#### {(seed + i) % 13}",
            "finish_reason": "stop",
            "stop_reason": None,
            "logprobs": None,
        }
        for i in range(n)
    ]
    usage = {"prompt_tokens": 200, "completion_tokens": 110 * n, "total_tokens": 200 + 110 * n}
    return {"id": "cmpl", "object": "text_completion", "model": "toy", "choices": choices, "usage": usage}


# ------------------------------------------------------------------ the two clients
def questions(problems: int, turn: int) -> list[itc.Problem]:
    """Prompts of about 700 characters, new in every turn."""
    return [itc.Problem(f"{turn}-{i}", f"Question {turn}.{i}. {TEXT * 2}") for i in range(problems)]


async def bare(url: str, problems: list[itc.Problem], samples: int, n: int, concurrency: int) -> int:
    """The same POSTs without itc: fixed lanes, bodies written and answers parsed with orjson."""
    waiting = [(p.prompt, s) for p in problems for s in range(samples // n)]
    done = 0

    async def lane(session: aiohttp.ClientSession) -> None:
        nonlocal done
        while waiting:
            prompt, seed = waiting.pop()
            body = {"model": "toy", "max_tokens": 512, "temperature": 1.0, "top_p": 1.0, "n": n, "seed": seed}
            body |= {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "prompt": prompt}
            async with session.post(f"{url}/completions", data=orjson.dumps(body)) as reply:
                done += len(orjson.loads(await reply.read())["choices"]) == n

    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        asyncio.TaskGroup() as lanes,
    ):
        for _ in range(concurrency):
            lanes.create_task(lane(session))
    return done


def ours(url: str, problems: list[itc.Problem], samples: int, n: int, concurrency: int) -> int:
    """A whole run; returns its draws."""
    model = {"name": "toy", "base_url": url, "n_max": n, "concurrency": concurrency, "logprobs": False}
    with TemporaryDirectory() as folder:
        result = itc.run(itc.sample(samples) >> itc.vote(), task=problems, model=model, workspace=folder)
    return int(result.manifest["billed"]["calls"])


def compare(url: str, n: int, args: argparse.Namespace) -> None:
    """Alternate the two clients and print the median of the ratios of neighbouring turns."""
    # With n = 16 a call is 16 draws: a quarter of the calls keeps the turns of similar length.
    problems = max(1, args.requests // (SAMPLES if n == 1 else 4 * SAMPLES // n))
    calls = problems * SAMPLES // n
    rates: dict[str, list[float]] = {"itc": [], "bare": []}
    for turn in range(args.rounds + 1):
        pair = {}
        for name in ("itc", "bare") if turn % 2 else ("bare", "itc"):
            work = questions(problems, turn)
            start = time.perf_counter()
            if name == "itc":
                assert ours(url, work, SAMPLES, n, args.concurrency) == calls * n
            else:
                assert asyncio.run(bare(url, work, SAMPLES, n, args.concurrency)) == calls
            pair[name] = calls / (time.perf_counter() - start)
        if turn:  # the first pair warms up imports and connections
            for name, rate in pair.items():
                rates[name].append(rate)
    ratios = [a / b for a, b in zip(rates["itc"], rates["bare"], strict=True)]
    mine, theirs = statistics.median(rates["itc"]), statistics.median(rates["bare"])
    print(
        f"n={n:2}  {calls} requests a turn  itc {mine:6.0f} requests/s ({mine * n:6.0f} draws/s)  "
        f"bare aiohttp {theirs:6.0f} requests/s  ratio {statistics.median(ratios):.2f} "
        f"[{min(ratios):.2f}, {max(ratios):.2f}] over {len(ratios)} pairs",
        flush=True,
    )


def main() -> None:
    """Start the server, compare, end it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--requests", type=int, default=4096, help="POSTs a turn with n=1")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--concurrency", type=int, default=64)
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.serve:
        asyncio.run(serve(Instant))
        return
    with served([sys.executable, str(Path(__file__).resolve()), "--serve"]) as url:
        for n in (1, 16):
            compare(url, n, args)


if __name__ == "__main__":
    main()
