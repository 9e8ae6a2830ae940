"""What a particle filter should return: several choices from the same particles.

    python evals/quality/choices.py [--verifier embedded] [--problems 500] [--workspace runs/quality]
    python evals/quality/choices.py --verifier exact --noise 0.1

The filter is `particle_filter`'s without its last stages, N particles on test problems of ``chain``. Choices:

- *best of all*: the best-scored of all that finished, also of those that resampling dropped, as of
  `particle_filter`.
- *best of the last*: the best-scored of the particles at the end.
- *heaviest of one more*: the same after one multinomial resampling more, as its_hub has it. What is told is
  the expectation over that resampling, in closed form.
- *by weight*: one of the particles at the end, drawn by weight; the expectation.
- *vote of the last*, *vote of all*: each answer with the sum of its scores; the second is that of
  `particle_filter(weighted=true)`.

Differences are to *best of all*, in points, paired by problem, with a 95 % score interval. Everything is
drawn once; running it again replays the journal.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
from methods import base, fresh

from itc import parse
from itc.analysis.paired import paired
from itc.api import blocking
from itc.runs.runner import execute
from itc.runs.store import RunDirectory

SIZES = (4, 16, 32)
FILTER = (
    "identity * {n} >> particles(step() >> score(prm, last) >> reweight(prm, logit, set), "
    "resample(1.0, systematic))"
)


@dataclass(frozen=True)
class Particle:
    """One that finished."""

    answer: str | None
    right: bool
    score: float
    weight: float
    """Zero where resampling dropped it."""


def best(of: Sequence[Particle]) -> float:
    """Whether the best-scored is right; the first of equals."""
    return float(max(of, key=lambda p: p.score).right)


def by_weight(of: Sequence[Particle]) -> float:
    """The chance that one drawn by weight is right."""
    return sum(p.weight * p.right for p in of) / sum(p.weight for p in of)


def one_more(of: Sequence[Particle]) -> float:
    """The chance that the heaviest of as many, drawn by weight, is right."""
    total, below, found = sum(p.weight for p in of), 0.0, 0.0
    for p in sorted(of, key=lambda p: p.weight):
        upto = below + p.weight / total
        found += (upto ** len(of) - below ** len(of)) * p.right
        below = upto
    return found


def vote(of: Sequence[Particle]) -> float:
    """Whether the answer with most score in all is right; the first of equals."""
    votes: dict[str | None, float] = defaultdict(float)
    right: dict[str | None, bool] = {}
    for p in of:
        votes[p.answer] += p.score
        right.setdefault(p.answer, p.right)
    if len(votes) > 1:
        votes.pop(None, None)
    return float(right[max(votes, key=lambda answer: votes[answer])])


CHOICES: dict[str, tuple[Callable[[Sequence[Particle]], float], bool]] = {
    "best of all": (best, True),
    "best of the last": (best, False),
    "heaviest of one more": (one_more, False),
    "by weight": (by_weight, False),
    "vote of the last": (vote, False),
    "vote of all": (vote, True),
}
"""What each goes by, and whether those that were dropped count."""


def finished(run: Path) -> list[list[Particle]]:
    """By problem; nothing where none finished."""
    columns = ["problem", "answer", "correct", "done", "log_weight", "scores"]
    found: dict[str, list[Particle]] = defaultdict(list)
    for row in pq.read_table(run / "candidates.parquet", columns=columns).to_pylist():
        of = found[row["problem"]]
        if row["done"]:
            score = float(orjson.loads(row["scores"])["prm"])
            of.append(Particle(row["answer"], bool(row["correct"]), score, float(np.exp(row["log_weight"]))))
    return list(found.values())


def chance(problems: Sequence[Sequence[Particle]], choice: str) -> np.ndarray:
    """By problem: the chance that what is chosen is right."""
    rule, dropped = CHOICES[choice]
    given = [[p for p in of if dropped or p.weight > 0] or list(of) for of in problems]
    return np.clip([rule(of) if of else 0.0 for of in given], 0.0, 1.0)  # sums of chances round


def main() -> None:
    """A table for each N."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--verifier", choices=("embedded", "exact"), default="embedded")
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--workspace", default="runs/quality")
    options = parser.parse_args()
    print(f"{options.problems} problems; right % (difference to the best of all, points [95 %])\n")
    print("| choice | " + " | ".join(f"N = {n}" for n in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    job = base(options)
    cells: dict[str, list[str]] = {choice: [] for choice in CHOICES}
    for n in SIZES:
        text = FILTER.format(n=n)
        one = replace(job, strategy=parse(text), name=text)
        if RunDirectory(one.directory).manifest().get("status") != "finished":
            blocking(execute(fresh(one, options)))
        problems = finished(one.directory)
        ours = chance(problems, "best of all")
        for choice in CHOICES:
            theirs = chance(problems, choice)
            gap = paired(theirs, ours).difference
            told = f" ({100 * gap.mean:+.1f} [{100 * gap.low:.1f}, {100 * gap.high:.1f}])"
            cells[choice].append(f"{100 * theirs.mean():.1f}" + ("" if choice == "best of all" else told))
    for choice, row in cells.items():
        print(f"| {choice} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
