"""What counts as the same answer, as far as that is a choice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

Match = Literal["latex", "expr", "string"]


class Verdict(StrEnum):
    """Outcome of comparing two answers. All but EQUAL count as wrong; they are reported apart."""

    EQUAL = "equal"
    DIFFERENT = "different"
    TIMEOUT = "timeout"
    """The comparison ran out of processor time or memory: nothing is known."""
    UNPARSABLE = "unparsable"
    """The texts differ, and one of them could not be read (or was refused) as mathematics."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the mathematical comparison; the names of Math-Verify's own are in brackets."""

    match: tuple[Match, ...] = ("latex", "expr")
    """Which of Math-Verify's extraction targets apply, in this order."""
    precision: int = 6
    """Decimal places that must agree where one side is a decimal [float_rounding]."""
    numeric_precision: int = 15
    """Significant digits of numeric evaluation."""
    strict: bool = True
    """Variable names matter, and sets differ from tuples."""
    set_relations: bool = False
    """A relation in the prediction may equal a set in the gold answer [allow_set_relation_comp]."""
    whole_text: bool = False
    """The texts are whole solutions and Math-Verify finds the answer in them; else they are bare answers."""
    max_chars: int = 1_000
    """Longer texts are not parsed."""

    def wire(self) -> dict[str, Any]:
        """As JSON for a worker."""
        return asdict(self)
