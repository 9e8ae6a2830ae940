"""10,000 requests in flight to a server that takes 1 s for each: itc beside a bare aiohttp loop; one table.

    python evals/faults/in_flight.py [--requests 10000] [--seconds 1] [--rounds 3]

The server and each client are processes of their own. An itc client makes a whole run of as many problems,
one draw each: it asks what the server is, journals every draw, grades, writes Parquet. Its concurrency is
fixed: adaptive, it would begin with 20. The server counts the requests that it holds at a time. Exit code 1
if fewer than 99 % were in flight at once, a client took more than 1 GB or kept a descriptor open, or itc took
more than twice the time of the bare loop (medians).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import orjson

import itc

sys.path.insert(0, str(Path(__file__).parents[2]))

from evals.loopback import Loopback, serve, served

GB = 2**30
COLUMNS = ("client", "requests", "in flight", "s", "peak MB", "leaked")
LINE = "{:>6} {:>8} {:>9} {:>6} {:>8} {:>6}"
ANSWER = orjson.dumps(
    {
        "choices": [{"index": 0, "text": "so #### 4", "finish_reason": "stop", "stop_reason": None}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    }
)


# ------------------------------------------------------------------ the server, in its own process
class Patient(Loopback):
    """Answers each POST after a while."""

    seconds = 1.0
    inside = most = 0

    def posted(self, body: bytes) -> None:  # noqa: ARG002 - all are answered alike
        Patient.inside += 1
        Patient.most = max(Patient.most, Patient.inside)
        asyncio.get_running_loop().call_later(self.seconds, self.answer)

    def answer(self) -> None:
        """To one POST."""
        Patient.inside -= 1
        self.write(ANSWER)

    def got(self, path: bytes) -> object:
        if path != b"/most":
            return super().got(path)
        most, Patient.most = Patient.most, Patient.inside
        return most


# ------------------------------------------------------------------ the clients, each in its own process
async def bare(url: str, requests: int) -> None:
    """All POSTs at once, each answer parsed."""

    async def one(session: aiohttp.ClientSession, seed: int) -> None:
        body = {"model": "toy", "prompt": f"What is {seed}?", "max_tokens": 16, "n": 1, "seed": seed}
        async with session.post(f"{url}/completions", data=orjson.dumps(body)) as reply:
            assert len(orjson.loads(await reply.read())["choices"]) == 1

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers={"Content-Type": "application/json"}
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for seed in range(requests):
            group.create_task(one(session, seed))


def ours(url: str, requests: int) -> None:
    """A whole run."""
    model = {
        "name": "toy",
        "base_url": url,
        "n_max": 1,
        "max_tokens": 16,
        "logprobs": False,
        "concurrency": requests,
        "adaptive": False,
    }
    problems = [itc.Problem(f"p{i}", f"What is {i}?") for i in range(requests)]
    with TemporaryDirectory() as folder:
        result = itc.run("sample()", task=problems, model=model, workspace=folder, in_flight=requests)
    assert sum(row.answer is not None for row in result.rows) == requests


def client(name: str, url: str, requests: int) -> None:
    """Make the calls, and print what it took."""
    before = _descriptors()
    begun = time.perf_counter()
    if name == "bare":
        asyncio.run(bare(url, requests))
    else:
        ours(url, requests)
    seconds = time.perf_counter() - begun
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(orjson.dumps([seconds, peak, len(_descriptors() - before)]).decode())


def _descriptors() -> set[str]:
    """Those that are open, by what they lead to."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.add(f"{link.name} {link.readlink()}")
    return found


def started(*arguments: str) -> list[str]:
    """The command of this script in another part."""
    return [sys.executable, str(Path(__file__).resolve()), *arguments]


def measure(url: str, requests: int, rounds: int) -> bool:
    """Clients in turn; whether all is within the limits."""
    seconds: dict[str, list[float]] = {"bare": [], "itc": []}
    fine = True
    for turn in range(rounds):
        for name in ("bare", "itc") if turn % 2 else ("itc", "bare"):
            command = started("--client", name, "--url", url, "--requests", str(requests))
            took, peak, leaked = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            most = asyncio.run(_most(url))
            seconds[name].append(took)
            fine = fine and most >= 0.99 * requests and peak <= GB and not leaked
            print(LINE.format(name, requests, most, f"{took:.2f}", f"{peak / 2**20:.0f}", leaked), flush=True)
    mine, theirs = statistics.median(seconds["itc"]), statistics.median(seconds["bare"])
    print(f"\nitc {mine:.2f} s, bare aiohttp {theirs:.2f} s: {mine / theirs:.2f} times the time")
    return fine and mine <= 2 * theirs


async def _most(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url.removesuffix("/v1") + "/most") as reply:
        return int(orjson.loads(await reply.read()))


def main() -> int:
    """Start the server, let the clients run, end it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--requests", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=1.0, help="that the server takes for each")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--client", choices=("bare", "itc"), help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.client:
        client(args.client, args.url, args.requests)
        return 0
    if args.serve:
        Patient.seconds = args.seconds
        asyncio.run(serve(Patient))
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = args.requests + 200
    if soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            sys.exit(f"{args.requests} connections need {needed} descriptors, and {hard} are allowed.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    print(LINE.format(*COLUMNS), flush=True)
    with served(started("--serve", "--seconds", str(args.seconds))) as url:
        return 0 if measure(url, args.requests, args.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
