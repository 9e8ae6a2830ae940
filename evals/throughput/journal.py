"""How many draws a second pass through the journal, fresh and replayed.

    python evals/throughput/journal.py [--draws 32000] [--group 64] [--at-once 8] [--logprobs 0] [--profile]

The engine is a function that answers at once, so what is measured is itc's own cost of a draw: identity,
look-up, commit and coalescing (which passes every draw through, as the engine lacks ``n``). Each group is
64 draws of one prompt that run concurrently; ``--at-once`` groups run at the same time (0: all of them).
The event loop and the writer thread share one core where the interpreter lock makes them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import resource
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

from itc.backends.base import Completion, Request, Usage
from itc.backends.coalesce import Coalesce
from itc.backends.function import FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.keys import Key


def requests_of(group: int, size: int) -> list[Request]:
    """``size`` draws of one prompt of about 1,000 characters."""
    root = Key("throughput", group)
    prompt = f"Problem {group}. " + "What is the sum of the first hundred odd numbers? " * 20
    return [Request(prompt, root.fold(i), group=root, index=i) for i in range(size)]


async def draw_all(backend: Journaled, groups: int, size: int, at_once: int) -> int:
    """Draw everything; returns the number of draws that came back."""
    waiting, done = deque(range(groups)), 0

    async def lane() -> None:
        nonlocal done
        while waiting:
            wanted = requests_of(waiting.popleft(), size)
            async with asyncio.TaskGroup() as tasks:
                drawn = [tasks.create_task(backend.generate(request)) for request in wanted]
            done += sum(bool(task.result().text) for task in drawn)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(at_once or groups):
            lanes.create_task(lane())
    return done


def peak_rss_mib() -> float:
    """Peak resident memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(name: str, backend: Journaled, args: argparse.Namespace) -> None:
    """Draw everything once and print what it took."""
    profile = cProfile.Profile() if args.profile else None
    start, cpu = time.perf_counter(), time.process_time()
    if profile:
        profile.enable()
    done = asyncio.run(draw_all(backend, args.draws // args.group, args.group, args.at_once))
    if profile:
        profile.disable()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{name:9} {done} draws  {seconds:6.2f} s  {done / seconds:8.0f} draws/s  {cpu:6.2f} CPU s  "
        f"{backend.journal.commits:5} commits  {backend.hits} hits  {backend.misses} misses  "
        f"peak {peak_rss_mib():.0f} MiB"
    )
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(16)


def main() -> None:
    """Fresh, then replayed from the same file opened again."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--draws", type=int, default=32_000)
    options.add_argument("--group", type=int, default=64)
    options.add_argument("--at-once", type=int, default=8, help="groups that run at the same time; 0: all")
    options.add_argument("--logprobs", type=int, default=0, help="token log-probabilities in each draw")
    options.add_argument("--profile", action="store_true")
    args = options.parse_args()
    logprobs = tuple(-0.0123456789 * i for i in range(args.logprobs))
    text = "The sum of the first n odd numbers is n squared, so the answer is 10000. " * 10

    def answer(request: Request) -> Completion:
        return Completion(f"{text}{request.seed}", "eos", Usage(250, 0, 180), logprobs)

    def stack(journal: Journal) -> Journaled:
        return Journaled(Coalesce(FunctionBackend(answer, name="answer"), n_max=64), journal)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        for name in ("fresh", "replayed"):
            with Journal.open(path) as journal:
                report(name, stack(journal), args)
        print(f"file {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
