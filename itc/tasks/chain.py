"""Chain: generated arithmetic word problems of 2 to 8 steps whose every step can be checked.

The ground on which the embedded models stand. Problems are without end and seeded: problem i of a split,
seed and list of levels is the same whatever the count. The splits share no problem: a problem belongs to the
split that the hash of its operations and numbers names, and names, things and wording are not in that hash,
so no problem of one split is a rewording of one in another.

Synthetic chains with exact step labels follow the idea of iGSM (Ye et al. 2024, arXiv:2407.20311).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from types import MappingProxyType
from typing import Literal

from itc.errors import TaskError, did_you_mean
from itc.tasks.base import Example, Task, content_id, content_sha256, register_task
from itc.tasks.chain_check import Plan, apply, work_out
from itc.tasks.chain_language import (
    ASK,
    ASK_BOTH,
    ASK_GAP,
    FEWER,
    FRACTION,
    GAIN,
    LOSE,
    MORE,
    MULTIPLE,
    NAMES,
    SPLIT,
    START,
    THINGS,
    TIMES,
    Op,
    tell,
)
from itc.tasks.prompts import GSM8K_CHAT, adapted, choose

_SPLITS = {"test": (0,), "dev": (1,), "train": (2, 3, 4)}
_RESIDUES = 5
_SHOTS = 4


@dataclass(frozen=True, slots=True)
class Level:
    """How hard a level is."""

    steps: tuple[int, int]
    """Fewest and most computations."""
    operand: int
    """Largest number in a sentence that adds, takes away or begins."""
    factor: int
    """Largest number in a sentence that multiplies or divides."""
    cap: int
    """Largest value of any computation."""
    pairs: float
    """The part of problems of 3 steps and more that end by joining or comparing two people, in [0,1]."""


LEVELS = {
    1: Level((2, 2), 35, 3, 80, 0.18),
    2: Level((3, 3), 40, 4, 120, 0.18),
    3: Level((4, 5), 40, 5, 120, 0.18),
    4: Level((5, 6), 40, 5, 150, 0.18),
    5: Level((7, 8), 40, 5, 200, 0.18),
}


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A problem with its whole solution."""

    question: str
    plan: Plan
    level: int


def puzzle(
    split: str, level: int, seed: int, index: int, levels: Mapping[int, Level] = MappingProxyType(LEVELS)
) -> Puzzle:
    """Problem ``index`` of a split, level and seed; the same for ever. ``levels`` may be one's own."""
    rng = Random(f"chain/{split}/{level}/{seed}/{index}")
    while True:
        ops = _operations(levels[level], rng)
        if ops is not None and _residue(ops) in _SPLITS[split]:
            break
    people = rng.sample(NAMES, 10)
    ops = [Op(op.kind, people[int(op.who)], people[int(op.other)] if op.other else "", op.n) for op in ops]
    things = rng.choice(THINGS)
    made = work_out(ops, things)
    assert made is not None, "operations are drawn so that each has a result"
    return Puzzle(tell(ops, things, rng), made, level)


def _residue(ops: list[Op]) -> int:
    """The problem's class; people are numbers here, so it knows neither names nor words."""
    text = ";".join(f"{op.kind} {op.who} {op.other} {op.n}" for op in ops)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % _RESIDUES


def _operations(level: Level, rng: Random) -> list[Op] | None:
    """Operations that use all they compute, or None where the draw led nowhere. People are "0", "1", …"""
    steps = rng.randint(*level.steps)
    values = [rng.randint(2, level.operand)]
    ops = [Op(START, "0", n=values[0])]
    paired = steps >= 3 and rng.random() < level.pairs
    meet = rng.randint(1, steps - 2) if paired else 0
    for step in range(1, steps + 1 - paired):
        if paired and step > meet:
            who, compare = rng.randint(0, 1), False
        else:
            who, compare = len(values) - 1, step == meet if paired else rng.random() < 0.35
        found = _operation(level, values[who], compare, rng)
        if found is None:
            return None
        kind, n, value = found
        if compare:
            values.append(value)
            ops.append(Op(kind, str(len(values) - 1), str(who), n))
        else:
            values[who] = value
            ops.append(Op(kind, str(who), n=n))
    if not paired:
        return [*ops, Op(ASK, str(len(values) - 1))]
    if rng.random() < 0.6 or values[0] == values[1]:
        a, b = rng.sample(("0", "1"), 2)
        return [*ops, Op(ASK_BOTH, a, b)] if sum(values) <= level.cap else None
    a, b = ("0", "1") if values[0] > values[1] else ("1", "0")
    return [*ops, Op(ASK_GAP, a, b)]


def _operation(level: Level, value: int, compare: bool, rng: Random) -> tuple[str, int, int] | None:
    """A kind, a number and the result, from what ``value`` and the level allow."""
    divisors = [n for n in range(2, level.factor + 1) if value % n == 0 and value > n]
    most = min(level.factor, level.cap // value)
    room = {
        "+": range(2, min(level.operand, level.cap - value) + 1),
        "-": range(2, min(level.operand, value - 2) + 1),
        "*": range(2, most + 1),
        "/": divisors,
    }
    kinds = (MORE, FEWER, MULTIPLE, FRACTION) if compare else (GAIN, LOSE, TIMES, SPLIT)
    choices = [(kind, sign) for kind, sign in zip(kinds, "+-*/", strict=True) if room[sign]]
    if not choices:
        return None
    kind, sign = rng.choice(choices)
    n = rng.choice(room[sign])
    result = apply(sign, value, n)
    assert result is not None, "room holds only numbers that give a result"
    return kind, n, result


def _levels(levels: str) -> list[int]:
    """ "1-5", "3" or "1,2,5" as a list; anything else is a TaskError."""
    found: list[int] = []
    for part in levels.split(","):
        first, _, last = part.strip().partition("-")
        if not (first in map(str, LEVELS) and (last or first) in map(str, LEVELS)):
            raise TaskError(f"levels={levels!r}: expected a range or a list of 1 to 5, like '1-5' or '1,3'")
        found += range(int(first), int(last or first) + 1)
    if not found:
        raise TaskError(f"levels={levels!r} holds no level; expected for example '1-5'")
    return found


def _worked_examples() -> str:
    """Shots for models that were not trained on the task, from the train split."""
    made = [puzzle("train", 1 + i % 3, -1, i) for i in range(_SHOTS)]
    return "\n\n".join(f"Question: {p.question}\nAnswer: {p.plan.solution}" for p in made)


def chain(
    split: Literal["test", "dev", "train"] = "test",
    problems: int = 1000,
    levels: str = "1-5",
    seed: int = 0,
    style: Literal["completion", "chat"] = "completion",
    shots: int = 0,
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
) -> Task:
    """``problems`` generated problems, taking the ``levels`` ("1-5", "3", "1,3") in turn.

    The embedded policy needs no ``shots``; 1 to 4 worked examples help other models.
    """
    if split not in _SPLITS:
        raise TaskError(f"chain has no split {split!r}; {did_you_mean(split, _SPLITS)}")
    if problems < 1:
        raise TaskError(f"problems={problems}: expected at least 1")
    turns = _levels(levels)
    prompt = adapted(
        choose(style, _worked_examples(), shots, GSM8K_CHAT), template, system, stop, step_delimiter
    )
    examples = []
    for i in range(problems):
        made = puzzle(split, turns[i % len(turns)], seed, i)
        id_ = f"chain/{split}/{seed}/{i:04d}-{content_id(made.question, 6)}"
        examples.append(Example(prompt.problem(id_, made.question), str(made.plan.gold), made.level))
    return Task(
        name="chain",
        examples=tuple(examples),
        rule="gsm8k",
        sha256=content_sha256((e.problem.question, e.gold) for e in examples),
        source=f"generated: chain(split={split}, problems={problems}, levels={levels}, seed={seed})",
        licence="public domain",
        official=True,
        style=prompt.style,
        stop=prompt.stop,
        step_delimiter=prompt.step_delimiter,
    )


register_task("chain", chain)
