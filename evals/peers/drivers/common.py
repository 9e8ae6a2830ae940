"""What every driver does alike: read problems, solve them one at a time or together, write answers and time.

Standard library only, for it runs in each peer's own environment. Time is that of solving all problems, after
imports and settings were read, and after one problem more was solved, whose calls are booked under another
name.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 32
"""Problems at a time where a peer's functions block."""


def options(methods: list[str]) -> argparse.Namespace:
    """The command line of every driver."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=methods)
    parser.add_argument("--mode", choices=["alone", "together"], default="together")
    parser.add_argument(
        "--url", required=True, help="the proxy's address with the contestant's name, without /v1"
    )
    parser.add_argument("--warm-up", required=True, help="the same with another name")
    parser.add_argument("--model", required=True)
    parser.add_argument("--reward-model", default="")
    parser.add_argument(
        "--problems", required=True, help="JSONL: id, prompt, question; the first one warms up"
    )
    parser.add_argument("--answers", required=True, help="JSONL to write: id, text")
    parser.add_argument("--system", default="")
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--step-tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


Problem = dict[str, str]
Solver = Callable[[str, list[Problem]], Callable[[], list[str]]]
"""(address, problems) to what solves them, when it is called: the text of the answer to each."""


def drive(asked: argparse.Namespace, prepared: Solver) -> None:
    """Warm up, solve, write the answers; print seconds, and seconds of this process's processor time."""
    lines = Path(asked.problems).read_text("utf-8").splitlines()
    first, *problems = [json.loads(line) for line in lines]
    prepared(asked.warm_up, [first])()
    solve = prepared(asked.url, problems)
    wall, cpu = time.perf_counter(), time.process_time()
    texts = solve()
    took: dict[str, Any] = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    with Path(asked.answers).open("w", encoding="utf-8") as out:
        for problem, text in zip(problems, texts, strict=True):
            print(json.dumps({"id": problem["id"], "text": text}), file=out)
    sys.stdout.write(json.dumps(took) + "\n")
