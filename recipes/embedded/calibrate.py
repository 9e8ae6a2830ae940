"""Measure the embedded models on held-out test problems, from the files as stored:

    python recipes/embedded/calibrate.py --problems 1000 --coverage 120

Prints a table; ``--card`` writes it into the model card too.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from data import Tokenizer
from measure import draw, is_right, problems
from model import Llama, load
from prm import labels_of, step_scores

from itc.tasks.chain import LEVELS, Puzzle

HERE = Path(__file__).resolve().parents[2] / "itc" / "embedded"
BEGIN, END = "<!-- calibration -->", "<!-- end of calibration -->"
AGGREGATES = {"last": lambda s: s[-1], "min": min, "product": lambda s: float(np.prod(s))}


def auc(scores: list[float], labels: list[int]) -> float:
    """The chance that a right one scores above a wrong one; ties count half."""
    if len(set(labels)) < 2:
        return float("nan")
    values, y = np.asarray(scores), np.asarray(labels)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    right = int(y.sum())
    return float((ranks[y == 1].sum() - right * (right + 1) / 2) / (right * (len(y) - right)))


def answer(text: str) -> str | None:
    """What stands after "####" on the last line."""
    found = re.fullmatch(r"#### (\d{1,9})", text.rsplit("\n", 1)[-1].strip())
    return found[1] if found else None


def single(puzzles: list[Puzzle], texts: list[list[str]]) -> dict[str, float]:
    """pass@1 over all samples, overall and by level."""
    rates = {level: [] for level in LEVELS}
    for made, own in zip(puzzles, texts, strict=True):
        rates[made.level].append(np.mean([is_right(made, t) for t in own]))
    everything = [r for rs in rates.values() for r in rs]
    found = {"pass@1": float(np.mean(everything))}
    found["pass@1 ±"] = float(1.96 * np.std(everything, ddof=1) / len(everything) ** 0.5)
    return found | {f"pass@1 level {level}": float(np.mean(rs)) for level, rs in rates.items() if rs}


def coverage(
    puzzles: list[Puzzle], texts: list[list[str]], scores: list[list[list[float]]]
) -> dict[str, float]:
    """What all samples of a problem come to: coverage, and votes and best of k under each aggregate."""
    found: dict[str, list[float]] = defaultdict(list)
    for made, own, paths in zip(puzzles, texts, scores, strict=True):
        gold = str(made.plan.gold)
        said = [answer(text) for text in own]
        found["pass@k"].append(float(gold in said))
        found[f"pass@k level {made.level}"].append(float(gold in said))
        found["vote@k"].append(voted(said, [1.0] * len(said)) == gold)
        for name, f in AGGREGATES.items():
            values = [f(path) if path else 0.0 for path in paths]
            found[f"weighted vote@k ({name})"].append(voted(said, values) == gold)
            found[f"best of k ({name})"].append(said[int(np.argmax(values))] == gold)
            if 0 < (right := [int(a == gold) for a in said]).count(1) < len(said):
                found[f"AUC within a problem ({name})"].append(auc(values, right))
    return {name: float(np.mean(found[name])) for name in sorted(found)}


def voted(said: list[str | None], weights: list[float]) -> str | None:
    """The answer of the greatest weight; no answer has no vote."""
    totals: dict[str, float] = defaultdict(float)
    for one, weight in zip(said, weights, strict=True):
        if one is not None:
            totals[one] += weight
    return max(totals, key=totals.__getitem__, default=None)


def verifier(
    puzzles: list[Puzzle], texts: list[list[str]], scores: list[list[list[float]]]
) -> dict[str, float]:
    """Area under the curve of step labels, and of right answers under each aggregate of a path's scores."""
    steps: list[float] = []
    labels: list[int] = []
    paths: list[list[float]] = []
    right: list[int] = []
    for made, own, own_scores in zip(puzzles, texts, scores, strict=True):
        for text, path in zip(own, own_scores, strict=True):
            found = labels_of(made.plan, text)
            if not path or len(found) != len(path):
                continue
            steps += path
            labels += found
            paths.append(path)
            right.append(int(is_right(made, text)))
    out = {"step AUC": auc(steps, labels), "steps right": float(np.mean(labels))}
    out["step accuracy at 0.5"] = float(np.mean((np.asarray(steps) > 0.5) == np.asarray(labels)))
    for name, f in AGGREGATES.items():
        out[f"solution AUC ({name})"] = auc([f(p) for p in paths], right)
    return out


def drawn(
    policy: Llama, tokenizer: Tokenizer, puzzles: list[Puzzle], each: int, seed: int, kept: Path | None
) -> list[list[str]]:
    """Solutions of ``puzzles``; read from the folder ``kept`` where they are there, and else left there."""
    path = kept / f"draws-{len(puzzles)}x{each}-{seed}.json" if kept else None
    if path and path.exists():
        return json.loads(path.read_text())
    texts = draw(policy, tokenizer, puzzles, each, 1.0, seed)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(texts))
    return texts


def calibrate(
    folder: Path, count: int, each: int, covered: int, k: int, seed: int, kept: Path | None = None
) -> dict[str, float]:
    """All figures of the models in ``folder``."""
    tokenizer = Tokenizer()
    policy = load(folder / "policy")
    prm = load(folder / "prm") if (folder / "prm").exists() else None
    puzzles = problems("test", count, seed)
    texts = drawn(policy, tokenizer, puzzles, each, seed + 1, kept)
    found: dict[str, float] = {"problems": count, "samples a problem": each, **single(puzzles, texts)}
    print(json.dumps(found), flush=True)

    def scored(some: list[Puzzle], own: list[list[str]]) -> list[list[list[float]]]:
        pairs = [(p.question, t) for p, ts in zip(some, own, strict=True) for t in ts]
        flat = iter(step_scores(prm, tokenizer, pairs) if prm is not None else [[0.5]] * len(pairs))
        return [[next(flat) for _ in ts] for ts in own]

    if prm is not None:
        found |= verifier(puzzles, texts, scored(puzzles, texts))
        print(json.dumps(found), flush=True)
    if covered:
        some = puzzles[:covered]
        many = drawn(policy, tokenizer, some, k, seed + 2, kept)
        found |= {"coverage problems": covered, "k": k, **coverage(some, many, scored(some, many))}
        print(json.dumps(found), flush=True)
    return found


def write_card(card: Path, found: dict[str, float]) -> None:
    """Put the figures between the marks of the model card."""
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in found.items())
    table = f"{BEGIN}\n| measure | value |\n|---|---|\n{rows}\n{END}"
    text = card.read_text()
    card.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: table, text, flags=re.DOTALL))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=HERE, help="holds policy/ and prm/")
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--each", type=int, default=2, help="samples a problem")
    parser.add_argument("--coverage", type=int, default=120, help="problems of which --k samples are drawn")
    parser.add_argument("--k", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draws", type=Path, help="folder that keeps the draws, to score them again")
    parser.add_argument("--card", type=Path, help="the model card to write the table into")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = calibrate(
        options.folder,
        options.problems,
        options.each,
        options.coverage,
        options.k,
        options.seed,
        options.draws,
    )
    if options.card:
        write_card(options.card, found)


if __name__ == "__main__":
    main()
