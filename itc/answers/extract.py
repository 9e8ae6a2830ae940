"""Finding the answer in a model's text: pure functions, linear in the text, called on every draw.

Only the last ``WINDOW`` characters are looked at: an answer stands at the end of its solution, and hostile
text may be a megabyte long.
"""

from __future__ import annotations

import re
from collections import deque

WINDOW = 20_000
"""Characters at the end of the text that are searched."""
MAX_ANSWER = 2_000
"""Longer matches, in characters, are no answers."""
_TRIES = 8

_NUMBER = re.compile(
    r"(?:(?<![\w.)\]}])[-−] ?)?\\?\$?"  # a sign only where it is not a subtraction
    r"((?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+(?!\d*[/.]))?|(?<![\d.])\.\d+)",
    re.ASCII,
)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_ANSWER_IS = re.compile(
    r"answer(?: to (?:the|this) (?:question|problem))?"
    r"(?:[ \t]{0,4}(?:is|are)\b[ \t]{0,4}:?|[ \t*]{0,4}[:=])[ \t*]{0,8}",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\.(?:\s|$)|\n")
_LETTER = r"(?:\\(?:text|mathrm|textbf)\{)?\(?([A-J])\b\)?"
_STATED_CHOICE = re.compile(rf"{_LETTER}(?![\w'])")
_PARENTHESISED = re.compile(r"\(([A-J])\)")
_LETTER_LINE = re.compile(r"^[ \t*]{0,8}\(?([A-J])\)?[ \t.*:)]{0,8}$", re.MULTILINE)
_FENCE_ENDS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}


def tail(text: str) -> str:
    """The part of the text that is searched."""
    return text[-WINDOW:]


def first_number(text: str) -> str | None:
    """The first plain number, sign included, without currency: ``-1,000.5``, ``3/4``, ``.5``."""
    return _signed(found) if (found := _NUMBER.search(text)) else None


def last_number(text: str) -> str | None:
    """The last plain number."""
    end = text[-500:]
    found = _last(_NUMBER, end)
    if len(text) > len(end) and (found is None or found.start() < 100):
        # The window may have cut the number in two.
        found = _last(_NUMBER, text)
    return _signed(found) if found else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _signed(found: re.Match[str]) -> str:
    return ("-" if found[0][0] in "-−" else "") + found[1]


def after_marker(text: str, marker: str = "####") -> str | None:
    """The rest of the line after the last ``marker``, stripped; None without a marker."""
    at = text.rfind(marker)
    if at < 0:
        return None
    start = at + len(marker)
    end = text.find("\n", start)
    return text[start : len(text) if end < 0 else end].strip()


def last_boxed(text: str) -> str | None:
    """The content of the last balanced ``\\boxed{…}`` (or ``\\fbox{…}``), stripped; None without one.

    A box that the end of the text cuts off is passed over in favour of an earlier one.
    """
    end = len(text)
    for _ in range(_TRIES):
        at = max(text.rfind("\\boxed", 0, end), text.rfind("\\fbox", 0, end))
        if at < 0:
            return None
        inside = _boxed_at(text, text.index("o", at))
        if inside is not None:
            return inside or None
        end = at
    return None


def _boxed_at(text: str, at: int) -> str | None:
    start = at
    while start < len(text) and text[start].isalpha():
        start += 1
    if start < len(text) and text[start] == " ":
        word = re.match(r" ([^\s$.,{}\\]{1,100})", text[start : start + 102])
        if word:
            return word[1]
        start += 1
    if start >= len(text) or text[start] != "{":
        return None
    depth = 0
    for brace in _BRACES.finditer(text, start, min(len(text), start + MAX_ANSWER + 2)):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start + 1 : brace.start()].strip()
    return None


def answer_is(text: str) -> str | None:
    """What follows the last "the answer is" or "answer:", up to the end of the sentence or formula."""
    found = _last(_ANSWER_IS, text)
    if found is None:
        return None
    rest = text[found.end() : found.end() + 500].lstrip()
    for start, end in _FENCE_ENDS.items():
        if rest.startswith(start):
            close = rest.find(end, len(start))
            return (rest[len(start) : close].strip() or None) if close > 0 else None
    if stop := _SENTENCE_END.search(rest):
        rest = rest[: stop.start()]
    return rest.strip().strip("*").strip() or None


def stated_choice(text: str) -> str | None:
    """The letter A–J of a multiple-choice answer: boxed, stated, alone on a line, or last in parentheses."""
    for said in (last_boxed(text), answer_is(text)):
        if said and (found := _STATED_CHOICE.match(said)):
            return found[1]
    for pattern in (_LETTER_LINE, _PARENTHESISED):
        letters = pattern.findall(text)
        if letters:
            return str(letters[-1])
    return None
