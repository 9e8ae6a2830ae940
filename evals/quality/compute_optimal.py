"""Compute-optimal allocation against best-of-N at equal tokens, on the embedded models.

    python evals/quality/compute_optimal.py [--problems 500] [--sizes 1,2,4,8,16,32,64] [--policy FILE]

A probe of a few draws says how easy a problem looks, by the mean score of the reward model or by agreement; a
bin of problems is given as many further draws as did best for it on the other half of the problems, and all
draws vote, weighed by score. Each problem is graded under the policy fitted on the other half. Tokens are
those that either model computed, the probe's included. Intervals are 95 %, paired by problem, by bootstrap
with the policies held as fitted. "Oracle" bins go by the true rate of right answers among a problem's draws:
they are a reference, and no strategy can use them. With --policy, a policy fitted on all problems
is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from itc.analysis.allocate import Floats, Outcome, ladder, two_fold, within
from itc.answers import Answers
from itc.api import blocking
from itc.config import Settings
from itc.runs.outcomes import ease_of, outcome
from itc.runs.result import Result
from itc.runs.runner import execute
from itc.stages.routing.policy_file import Policy

RESAMPLES = 2000


def run(text: str, args: argparse.Namespace) -> Result:
    """Run an expression on the embedded models."""
    settings = Settings.read(
        {
            "task": {"name": "chain", "problems": args.problems, "split": args.split},
            "model": {"backend": "embedded", "logprobs": False},
            "scorer": {"name": "embedded"},
            "strategy": {"name": "expression", "text": text},
            "workspace": args.workspace,
            "in_flight": 128,
        }
    )
    return blocking(execute(settings.job()))


def interval(statistic: Callable[[np.ndarray], float], n: int) -> tuple[float, float, float]:
    """The statistic of all problems, and its 95 % interval over resampled problems."""
    rng = np.random.default_rng(0)
    values = [statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return statistic(np.arange(n)), float(low), float(high)


def curve(points: list[Outcome], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log tokens and accuracy of outcomes, on some problems."""
    x = [np.log(p.tokens[index].mean()) for p in points]
    return np.array(x), np.array([p.right[index].mean() for p in points])


def gain(one: Outcome, other: list[Outcome], index: np.ndarray) -> float:
    """Accuracy of ``one`` less that of the other curve at the same tokens."""
    x, y = curve(other, index)
    return float(one.right[index].mean() - np.interp(np.log(one.tokens[index].mean()), x, y))


def reached(points: list[Outcome], accuracy: float, index: np.ndarray) -> float:
    """Log tokens at which the curve of best accuracy so far reaches ``accuracy``; NaN where it never does."""
    x, y = curve(points, index)
    order = np.argsort(x)
    x, y = x[order], np.maximum.accumulate(y[order])
    if y[-1] < accuracy:
        return float("nan")
    at = int(np.argmax(y >= accuracy))
    if at == 0 or y[at] == y[at - 1]:
        return float(x[at])
    share = (accuracy - y[at - 1]) / (y[at] - y[at - 1])
    return float(x[at - 1] + share * (x[at] - x[at - 1]))


def fewer(mine: list[Outcome], other: list[Outcome], which: int, index: np.ndarray) -> float:
    """How many times fewer tokens ``mine`` needs for the accuracy of point ``which`` of the other curve."""
    x, y = curve(other, index)
    return float(np.exp(x[which] - reached(mine, float(y[which]), index)))


def shown(found: tuple[float, float, float], factor: float = 100.0, sign: str = "+") -> str:
    """An estimate with its interval; where there is none, that it was not reached."""
    if np.isnan(found[0]):
        return "never"
    estimate, low, high = (factor * x for x in found)
    return f"{estimate:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def rate_of_right(drawn: Result) -> Floats:
    """The share of right ones among each problem's draws."""
    right: dict[str, list[bool]] = {}
    for c in drawn.candidates:
        right.setdefault(c.problem, []).append(bool(c.correct))
    return np.array([np.mean(right[row.problem]) for row in drawn.rows])


def main() -> None:
    """Run, fit and tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--problems", type=int, default=500)
    options.add_argument("--sizes", default="1,2,4,8,16,32,64", help="of best-of-N and votes, ascending")
    options.add_argument("--probe", type=int, default=4, help="draws that tell how easy a problem looks")
    options.add_argument("--bins", type=int, default=5)
    options.add_argument("--agg", default="min", help="how the scores of a path's steps add up")
    options.add_argument("--split", default="test")
    options.add_argument("--workspace", default="runs/quality")
    options.add_argument("--policy", type=Path, help="where to write a policy fitted on all problems")
    options.add_argument("--at", type=int, default=16, help="the N whose tokens that policy may spend")
    args = options.parse_args()
    sizes, rate = [int(n) for n in args.sizes.split(",")], f"score(prm, {args.agg})"

    probe_text = f"sample({args.probe}) >> {rate}"
    best = [outcome(run(f"best_of_n({n}, agg={args.agg})", args)) for n in sizes]
    votes = [outcome(run(f"best_of_n({n}, agg={args.agg}, weighted=True)", args)) for n in sizes]
    probed = run(probe_text, args)
    every = run(f"sample({sizes[-1]}) >> {rate}", args)
    arms = {
        "identity" if n == args.probe else f"more({n}) >> {rate}": voted
        for n, voted in zip(sizes, votes, strict=True)
        if n >= args.probe
    }

    print(f"{'N':>4}{'best-of-N %':>13}{'weighted vote %':>17}{'tokens computed':>17}")
    for n, b, v in zip(sizes, best, votes, strict=True):
        print(f"{n:4}{100 * b.right.mean():13.1f}{100 * v.right.mean():17.1f}{b.tokens.mean():17.0f}")

    answers = Answers.named("gsm8k")
    easy = {
        "mean score": blocking(ease_of(probed, "prm", answers)),
        "agreement": blocking(ease_of(probed, None, answers)),
        "oracle": rate_of_right(every),
    }
    whole = [n for n in sizes if n > args.probe]
    for name, ease in easy.items():
        mine = [two_fold(ease, arms, float(votes[sizes.index(n)].tokens.mean()), args.bins) for n in whole]
        print(f"\nbins by {name}: two-fold, and points gained at equal tokens")
        print(
            f"{'tokens of N':>12}{'tokens':>8}{'accuracy %':>12}   {'− best-of-N':24}{'− weighted vote':24}"
        )
        for n, one in zip(whole, mine, strict=True):
            against = [
                interval(lambda i, o=other: gain(one, o, i), args.problems)  # type: ignore[misc]  # noqa: B023
                for other in (best, votes)
            ]
            told = f"{n:12}{one.tokens.mean():8.0f}{100 * one.right.mean():12.1f}"
            print(f"{told}   {shown(against[0]):24}{shown(against[1]):24}", flush=True)
        cheap = [*(o for n, o in zip(sizes, votes, strict=True) if n <= args.probe), *mine]
        for label, other in (("best-of-N", best), ("weighted vote", votes)):
            for n in whole:
                at = sizes.index(n)
                ratio = interval(lambda i: fewer(cheap, other, at, i), args.problems)  # noqa: B023
                print(f"  fewer tokens for the accuracy of {label} at N={n}, times: {shown(ratio, 1.0, '')}")

    ease = easy["mean score"]
    limit = float(votes[sizes.index(args.at)].tokens.mean())
    half = Job(args, probe_text, arms, ease, limit)
    half.check()
    if args.policy:
        half.policy(np.arange(args.problems)).write(args.policy)


class Job:
    """Policies made of what was found, and what they really do."""

    def __init__(
        self, args: argparse.Namespace, probe: str, arms: dict[str, Outcome], ease: Floats, limit: float
    ) -> None:
        self.args, self.probe, self.arms, self.ease, self.limit = args, probe, arms, ease, limit

    def policy(self, index: np.ndarray) -> Policy:
        """Fitted on some problems, within the limit of tokens."""
        some = {name: o.at(index) for name, o in self.arms.items()}
        fitted = within(ladder(self.ease[index], some, self.args.bins), self.limit)
        told = {
            "task": f"chain, split {self.args.split}, {len(index)} problems",
            "models": "embedded policy and prm",
            "tokens computed a problem": round(fitted.tokens, 1),
            "accuracy": round(fitted.accuracy, 4),
        }
        return Policy(self.probe, fitted.arms, "vote(prm)", fitted.edges, "prm", told)

    def check(self) -> None:
        """The strategy of the first half's policy, run, does on every problem what its arms did."""
        made = self.policy(np.arange(0, self.args.problems, 2))
        ran = outcome(run(str(made.strategy()), self.args))
        given = [made.arms[i] for i in np.searchsorted(np.array(made.edges), self.ease, side="right")]
        told = [self.arms[arm].right[i] for i, arm in enumerate(given)]
        spent = [self.arms[arm].tokens[i] for i, arm in enumerate(given)]
        same = bool(np.array_equal(ran.right, told)) and bool(np.array_equal(ran.tokens, spent))
        print(f"\nrun as a strategy, the policy does what was computed from its arms: {same}")


if __name__ == "__main__":
    main()
