"""What a ``chain`` question calls for, and whether each line of a solution gives it.

The question's text is the whole problem (see ``chain_language``), so a checker needs nothing else. Nothing is
evaluated but + - * / on integers of at most nine digits.

A step line is "Ann has 12 + 7 = 19 apples." The convention for its label:

- *right*: it states, for the right person and things, a computation that the question calls for, with its
  true operands and true result; every operand is given in the question or was the result of an earlier right
  line; and no earlier right line states it.
- *wrong*: any other line of that shape. So a line that carries a wrong value on is wrong, however right its
  arithmetic, as is one that uses a true value which no line has derived, a repetition, and a step after the
  answer. A wrong line spoils nothing by itself: a later line that makes it good is right.
- The line "#### n" is right if n is the answer of the problem, whatever stands before it.
- *unparsable*: all else. Empty lines are no steps and get no label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from itc.errors import TaskError
from itc.tasks.chain_language import (
    ASK,
    ASK_BOTH,
    ASK_GAP,
    COMPARED,
    FEWER,
    FRACTION,
    GAIN,
    LOSE,
    MORE,
    MULTIPLE,
    QUESTIONS,
    START,
    Op,
    read,
)
from itc.types import Problem

Label = Literal["right", "wrong", "unparsable"]

_SIGN = {GAIN: "+", MORE: "+", ASK_BOTH: "+", LOSE: "-", FEWER: "-", ASK_GAP: "-"}
_SIGN |= {"times": "*", MULTIPLE: "*", "split": "/", FRACTION: "/"}

_STEP = re.compile(
    r"(?P<who>[A-Z][A-Za-z ]{0,40}?) (?:has|have|is) "
    r"(?P<left>[0-9]{1,9}) (?P<sign>[-+*/]) (?P<right>[0-9]{1,9}) = (?P<value>[0-9]{1,9}) "
    r"(?P<things>[a-z]{1,20})\."
)
_ANSWER = re.compile(r"#### (?P<value>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Computation:
    """One line that the question calls for."""

    subject: str
    left: int
    sign: str
    right: int
    value: int
    needs: tuple[int, ...]
    """Indices of the computations whose results are its operands."""

    def line(self, things: str) -> str:
        """The line, as a solution has it."""
        verb = {"Together they": "have", "The difference": "is"}.get(self.subject, "has")
        return f"{self.subject} {verb} {self.left} {self.sign} {self.right} = {self.value} {things}."


@dataclass(frozen=True, slots=True)
class Plan:
    """A problem, worked out."""

    things: str
    steps: tuple[Computation, ...]
    gold: int

    @property
    def solution(self) -> str:
        """The gold solution: a line a computation, then the answer."""
        return "\n".join([*(s.line(self.things) for s in self.steps), f"#### {self.gold}"])


def apply(sign: str, left: int, right: int) -> int | None:
    """``left sign right`` among the integers ≥ 0; None where it is not one."""
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right if left >= right else None
    if sign == "*":
        return left * right
    return left // right if right and left % right == 0 else None


def work_out(ops: Sequence[Op], things: str) -> Plan | None:
    """The computations of ``ops`` in the order told; None where one has no result among the integers ≥ 0."""
    holds: dict[str, tuple[int, tuple[int, ...]]] = {}  # value, and the computation that it came from
    steps: list[Computation] = []
    for op in ops:
        if op.kind == START:
            holds[op.who] = (op.n, ())
            continue
        if op.kind == ASK:
            continue
        left, needs = holds[op.other if op.kind in COMPARED else op.who]
        right, subject = op.n, op.who
        if op.kind in QUESTIONS:
            right, more_needs = holds[op.other]
            needs = tuple(dict.fromkeys((*needs, *more_needs)))
            subject = "Together they" if op.kind == ASK_BOTH else "The difference"
        value = apply(_SIGN[op.kind], left, right)
        if value is None:
            return None
        steps.append(Computation(subject, left, _SIGN[op.kind], right, value, needs))
        holds[subject] = (value, (len(steps) - 1,))
    gold = steps[-1].value if ops[-1].kind != ASK else holds[ops[-1].who][0]
    return Plan(things, tuple(steps), gold)


def plan(problem: Problem | str) -> Plan:
    """What the question calls for; a TaskError for a question that is not of ``chain``."""
    question = problem if isinstance(problem, str) else problem.question
    told = read(question)
    made = None if told is None else work_out(*told)
    if made is None:
        raise TaskError(f"{question[:80]!r} is no question of the chain task; expected one that chain() made")
    return made


def label_steps(problem: Problem | str, text: str) -> list[Label]:
    """A label for each line of ``text`` that is not empty, in order; see the convention above."""
    return label_lines(plan(problem), text)


def label_lines(made: Plan, text: str) -> list[Label]:
    """``label_steps`` for a problem already worked out."""
    stated: set[int] = set()
    ended = False
    labels: list[Label] = []
    for line in filter(None, (raw.strip() for raw in text.split("\n"))):
        if answer := _ANSWER.fullmatch(line):
            labels.append("right" if int(answer["value"]) == made.gold and not ended else "wrong")
            ended = True
        elif step := _STEP.fullmatch(line):
            index = None if ended else _match(made, step, stated)
            if index is not None:
                stated.add(index)
            labels.append("wrong" if index is None else "right")
        else:
            labels.append("unparsable")
    return labels


def _match(made: Plan, step: re.Match[str], stated: set[int]) -> int | None:
    """The computation that the line states rightly, if it is one whose time has come."""
    if step["things"] != made.things:
        return None
    left, right, value = int(step["left"]), int(step["right"]), int(step["value"])
    for index, want in enumerate(made.steps):
        operands = {(want.left, want.right)}
        if want.sign in "+*":
            operands.add((want.right, want.left))
        if (
            index not in stated
            and stated.issuperset(want.needs)
            and (step["who"], step["sign"], value) == (want.subject, want.sign, want.value)
            and (left, right) in operands
        ):
            return index
    return None
