"""Every method on the embedded policy: accuracy against tokens, and the tokens for best-of-64's accuracy.

    python evals/quality/methods.py [--verifier embedded] [--problems 500] [--workspace runs/quality]
    python evals/quality/methods.py --verifier exact --noise 0.1

Each method of `ladder.py` at its sizes, on test problems of ``chain``, with the score of the latest step
(``agg=last``) unless its name says otherwise. Costs are means over problems. *computed*: tokens of policy and
reward model with every prefix in a cache (`prefix_tokens.py`); *sent*: prompt and completion tokens of both,
cached or not; *drawn*: the policy's completion tokens; *ratings*: requests to the reward model. With
``--verifier exact`` steps are rated by working the problem out, with noise, free of tokens (`verifiers.py`),
so that a method may be told from its reward model.

After each rung of sizes the results so far are written: a table, its figures as JSON and a picture. All is
drawn once: running it again resumes and replays the journal.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
from ladder import BASELINE, CORE, LADDERS, Ladder
from prefix_tokens import prefix_tokens
from tables import COSTS, Ran, write
from verifiers import embedded, exact, policy

from itc import parse
from itc.api import blocking
from itc.config import Settings
from itc.runs.job import Job
from itc.runs.runner import execute
from itc.runs.store import RunDirectory

IN_FLIGHT = 128
"""Problems at once: their trees fit the caches."""


def base(options: argparse.Namespace) -> Job:
    """The job of every method, but for the strategy."""
    settings = Settings.read(
        {
            "task": {"name": "chain", "problems": options.problems, "split": "test"},
            "model": {"backend": "embedded", "logprobs": False},
            "scorer": {"name": "embedded"},
            "strategy": {"name": "expression", "text": "identity"},
            "workspace": options.workspace,
            "in_flight": IN_FLIGHT,
        }
    )
    return fresh(settings.job(), options)


def fresh(job: Job, options: argparse.Namespace) -> Job:
    """The same with engines whose caches are empty."""
    judge = embedded() if options.verifier == "embedded" else exact(options.noise)
    backends = {"policy": policy(), "prm": judge}
    engines = {role: replace(engine, backend=backends[role]) for role, engine in job.engines.items()}
    return replace(job, engines=engines)


def run(method: Ladder, k: int, job: Job, options: argparse.Namespace) -> Ran | None:
    """Run a method's size, or read what it found before; with ``--read`` None where it has not ended."""
    text = method.expressions[k]
    job = replace(job, strategy=parse(text), name=text)
    if RunDirectory(job.directory).manifest().get("status") != "finished":
        if options.read:
            return None
        blocking(execute(fresh(job, options)))
    columns = ["correct", "by_role"]
    table = pq.read_table(job.directory / "rows.parquet", columns=columns).to_pydict()
    roles = [orjson.loads(by_role) for by_role in table["by_role"]]
    prompt, rated = prefix_tokens(job.directory, job.task, method.whole)
    drawn = np.array([r["policy"]["completion_tokens"] for r in roles], np.float64)
    ratings = np.array([r["prm"]["calls"] if "prm" in r else 0 for r in roles], np.float64)
    sent = np.array([sum(cost["tokens"] for cost in r.values()) for r in roles], np.float64)
    free = options.verifier == "exact" or not ratings.any()
    computed = prompt + drawn + (0.0 if free else rated)
    costs = (computed, sent, drawn, ratings)
    return Ran(text, np.array(table["correct"], np.float64), dict(zip(COSTS, costs, strict=True)))


def chosen(options: argparse.Namespace) -> list[Ladder]:
    """The methods to run."""
    names = options.only.split(";") if options.only else None
    if names is None and options.verifier == "exact":
        names = list(CORE)
    return [m for m in LADDERS if names is None or m.name in names]


def main() -> None:
    """Run everything and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--verifier", choices=("embedded", "exact"), default="embedded")
    options.add_argument("--noise", type=float, default=0.1, help="wrong verdicts of the exact verifier")
    options.add_argument("--problems", type=int, default=500)
    options.add_argument("--rungs", default="0,7", help="the sizes to run: from, to (left out)")
    options.add_argument("--read", action="store_true", help="run nothing, show what has ended")
    options.add_argument("--only", help="names of methods, with ; between")
    options.add_argument("--workspace", default="runs/quality")
    options.add_argument("--out", default="evals/quality/results", type=Path)
    args = options.parse_args()
    name = args.verifier if args.verifier == "embedded" else f"exact-{args.noise:g}"
    methods, (first, last) = chosen(args), map(int, args.rungs.split(","))
    ran: dict[str, dict[int, Ran]] = {method.name: {} for method in methods}
    plan = [(k, m) for m in methods if len(m.sizes) == BASELINE for k in reversed(range(BASELINE))]
    plan += [(k, m) for k in range(first, last) for m in methods if k < len(m.sizes) < BASELINE]
    job = base(args)
    for i, (k, method) in enumerate(plan):
        wall, cpu = time.monotonic(), time.process_time()
        one = run(method, k, job, args)
        if one is not None:
            ran[method.name][k] = one
            _tell(one, time.monotonic() - wall, time.process_time() - cpu)
        if i + 1 == len(plan) or (plan[i + 1][0] != k and not args.read):
            write(args.out, name, args.problems, {m: [by[k] for k in sorted(by)] for m, by in ran.items()})


def _tell(one: Ran, wall: float, cpu: float) -> None:
    costs = "  ".join(f"{c} {one.cost[c].mean():.0f}" for c in COSTS)
    took = f"{wall:.0f} s, CPU {cpu:.0f}"
    print(f"{one.text:70} {100 * one.right.mean():5.1f} %  {costs}  {took}", flush=True)


if __name__ == "__main__":
    main()
