"""Text of the chain task as token ids: the tokenizer, and endless batches of fresh train problems.

The tokenizer is word-level, digits apart. A text is cut by one pattern, every piece is looked up in a table,
and decoding joins the pieces, so ``decode(encode(text)) == text`` wherever each piece is in the table:

    re.findall(PATTERN, text)     # a space belongs to the piece that follows it
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from itc.tasks.chain import Level, puzzle
from itc.tasks.chain_language import FORMS, NAMES, PRELUDES, THINGS

PATTERN = r" ?[A-Za-z]+| ?#+| ?[0-9]|\n| ?[^ \nA-Za-z0-9#]| "
PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"
IGNORE = -100

TRAIN_LEVELS = {
    1: Level((2, 2), 20, 3, 60, 0.4),
    2: Level((3, 3), 30, 4, 99, 0.4),
    3: Level((4, 4), 50, 5, 150, 0.4),
    4: Level((5, 6), 70, 6, 300, 0.4),
    5: Level((7, 8), 99, 9, 600, 0.4),
}
"""What the policy learns from: numbers and pairs beyond the task's levels, which were set later."""


def vocabulary() -> list[str]:
    """Every piece of the task's language, with and without its space; specials first."""
    texts = [f"{name} a {name}" for name in (*NAMES, *THINGS)]
    texts += [form if isinstance(form, str) else form[0] for forms in FORMS.values() for form in forms]
    texts += [" ".join(f" {d}{d}" for d in range(10)), "Question: a\nAnswer: a\n#### a", " ####"]
    texts += ["Together they have", "The difference is", "a + a - a * a / a = a.", *PRELUDES]
    pieces = {piece for text in texts for piece in re.findall(PATTERN, re.sub(r"\{.\}", "a", text))}
    pieces |= {" " + piece for piece in pieces if piece[0].isalnum()}
    return [PAD, EOS, UNK, *sorted(pieces)]


def write_tokenizer(folder: Path) -> None:
    """tokenizer.json for ``tokenizers`` and what transformers wants to know besides."""
    specials = [
        {
            "id": i,
            "content": t,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, t in enumerate((PAD, EOS, UNK))
    ]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    model = {"type": "WordLevel", "vocab": {t: i for i, t in enumerate(vocabulary())}, "unk_token": UNK}
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": specials,
        "normalizer": None,
        "pre_tokenizer": split,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": model,
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": EOS,
        "unk_token": UNK,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
    }
    (folder / "tokenizer.json").write_text(json.dumps(whole, indent=1) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")


class Tokenizer:
    """The scheme, in Python."""

    def __init__(self) -> None:
        self.pieces = vocabulary()
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        self.pad, self.eos, self.unk = (self.ids[t] for t in (PAD, EOS, UNK))
        self.newline = self.ids["\n"]
        self._cut = re.compile(PATTERN)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        return [self.ids.get(piece, self.unk) for piece in self._cut.findall(text)]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.pieces[i] for i in ids)


def prompt(question: str) -> str:
    """As the task's completion style has it."""
    return f"Question: {question}\nAnswer:"


@dataclass
class Stream:
    """Train problems, each used once: problem i of a level is fresh for ever."""

    tokenizer: Tokenizer
    seed: int
    used: int = 0

    def example(self, ease: float) -> tuple[list[int], list[int]]:
        """Ids and targets. ``ease`` 0 draws the levels alike; above 0, low levels more often."""
        rng = random.Random(f"{self.seed}/{self.used}")
        level = 1 + int(len(TRAIN_LEVELS) * rng.random() ** (1 + ease))
        made = puzzle("train", level, self.seed, self.used, TRAIN_LEVELS)
        self.used += 1
        asked = self.tokenizer.encode(prompt(made.question))
        told = [*self.tokenizer.encode(" " + made.plan.solution), self.tokenizer.eos]
        return asked + told, [IGNORE] * (len(asked) - 1) + told + [IGNORE]

    def batches(
        self, tokens: int, ease: float, pool: int = 512
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of about ``tokens`` tokens from one pool, each of like lengths, in random order."""
        examples = sorted((self.example(ease) for _ in range(pool)), key=lambda e: len(e[0]))
        yield from shuffled_batches(examples, tokens, self.tokenizer.pad, f"{self.seed}/{self.used}")


def shuffled_batches(
    examples: list[tuple[list[int], list[int]]], tokens: int, pad: int, seed: str
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``examples``, sorted by length, in padded batches of at most ``tokens`` tokens."""
    groups: list[list[tuple[list[int], list[int]]]] = [[]]
    for example in examples:
        if (len(groups[-1]) + 1) * len(example[0]) > tokens and groups[-1]:
            groups.append([])
        groups[-1].append(example)
    random.Random(seed).shuffle(groups)
    made = []
    for group in groups:
        width = max(len(ids) for ids, _ in group)
        ids = torch.full((len(group), width), pad)
        targets = torch.full((len(group), width), IGNORE)
        for row, (i, t) in enumerate(group):
            ids[row, : len(i)] = torch.tensor(i)
            targets[row, : len(t)] = torch.tensor(t)
        made.append((ids, targets))
    return made
