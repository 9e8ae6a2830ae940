"""All problems in flight: the time of searching them, beside that of the same tokens as one flat batch.

    python evals/throughput/searching.py [--problems 200] [--rounds 3] [--profile METHOD]

Every method searches all problems on the embedded policy through `itc.run`, with a fresh journal and an empty
cache, and a free scorer, so that only the policy computes. The flat batches draw whole answers: ``sample``
through the same runner, and requests handed straight to the engine. A round runs each once, in turns; printed
are medians over the rounds of microseconds a drawn token, of wall time and of the process's CPU time, as
multiples of those of the flat batches that drew about as many tokens in the same round. CPU time says what
was computed where other work shares the machine; wall time says, besides, what waited.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import itc
from itc.backends.base import Completion, Request
from itc.backends.embedded import EmbeddedBackend
from itc.keys import Key
from itc.runs.result import Result
from itc.tasks import Task
from itc.tasks import load as load_task

SIZES = (7, 16)
FLAT, BARE = "sample({n})", "engine alone, {n}"
SEARCHES = (
    "beam(16, 4, by=step_likelihood)",
    "particle_filter(16, by=step_likelihood)",
    "a_star(4, by=step_likelihood)",
    "mcts(16, 4, by=step_likelihood)",
    "a_star(4, by=step_likelihood, width=4)",
)


@dataclass(frozen=True)
class Took:
    """One run."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all threads of the process."""
    drawn: int
    """Tokens."""
    prefilled: int
    """Prompt tokens that were computed."""
    steps: int
    """Of the engine."""

    @property
    def batch(self) -> float:
        """Tokens drawn in one step of the engine, on average."""
        return self.drawn / max(1, self.steps)


def timed(engine: EmbeddedBackend, work: Callable[[], int]) -> Took:
    """Run once; ``work`` returns the tokens that it drew."""
    wall, cpu = time.perf_counter(), time.process_time()
    drawn = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Took(wall, cpu, drawn, engine.stats.prefilled, engine.stats.steps)


def searched(text: str, task: Task) -> Took:
    """A strategy through the runner."""
    engine = EmbeddedBackend("policy")
    with TemporaryDirectory() as folder:

        def work() -> int:
            result: Result = itc.run(text, task=task, model=engine, workspace=folder, concurrency=100_000)
            return sum(row.completion_tokens for row in result.rows)

        return timed(engine, work)


def bare(task: Task, n: int) -> Took:
    """``n`` whole answers of each problem, by requests handed to the engine at once."""
    engine = EmbeddedBackend("policy")

    async def together() -> list[Completion]:
        async with asyncio.TaskGroup() as group:
            draws = [
                group.create_task(
                    engine.generate(
                        Request(e.problem.prompt, Key("bare", e.problem.id, i), stop=task.stop, logprobs=True)
                    )
                )
                for e in task.examples
                for i in range(n)
            ]
        await engine.close()
        return [d.result() for d in draws]

    return timed(engine, lambda: sum(c.usage.completion_tokens for c in asyncio.run(together())))


def main() -> None:
    """Print a table; with ``--profile`` the hottest functions of one method's event loop instead."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--problems", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--profile", help="an expression")
    args = options.parse_args()
    task = load_task("chain", problems=args.problems)
    if args.profile:
        profile = cProfile.Profile()
        profile.enable()
        print(searched(args.profile, task))
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        return
    rounds: list[dict[str, Took]] = []
    searched(FLAT.format(n=1), task.head(4))
    for _ in range(args.rounds):
        took: dict[str, Took] = {}
        for n in SIZES:
            took[BARE.format(n=n)] = bare(task, n)
        for text in (*(FLAT.format(n=n) for n in SIZES), *SEARCHES):
            took[text] = searched(text, task)
            print(f"{text:42} {took[text]}", flush=True)
        rounds.append(took)
        tell(rounds, args.problems)


def tell(rounds: list[dict[str, Took]], problems: int) -> None:
    """The table."""
    print(f"{problems} problems, {len(rounds)} rounds; medians of microseconds a drawn token")
    heads = ("wall", "× flat", "× bare", "CPU", "× flat", "× bare", "tokens", "batch")
    print(" " * 42 + "".join(f"{head:>9}" for head in heads))
    for text, last in rounds[-1].items():
        n = min(SIZES, key=lambda n: abs(rounds[-1][FLAT.format(n=n)].drawn - last.drawn))
        cells = ""
        for measure in ("wall", "cpu"):
            each = [
                {t: getattr(one, measure) / one.drawn * 1e6 for t, one in took.items()} for took in rounds
            ]
            cells += f"{statistics.median(e[text] for e in each):9.0f}"
            for base in (FLAT.format(n=n), BARE.format(n=n)):
                cells += f"{statistics.median(e[text] / e[base] for e in each):9.2f}"
        print(f"{text:42}{cells}{last.drawn:9,}{last.batch:9.0f}", flush=True)


if __name__ == "__main__":
    main()
