"""Is particle filtering what it claims to be? Its weighted estimate against the exact posterior.

    python evals/quality/posterior.py [--repeats 400]

A language of three-step answers over three symbols, small enough to enumerate: a policy p with memory, and a
potential G for every prefix. The target is p(x) G(x) / Z. For growing N the filter's weighted share of one
answer and its evidence are compared with the exact values; the root mean square error should fall as 1/√N,
that is, with slope −½ on logarithmic axes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
from random import Random

import numpy as np

from itc import identity, parse
from itc.algebra.context import Context, Role
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.scorers.base import FunctionScorer
from itc.types import Candidate, Population, Problem

SYMBOLS, LENGTH, TARGET = "abc", 3, "cab"


def p_next(prefix: str) -> list[float]:
    """The policy: the next symbol depends on the last one."""
    last = SYMBOLS.index(prefix[-1]) if prefix else 0
    raw = [1.0 + ((i + 2 * last) % 3) * 1.5 for i in range(3)]
    return [x / sum(raw) for x in raw]


def potential(text: str) -> float:
    """In (0,1), of a prefix: likes c early and variety late."""
    return 0.1 + 0.8 * (len(set(text)) / 3) * (0.9 if text.startswith("c") else 0.35)


def draw(request: Request) -> Completion:
    """One symbol."""
    prefix = request.prefix
    symbol = Random(request.seed).choices(SYMBOLS, p_next(prefix))[0]
    return Completion(symbol, "eos" if len(prefix) == LENGTH - 1 else "step", Usage(1, 0, 1))


def exact() -> tuple[float, float]:
    """(posterior probability of the target, evidence Z), by enumeration."""
    weights = {}
    for letters in itertools.product(SYMBOLS, repeat=LENGTH):
        text = "".join(letters)
        p = math.prod(p_next(text[:i])[SYMBOLS.index(text[i])] for i in range(LENGTH))
        weights[text] = p * potential(text)
    z = sum(weights.values())
    return weights[TARGET] / z, z


def estimate(n: int, seed: int) -> tuple[float, float]:
    """(weighted share of the target, evidence) by one filter of n particles."""
    move = parse("step() >> score(potential) >> reweight(potential)")
    smc = identity * n >> (parse("resample(0.5)") >> move) ** LENGTH
    engine = FunctionBackend(draw)
    scorers = {"potential": FunctionScorer(lambda c: potential(c.text))}
    ctx = Context(Problem("p", "q"), {"policy": Role(engine, Sampling(step="|"))}, scorers=scorers)
    final: Population = asyncio.run(smc(Population.root(ctx.problem, seed), ctx))

    def is_target(c: Candidate) -> bool:
        return c.text == TARGET

    total = final.log_total
    share = math.fsum(math.exp(c.log_weight - total) for c in final if is_target(c))
    return share, math.exp(total) / n


def main() -> None:
    """Print errors and slopes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--repeats", type=int, default=400)
    repeats = options.parse_args().repeats
    share, z = exact()
    print(f"exact: posterior of {TARGET!r} {share:.5f}, evidence {z:.5f}")
    print(f"{'N':>5}{'mean share':>12}{'rmse':>10}{'mean Z':>10}{'rmse':>10}")
    sizes = (4, 8, 16, 32, 64, 128, 256)
    errors = []
    for n in sizes:
        found = np.array([estimate(n, seed) for seed in range(repeats)])
        rmse = np.sqrt(((found - (share, z)) ** 2).mean(axis=0))
        errors.append(rmse)
        mean = found.mean(axis=0)
        print(f"{n:5}{mean[0]:12.5f}{rmse[0]:10.5f}{mean[1]:10.5f}{rmse[1]:10.5f}", flush=True)
    slopes = [np.polyfit(np.log(sizes), np.log([e[k] for e in errors]), 1)[0] for k in (0, 1)]
    print(f"slopes: share {slopes[0]:+.3f}, evidence {slopes[1]:+.3f} (theory: −0.5)")


if __name__ == "__main__":
    main()
