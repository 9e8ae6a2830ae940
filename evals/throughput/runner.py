"""What a whole run costs itc itself: 500 problems × 64 samples, journal on, and their replay.

    python evals/throughput/runner.py [--problems 500] [--samples 64] [--logprobs 0] [--rounds 1] [--profile]

The engine is a function that answers at once, so every second is itc's own: keys, journal, accounts,
extraction, grading, Parquet. The replay is another strategy over the same draws, and must make no call.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import itc
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.runs.result import Result
from itc.tasks import Example, Task, content_sha256

WORK = "There are 12 boxes with 7 eggs each, so 12 * 7 = 84 eggs; 4 broke, and 80 are left.\n" * 4


def task(problems: int) -> Task:
    """Questions of about 800 characters, graded as numbers."""
    examples = tuple(
        Example(itc.Problem(f"p{i:04d}", f"Question {i}. {WORK * 2}"), str(i % 10)) for i in range(problems)
    )
    content = content_sha256((e.problem.question, e.gold) for e in examples)
    return Task("throughput", examples, "gsm8k", content, "made here", "")


def engine(logprobs: int) -> tuple[itc.FunctionBackend, Callable[[], int]]:
    """A backend that answers at once, and how often it was called."""
    calls = 0
    values = tuple(-0.0123456789 * i for i in range(logprobs))

    def answer(request: Request) -> Completion:
        nonlocal calls
        calls += 1
        return Completion(f"{WORK}#### {request.seed % 13}", "eos", Usage(220, 0, 110), values)

    return itc.FunctionBackend(answer, name="instant"), lambda: calls


def timed(what: str, work: Callable[[], Result], draws: int, profiled: bool) -> tuple[float, Result]:
    """Run once and print what it took."""
    profile = cProfile.Profile() if profiled else None
    wall, cpu = time.perf_counter(), time.process_time()
    if profile:
        profile.enable()
    result = work()
    if profile:
        profile.disable()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:9} {wall:6.2f} s  {cpu:6.2f} CPU s  {draws / wall:8.0f} draws/s  peak {peak:5.0f} MiB  "
        f"billed {result.manifest['billed']['calls']:6d}  replayed {result.manifest['replayed_calls']:6d}",
        flush=True,
    )
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return wall, result


def measure(args: argparse.Namespace) -> bool:
    """One fresh run and one replay; whether both were what they should be."""
    work, draws = task(args.problems), args.problems * args.samples
    backend, calls = engine(args.logprobs)
    with TemporaryDirectory() as folder:

        def run(strategy: itc.Strategy) -> Result:
            sampling = Sampling(logprobs=bool(args.logprobs))
            return itc.run(strategy, task=work, model=backend, sampling=sampling, workspace=folder)

        drawn = itc.sample(args.samples)
        fresh, result = timed("fresh", lambda: run(drawn >> itc.vote()), draws, args.profile)
        made = calls()
        right = made == draws and len(result.nodes) == draws
        timed("replayed", lambda: run(drawn >> itc.distinct() >> itc.vote()), draws, args.profile)
        timed("again", lambda: run(drawn >> itc.vote()), draws, False)
        right = right and calls() == made
        size = (Path(folder) / "journal.sqlite").stat().st_size / 2**20
    print(f"calls {calls()} of {draws}, journal {size:.0f} MiB; target ≤ 30 s and ≤ 1024 MiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return right and fresh <= 30.0 and peak <= 1024.0


def main() -> int:
    """Exit code 1 where a target was missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--problems", type=int, default=500)
    options.add_argument("--samples", type=int, default=64)
    options.add_argument("--logprobs", type=int, default=0, help="token log-probabilities in each draw")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--profile", action="store_true", help="the 25 hottest functions of each run")
    args = options.parse_args()
    missed = [i for i in range(args.rounds) if not measure(args)]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
