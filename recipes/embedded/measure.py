"""Samples of the policy and what they are worth: shared by training and calibration."""

from __future__ import annotations

import torch
from data import Tokenizer, prompt
from model import Llama

from itc.tasks.chain import LEVELS, Puzzle, puzzle
from itc.tasks.chain_check import label_lines

MOST = 160
"""Tokens of a solution; the longest gold one has about 120."""


def problems(split: str, count: int, seed: int) -> list[Puzzle]:
    """The problems of ``chain(split, count, seed=seed)``."""
    levels = list(LEVELS)
    return [puzzle(split, levels[i % len(levels)], seed, i) for i in range(count)]


def draw(
    model: Llama,
    tokenizer: Tokenizer,
    puzzles: list[Puzzle],
    each: int,
    temperature: float,
    seed: int,
    rows: int = 256,
) -> list[list[str]]:
    """``each`` solutions of every problem. Problems of like length share a batch."""
    order = sorted(range(len(puzzles)), key=lambda i: (puzzles[i].level, len(puzzles[i].question)))
    g = torch.Generator().manual_seed(seed)
    flat = [i for i in order for _ in range(each)]
    out: list[list[str]] = [[] for _ in puzzles]
    for start in range(0, len(flat), rows):
        part = flat[start : start + rows]
        asked = [tokenizer.encode(prompt(puzzles[i].question)) for i in part]
        for i, ids in zip(part, model.sample(asked, MOST, tokenizer.eos, temperature, g), strict=True):
            out[i].append(tokenizer.decode(ids))
    return out


def is_right(made: Puzzle, text: str) -> bool:
    """Whether the solution ends in the answer of the problem."""
    return text.rsplit("\n", 1)[-1].strip() == f"#### {made.plan.gold}"


def accuracy(
    model: Llama, tokenizer: Tokenizer, split: str, count: int, each: int, seed: int
) -> dict[str, float]:
    """Part of solutions with the right answer, overall and by level, and of lines that are right."""
    puzzles = problems(split, count, seed)
    texts = draw(model.eval(), tokenizer, puzzles, each, 1.0, seed)
    model.train()
    by_level: dict[int, list[float]] = {level: [] for level in LEVELS}
    lines: list[str] = []
    for made, own in zip(puzzles, texts, strict=True):
        by_level[made.level] += [float(is_right(made, text)) for text in own]
        lines += [label for text in own for label in label_lines(made.plan, text)]
    every = [x for xs in by_level.values() for x in xs]
    found = {"all": sum(every) / len(every)}
    found |= {f"level{level}": sum(xs) / max(1, len(xs)) for level, xs in by_level.items()}
    return found | {"lines": lines.count("right") / max(1, len(lines))}
