"""What stopping early saves, and what it costs in accuracy. Paired by problem, 95 % bootstrap intervals.

    python evals/quality/stopping.py recorded [--data ../shared/data]
    python evals/quality/stopping.py embedded [--problems 300] [--at-most 40]

``recorded`` replays samples that others drew from Codex (AddSub, 40 each) and from DeepSeek-R1-Distill-Llama
8B (MATH-500, 16 each), in the order in which they were recorded. A recording is replayed whole, so for
methods that stop draws under way the tokens shown are those of an engine that advances all draws alike.
``embedded`` draws from the shipped model, which stops draws for real. Everything is drawn once; running it
again replays the journal. Differences are in points of accuracy.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import itc
from itc.runs.result import Result
from itc.tasks.recorded import read_records

RESAMPLES = 4000
FILES = {
    "AddSub": ("samples/sc_codex/addsub_output_sc_002.jsonl.xz", 40),
    "MATH-500": ("samples/atts_self_r1llama8b_math500sub100x16.jsonl.xz", 16),
}
RECORDED = (
    "self_consistency({n})",
    "adaptive_consistency({n})",
    "adaptive_consistency({n}, every=4)",
    "esc({n}, 4)",
    "esc({n}, 8)",
    "first_finish({n})",
    "short_majority({n}, 3)",
    "short_majority({n}, 5)",
)
EMBEDDED = (
    *RECORDED,
    "adaptive_consistency({n}, ahead=4)",
    "deepconf({n}, window=8)",
    "deepconf({n}, 0.3, window=8)",
    "deepconf_online({n}, 8, window=8)",
    "deepconf_online({n}, 8, 0.3, window=8)",
)


@dataclass(frozen=True)
class Ran:
    """A method, by problem."""

    right: np.ndarray
    draws: np.ndarray
    tokens: np.ndarray
    """Completion tokens."""


def ran(result: Result) -> Ran:
    """From a result, in the task's order."""
    rows = result.rows
    right = np.array([bool(r.correct) for r in rows], float)
    draws = np.array([r.calls for r in rows], float)
    return Ran(right, draws, np.array([r.completion_tokens for r in rows], float))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean, and its 95 % percentile interval over resampled problems."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def tell(text: str, one: Ran, whole: Ran) -> None:
    """A row of the table: a method beside all draws and a vote."""
    lost, low, high = (100 * x for x in interval(one.right - whole.right))
    share = one.tokens.sum() / whole.tokens.sum()
    print(
        f"{text:38}{100 * one.right.mean():10.2f}{one.draws.mean():9.2f}{one.tokens.mean():11.1f}"
        f"{share:9.2f}   {lost:+6.2f} [{low:+.2f}, {high:+.2f}]",
        flush=True,
    )


def header(title: str) -> None:
    """Above a table."""
    print(
        f"\n{title}\n{'method':38}{'accuracy %':>10}{'draws':>9}{'tokens':>11}{'share':>9}   against the vote"
    )


def alike(lengths: list[np.ndarray], text: str, n: int) -> np.ndarray | None:
    """Tokens of a method that keeps the shortest, were all draws advanced alike; None for another method."""
    name, _, arguments = text.partition("(")
    if name not in ("first_finish", "short_majority"):
        return None
    keep = 1 if name == "first_finish" else int(arguments.rstrip(")").split(",")[1])
    return np.array([np.minimum(x[:n], np.sort(x[:n])[keep - 1]).sum() for x in lengths], float)


def recorded(data: Path, workspace: str) -> None:
    """Replays."""
    for title, (name, n) in FILES.items():
        path = str(data / name)
        header(f"{title}, {n} recorded samples a problem")
        lengths = [
            np.array([s.tokens or len(s.text.split()) for s in record.samples])
            for record in read_records(path)[1]
        ]
        whole: Ran | None = None
        for form in RECORDED:
            text = form.format(n=n)
            task: dict[str, Any] = {"name": "recorded", "path": path}
            one = ran(itc.run(text, task=task, model={"backend": "replay"}, workspace=workspace))
            if (tokens := alike(lengths, text, n)) is not None:
                one = Ran(one.right, one.draws, tokens)
            whole = whole or one
            tell(text, one, whole)


def embedded(problems: int, n: int, workspace: str) -> None:
    """Draws."""
    header(f"embedded model, chain, {problems} problems")
    whole: Ran | None = None
    for form in EMBEDDED:
        text = form.format(n=n)
        result = itc.run(
            text,
            task={"name": "chain", "problems": problems, "split": "test"},
            model={"backend": "embedded"},
            workspace=workspace,
        )
        whole = whole or ran(result)
        tell(text, ran(result), whole)


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("what", choices=["recorded", "embedded"])
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--problems", type=int, default=300)
    options.add_argument("--at-most", type=int, default=40)
    options.add_argument("--workspace", default="runs/stopping")
    args = options.parse_args()
    if args.what == "recorded":
        recorded(args.data, args.workspace)
    else:
        embedded(args.problems, args.at_most, args.workspace)


if __name__ == "__main__":
    main()
