"""How a judge's reply is read: registered functions of one draw that give a number in [0,1], or None.

None is an unreadable reply, and it is the stage that asked who says what becomes of it; no reading makes a
zero of what it cannot read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itc.backends.base import Completion
from itc.errors import ConfigError, StrategyFailed, did_you_mean

TOLD = 20
"""Likeliest tokens asked for where a probability is read: as many as chat servers tell."""
LEAST = 0.01
"""A verdict token is one at which the words looked for have this much probability together."""
_CLEAR = 0.5


@dataclass(frozen=True)
class Reading:
    """``f(completion)``, and how many of the likeliest tokens it looks at."""

    f: Callable[[Completion], float | None]
    alternatives: int = 0

    def __call__(self, reply: Completion) -> float | None:
        """A number in [0,1]; None for what cannot be read. StrategyFailed when the function gives another."""
        value = self.f(reply)
        if value is not None and not 0.0 <= value <= 1.0:
            raise StrategyFailed(
                f"The reading {self.f.__name__} gave {value!r}; expected a number in [0, 1], or None."
            )
        return value


READINGS: dict[str, Reading] = {}
"""Readings by name."""


def reading(*, alternatives: int = 0) -> Callable[[Callable[[Completion], float | None]], Reading]:
    """Register ``f(completion)`` under its name, for ``judge(prompt, reading=name)``.

    With ``alternatives`` the judge is asked for that many of the likeliest tokens at every position.
    ConfigError if the name is taken.
    """

    def register(f: Callable[[Completion], float | None]) -> Reading:
        old = READINGS.get(f.__name__)
        if old is not None and old.f.__module__ != f.__module__:
            raise ConfigError(f"reading {f.__name__!r} is already registered by {old.f.__module__}.")
        READINGS[f.__name__] = Reading(f, alternatives)
        return READINGS[f.__name__]

    return register


def reading_named(name: str) -> Reading:
    """ConfigError for a name that is not registered."""
    if name not in READINGS:
        raise ConfigError(f"Unknown reading {name!r}. {did_you_mean(name, READINGS)}")
    return READINGS[name]


# ------------------------------------------------------------------ from the likeliest tokens
def odds(reply: Completion, yes: Sequence[str], no: Sequence[str]) -> float | None:
    """P(yes) / (P(yes) + P(no)) at the verdict token, in [0,1].

    The verdict token is the last at which the words have half the probability together, or where none is, the
    one at which they have most, and `LEAST` at the least; None without such a token.
    """
    best: tuple[float, float] | None = None
    for told in reply.alternatives:
        p, q = (_mass(told, words) for words in (yes, no))
        if p + q >= LEAST and (best is None or p + q >= min(best[1], _CLEAR)):
            best = (p / (p + q), p + q)
    return None if best is None else min(1.0, best[0])


def _mass(told: Sequence[tuple[str, float]], words: Sequence[str]) -> float:
    return math.fsum(math.exp(p) for text, p in told if _bare(text) in words)


def _bare(token: str) -> str:
    return token.strip(" \t\r\n*_`\"'.,:;!?()[]▁ĠĊ").casefold()


_YES, _NO = ("yes", "true"), ("no", "false")


@reading(alternatives=TOLD)
def p_yes(reply: Completion) -> float | None:
    """P(Yes), or P(True), normalised over yes and no, at the verdict token."""
    return odds(reply, _YES, _NO)


@reading(alternatives=TOLD)
def p_no(reply: Completion) -> float | None:
    """P(No), or P(False), normalised over yes and no, at the verdict token."""
    return odds(reply, _NO, _YES)


@reading(alternatives=TOLD)
def p_first(reply: Completion) -> float | None:
    """P(A) of two answers A and B, normalised over both, at the verdict token."""
    return odds(reply, ("a",), ("b",))


# ------------------------------------------------------------------ from the text
_WORDS = {"yes": 1.0, "true": 1.0, "correct": 1.0, "no": 0.0, "false": 0.0, "incorrect": 0.0, "wrong": 0.0}
_VERDICT = re.compile(
    r"\b(?:verdict|judge?ment|conclusion|(?:answer|solution) (?:is )?correct)\b"
    rf"(?:\W{{0,5}}yes/no)?\W{{0,10}}({'|'.join(_WORDS)})\b",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"\W{0,10}(yes|no|true|false)\b", re.IGNORECASE)


@reading()
def verdict(reply: Completion) -> float | None:
    """1 for yes, 0 for no: the last "Verdict: Yes", or a reply that ends with a line, or begins with a word,
    that is the verdict."""
    if found := _VERDICT.findall(reply.text):
        return _WORDS[found[-1].casefold()]
    last = _bare(reply.text.strip().rpartition("\n")[2])
    if last in _WORDS:
        return _WORDS[last]
    begins = _FIRST_WORD.match(reply.text)
    return _WORDS[begins[1].casefold()] if begins else None


_NUMBER = r"(-?\d{1,6}(?:\.\d{1,6})?)"
_OF = rf"{_NUMBER}(?:\s?(?:/|out of)\s?{_NUMBER})?"
_GRADE = re.compile(
    rf"\b(?:score|grade|rating|confidence)\b[^\w\n-]{{0,10}}(?:is )?[^\w\n-]{{0,5}}{_OF}", re.IGNORECASE
)
_BOXED = re.compile(rf"\\boxed\{{\s?{_OF}\s?\}}")
_FRACTION = re.compile(rf"{_NUMBER}\s?(?:/|out of)\s?{_NUMBER}")
_ALONE = re.compile(rf"\W{{0,10}}{_OF}\W{{0,10}}")


@reading()
def grade(reply: Completion) -> float | None:
    r"""The grade as a share of the full one: "Score: 7", "\boxed{7}", "7/10", or a reply that is a number.

    A number without a scale is of ten. The last grade of the first of these forms counts; one outside its
    scale is none.
    """
    for form in (_GRADE, _BOXED, _FRACTION):
        if found := form.findall(reply.text):
            return _share(*found[-1])
    alone = _ALONE.fullmatch(reply.text.strip())
    return _share(alone[1], alone[2] or "") if alone else None


def _share(points: str, full: str) -> float | None:
    share = float(points) / float(full or 10) if float(full or 10) else -1.0
    return share if 0.0 <= share <= 1.0 else None


_VALUES = {"sure": 1.0, "certain": 1.0, "likely": 0.5, "unlikely": 0.0, "impossible": 0.0}
_VALUE = re.compile(rf"\b({'|'.join(_VALUES)})\b", re.IGNORECASE)


@reading()
def likeliness(reply: Completion) -> float | None:
    """sure 1, likely ½, impossible 0: the last of these words."""
    found = _VALUE.findall(reply.text)
    return _VALUES[found[-1].casefold()] if found else None


_WINNERS = {"a": 1.0, "b": 0.0, "tie": 0.5}
# Letters of answers are capitals: "a" is a word.
_WINNER = re.compile(
    r"(?:\[\[|\b(?i:winner|verdict|better)\b(?: answer)?\W{0,5}(?:is )?(?i:answer )?)(A|B|[Tt]ie|TIE)\b"
)


@reading()
def winner(reply: Completion) -> float | None:
    """1 where the first of two answers wins, 0 where the second does, ½ for a tie: "Winner: A", "[[B]]", or a
    reply that is A, B or tie alone."""
    if found := _WINNER.findall(reply.text):
        return _WINNERS[found[-1].casefold()]
    return _WINNERS.get(_bare(reply.text))
