"""The English of ``chain``: sentences that state operations, and the reading of them back.

A question is a list of sentences, one an operation, so the text alone holds the whole problem: ``read`` turns
any question that ``tell`` wrote into the operations it was written from. Every form below is both the
template to write with and the pattern to read with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from random import Random

NAMES = (
    *("Ann", "Ben", "Cara", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ivy", "Jack", "Kira", "Leo"),
    *("Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tara", "Uma", "Vera", "Will", "Yara", "Zoe"),
)

THINGS = (
    *("apples", "books", "cards", "coins", "cups", "eggs", "flags", "gems", "keys"),
    *("lamps", "masks", "nuts", "pens", "plums", "rings", "shells", "stamps", "toys"),
)

PRELUDES = ("Then ", "Later ", "Next ", "After that ")
"""May precede a sentence that begins with a name."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation, as one sentence states it."""

    kind: str
    who: str
    """Whose quantity changes, begins or is asked for."""
    other: str = ""
    """The person compared with, where there is one."""
    n: int = 0
    """The number in the sentence; 0 for a question."""


START, GAIN, LOSE, TIMES, SPLIT = "start", "gain", "lose", "times", "split"
MORE, FEWER, MULTIPLE, FRACTION = "more", "fewer", "multiple", "fraction"
ASK, ASK_BOTH, ASK_GAP = "ask", "ask both", "ask gap"

SELF = (GAIN, LOSE, TIMES, SPLIT)
"""Operations on a person's own quantity."""
COMPARED = (MORE, FEWER, MULTIPLE, FRACTION)
"""Operations that give a new person a quantity from another's."""
QUESTIONS = (ASK, ASK_BOTH, ASK_GAP)

# {a} is ``who``, {b} is ``other``, {n} the number, {o} the things. A form without {n} states its n in words.
FORMS: dict[str, tuple[str | tuple[str, int], ...]] = {
    START: (
        "{a} has {n} {o}.",
        "{a} starts with {n} {o}.",
        "At first {a} owns {n} {o}.",
        "There are {n} {o} in the bag of {a}.",
    ),
    GAIN: (
        "{a} buys {n} more {o}.",
        "{a} finds {n} {o} in the park.",
        "A friend gives {a} {n} {o}.",
        "{a} wins {n} extra {o} in a game.",
        "The collection of {a} grows by {n} {o}.",
    ),
    LOSE: (
        "{a} loses {n} {o}.",
        "{a} sells {n} {o} at the market.",
        "{a} gives {n} {o} to a neighbor.",
        "A thief takes {n} {o} from {a}.",
        "Of the {o} of {a}, {n} break.",
    ),
    TIMES: (
        "{a} works until there are {n} times as many {o}.",
        "A wizard turns each of the {o} of {a} into {n} {o}.",
        "The pile of {o} of {a} becomes {n} times as large.",
        ("{a} doubles the number of {o}.", 2),
        ("{a} triples the number of {o}.", 3),
    ),
    SPLIT: (
        "{a} puts the {o} into {n} equal boxes and keeps one box.",
        "{a} shares the {o} equally among {n} people and keeps one share.",
        "{a} packs all {o} in {n} equal rows and sells all but one row.",
        ("{a} keeps only half of the {o}.", 2),
        ("{a} keeps only a third of the {o}.", 3),
    ),
    MORE: (
        "{a} has {n} more {o} than {b}.",
        "{a} owns {n} {o} beyond what {b} owns.",
        "{b} has {n} {o} less than {a}.",
        "{a} is ahead of {b} by {n} {o}.",
    ),
    FEWER: (
        "{a} has {n} fewer {o} than {b}.",
        "{a} needs {n} more {o} to match {b}.",
        "{a} is behind {b} by {n} {o}.",
        "{a} would have as many {o} as {b} with {n} more.",
    ),
    MULTIPLE: (
        "{a} has {n} times as many {o} as {b}.",
        "For each of the {o} of {b}, {a} has {n} {o}.",
        ("{a} has twice as many {o} as {b}.", 2),
        ("{b} has only half as many {o} as {a}.", 2),
    ),
    FRACTION: (
        "{a} has one of the {o} for every {n} of {b}.",
        "It takes {n} times the {o} of {a} to equal those of {b}.",
        ("{a} has half as many {o} as {b}.", 2),
        ("{a} has a third as many {o} as {b}.", 3),
    ),
    ASK: (
        "How many {o} does {a} have now?",
        "How many {o} are there with {a} in the end?",
        "What is the number of {o} that {a} has?",
        "Find the number of {o} of {a}.",
    ),
    ASK_BOTH: (
        "How many {o} do {a} and {b} have together?",
        "What is the total number of {o} of {a} and {b}?",
        "Add up the {o} of {a} and {b}.",
        "If {a} and {b} join their {o}, how many are there?",
    ),
    ASK_GAP: (
        "How many more {o} does {a} have than {b}?",
        "By how many {o} does {a} lead {b}?",
        "What is the difference between the {o} of {a} and of {b}?",
        "How many {o} must {b} get to match {a}?",
    ),
}


@dataclass(frozen=True, slots=True)
class _Form:
    """One sentence pattern of one kind."""

    kind: str
    template: str
    pattern: re.Pattern[str]
    n: int | None
    """The number that the words state; None where the sentence has it in digits."""

    def write(self, op: Op, things: str) -> str:
        return self.template.format(a=op.who, b=op.other, n=op.n, o=things)


_SLOTS = {"a": r"[A-Z][a-z]{0,19}", "b": r"[A-Z][a-z]{0,19}", "n": r"[0-9]{1,9}", "o": r"[a-z]{1,20}"}


def _pattern(template: str) -> re.Pattern[str]:
    """The pattern that reads ``template``; a slot that returns must hold the same again."""
    parts: list[str] = []
    seen: set[str] = set()
    for text, slot in re.findall(r"([^{]*)(?:\{(.)\})?", template):
        parts.append(re.escape(text))
        if slot:
            parts.append(f"(?P={slot})" if slot in seen else f"(?P<{slot}>{_SLOTS[slot]})")
            seen.add(slot)
    prelude = f"(?:{'|'.join(PRELUDES)})?" if template.startswith("{") else ""
    return re.compile(prelude + "".join(parts))


@cache
def _forms() -> dict[str, tuple[_Form, ...]]:
    made: dict[str, tuple[_Form, ...]] = {}
    for kind, forms in FORMS.items():
        pairs = [(f, None) if isinstance(f, str) else f for f in forms]
        made[kind] = tuple(_Form(kind, text, _pattern(text), n) for text, n in pairs)
    return made


def tell(ops: Iterable[Op], things: str, rng: Random) -> str:
    """A question that states ``ops`` in order, in sentences that ``rng`` chooses."""
    sentences: list[str] = []
    for op in ops:
        form = rng.choice([f for f in _forms()[op.kind] if f.n is None or f.n == op.n])
        text = form.write(op, things)
        prelude = op.kind in SELF and form.template.startswith("{") and rng.random() < 0.4
        sentences.append(rng.choice(PRELUDES) + text if prelude else text)
    return " ".join(sentences)


def read(question: str) -> tuple[tuple[Op, ...], str] | None:
    """The operations and the things of a question that ``tell`` wrote; None for any other text.

    A sentence may fit two forms ("Ben has 3 more cups than Ann" gives Ben a quantity or, were Ben known and
    Ann not, Ann): who is known already decides.
    """
    ops: list[Op] = []
    known: set[str] = set()
    things = ""
    for sentence in re.split(r"(?<=[.?]) ", question.strip()):
        found = _sentence(sentence, known, bool(ops))
        if found is None or (things and found[1] != things) or (ops and ops[-1].kind in QUESTIONS):
            return None
        ops.append(found[0])
        things = found[1]
        known.add(found[0].who)
    return (tuple(ops), things) if ops and ops[-1].kind in QUESTIONS else None


def _sentence(sentence: str, known: set[str], begun: bool) -> tuple[Op, str] | None:
    for kind, forms in _forms().items():
        if (kind == START) == begun:
            continue
        for form in forms:
            match = form.pattern.fullmatch(sentence)
            if match is None:
                continue
            slots = match.groupdict()
            op = Op(kind, slots["a"], slots.get("b") or "", int(slots.get("n") or form.n or 0))
            if kind == START or _fits(op, known):
                return op, slots["o"]
    return None


def _fits(op: Op, known: set[str]) -> bool:
    """Whether the people of ``op`` are known, or new, as its kind needs."""
    if op.kind in COMPARED:
        return op.other in known and op.who not in known
    return op.who in known and (op.kind not in (ASK_BOTH, ASK_GAP) or (op.other in known - {op.who}))
