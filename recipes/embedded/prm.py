"""The reward model: solutions sampled from the policy as it grew, labelled line by line by the checker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from data import IGNORE, Tokenizer, prompt, shuffled_batches
from measure import draw
from model import Llama, Shape, optimizers
from torch.nn import functional

from itc.tasks.chain import Level, puzzle
from itc.tasks.chain_check import Plan, label_lines, plan

Example = tuple[list[int], list[int]]


def draw_samples(
    policy: Llama, tokenizer: Tokenizer, levels: Mapping[int, Level], count: int, seed: int, path: Path
) -> None:
    """One solution at temperature 1 of ``count`` fresh train problems, as JSON lines."""
    if path.exists():
        return
    turns = list(levels)
    puzzles = [puzzle("train", turns[i % len(turns)], seed, i, levels) for i in range(count)]
    texts = draw(policy.eval(), tokenizer, puzzles, 1, 1.0, seed)
    rows = [
        {"question": p.question, "text": t, "labels": label_lines(p.plan, t)}
        for p, (t,) in zip(puzzles, texts, strict=True)
    ]
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    temporary.replace(path)


def step_ends(tokenizer: Tokenizer, ids: list[int], start: int) -> list[int]:
    """Where the lines that are not empty end in ``ids[start:]``: at a newline, or at the last token."""
    ends, filled = [], False
    for at in range(start, len(ids)):
        newline = ids[at] == tokenizer.newline
        filled = filled or bool(tokenizer.pieces[ids[at]].strip())
        if filled and (newline or at == len(ids) - 1):
            ends.append(at)
            filled = False
    return ends


def laid_out(tokenizer: Tokenizer, question: str, text: str) -> tuple[list[int], list[int]]:
    """Ids of a prompt with a solution, its last line ended, and the places where the steps end."""
    asked = tokenizer.encode(prompt(question))
    ids = asked + tokenizer.encode(text if text.endswith("\n") else text + "\n")
    return ids, step_ends(tokenizer, ids, len(asked))


def examples(tokenizer: Tokenizer, path: Path) -> list[Example]:
    """Ids and targets of every labelled solution.

    Targets are dense, for a label at a line's end alone is learned slowly: each token of a right line has 1;
    in any other line the tokens that agree with a line of the gold solution have 1, and those after them,
    to the newline, 0.
    """
    made: list[Example] = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        ids, ends = laid_out(tokenizer, row["question"], row["text"])
        gold = [tokenizer.encode(text) for text in plan(row["question"]).solution.split("\n")]
        gold += [tokenizer.encode(" " + tokenizer.decode(text)) for text in gold]
        targets = [IGNORE] * len(ids)
        begin = len(tokenizer.encode(prompt(row["question"])))
        for end, label in zip(ends, row["labels"], strict=True):
            own = ids[begin:end]
            agree = len(own) if label == "right" else max(common(own, text) for text in gold)
            targets[begin : end + 1] = [1] * agree + [0] * (len(own) - agree) + [int(label == "right")]
            begin = end + 1
        made.append((ids, targets))
    return made


def common(a: list[int], b: list[int]) -> int:
    """Length of the common beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def train_prm(
    policy: Llama,
    tokenizer: Tokenizer,
    data: list[Example],
    epochs: int,
    batch: int,
    rates: tuple[float, float],
    seed: int,
    out: Path,
) -> Llama:
    """A classifier of step ends on the policy's trunk; goes on from its last epoch."""
    torch.manual_seed(seed)
    model = Llama(Shape(len(tokenizer)), labels=2)
    model.model.load_state_dict(policy.model.state_dict())
    both = optimizers(model, *rates)
    data = sorted(data, key=lambda e: len(e[0]))
    begin = 0
    curve = out / "prm.csv"
    if not curve.exists():
        curve.write_text("epoch,batch,loss\n")
    saved = out / "prm.ckpt"
    if saved.exists():
        state = torch.load(saved)
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(both, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        begin = state["epoch"]
    for epoch in range(begin, epochs):
        batches = shuffled_batches(data, batch, tokenizer.pad, f"{seed}/{epoch}")
        recent: list[float] = []
        for i, (ids, targets) in enumerate(batches):
            done = (epoch + i / len(batches)) / epochs
            for optimizer, rate in zip(both, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * min(1.0, done * 20 + 0.05, (1 - done) + 0.02)
                optimizer.zero_grad(set_to_none=True)
            at = targets >= 0
            with torch.autocast("cpu", torch.bfloat16):
                logits = model.head(model.model(ids)[0][at])
            loss = functional.cross_entropy(logits.float(), targets[at])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in both:
                optimizer.step()
            recent.append(float(loss.detach()))
            if len(recent) == 50:
                with curve.open("a") as file:
                    file.write(f"{epoch},{i + 1},{sum(recent) / len(recent):.4f}\n")
                recent = []
        state = {
            "model": model.state_dict(),
            "optimizers": [o.state_dict() for o in both],
            "epoch": epoch + 1,
        }
        torch.save(state, saved.with_suffix(".part"))
        saved.with_suffix(".part").replace(saved)
    return model.eval()


@torch.inference_mode()
def step_scores(
    model: Llama, tokenizer: Tokenizer, pairs: list[tuple[str, str]], rows: int = 128
) -> list[list[float]]:
    """P(right) at the newline of every step of every (question, solution)."""
    laid = [laid_out(tokenizer, question, text) for question, text in pairs]
    out: list[list[float]] = [[] for _ in pairs]
    order = sorted(range(len(pairs)), key=lambda i: len(laid[i][0]))
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        ids = torch.full((len(part), max(len(laid[i][0]) for i in part)), tokenizer.pad)
        for row, i in enumerate(part):
            ids[row, : len(laid[i][0])] = torch.tensor(laid[i][0])
        scores = model(ids).softmax(-1)[..., 1]
        for row, i in enumerate(part):
            out[i] = [float(scores[row, at]) for at in laid[i][1]]
    return out


def labels_of(made: Plan, text: str) -> list[int]:
    """1 for each right line, 0 for every other that is not empty."""
    return [int(label == "right") for label in label_lines(made, text)]
