"""Named answer rules: how an answer is found in a text, and in what form answers are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from itc.answers import extract as find
from itc.answers.normal import choice_form, math_form, number_form, text_form
from itc.errors import ConfigError, did_you_mean

Compare = Literal["string", "number", "math"]
"""How far a comparison may go: normal forms only; plain numbers too; mathematical equivalence too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Extraction and normal form of one kind of answer."""

    name: str
    extract: Callable[[str], str | None]
    """The answer in a model's text; None where there is none, and then the text gets no vote."""
    canonical: Callable[[str], str]
    """Normal form: answers with equal normal forms are equal."""
    compare: Compare
    strict: bool = False


_RULES: dict[str, Callable[[bool], Rule]] = {}


def register_rule(name: str, make: Callable[[bool], Rule]) -> None:
    """Make ``make(strict)`` available as rule ``name``; a taken name is a ConfigError."""
    if name in _RULES:
        raise ConfigError(f"answer rule {name!r} is already registered; choose another name")
    _RULES[name] = make


def rule(name: str, *, strict: bool = False) -> Rule:
    """The rule ``name``: gsm8k, math, text, choice or one registered since.

    ``strict`` accepts the form that the task asks for and nothing else (``#### n``, a box, a stated letter).
    An unknown name is a ConfigError.
    """
    if name not in _RULES:
        raise ConfigError(
            f"unknown answer rule {name!r}; {did_you_mean(name, _RULES)} Rules: {', '.join(_RULES)}."
        )
    return _RULES[name](strict)


def rule_names() -> tuple[str, ...]:
    """Every registered rule, in order of registration."""
    return tuple(_RULES)


def _marked_number(text: str) -> str | None:
    """The number after the last ``####``, or after ``A:`` at the start of a line if that comes later."""
    window = find.tail(text)
    marker = "\nA:" if window.rfind("\nA:") > window.rfind("####") else "####"
    said = find.after_marker("\n" + window if window.startswith("A:") else window, marker)
    return find.first_number(said[:200]) if said else None


def _gsm8k(text: str) -> str | None:
    """``#### n`` (or ``A: n``), else the last box, else "the answer is n", else the last number."""
    if marked := _marked_number(text):
        return marked
    window = find.tail(text)
    for said in (find.last_boxed(window), find.answer_is(window)):
        if said and (number := find.first_number(said)):
            return number
    return find.last_number(window)


def _boxed(text: str) -> str | None:
    return find.last_boxed(find.tail(text))


def _math(text: str) -> str | None:
    """The last box, else "the answer is …", else the text after ``####``, else the last number."""
    window = find.tail(text)
    return (
        find.last_boxed(window)
        or find.answer_is(window)
        or find.after_marker(window)
        or find.last_number(window)
    )


def _text(text: str) -> str | None:
    return text.strip() or None


def _choice(text: str) -> str | None:
    return find.stated_choice(find.tail(text))


def _strict_choice(text: str) -> str | None:
    window = find.tail(text)
    said = find.last_boxed(window) or find.answer_is(window)
    return find.stated_choice(f"answer: {said}") if said else None


register_rule(
    "gsm8k", lambda strict: Rule("gsm8k", _marked_number if strict else _gsm8k, number_form, "number", strict)
)
register_rule("math", lambda strict: Rule("math", _boxed if strict else _math, math_form, "math", strict))
register_rule("text", lambda strict: Rule("text", _text, text_form, "string", strict))
register_rule(
    "choice",
    lambda strict: Rule("choice", _strict_choice if strict else _choice, choice_form, "string", strict),
)
