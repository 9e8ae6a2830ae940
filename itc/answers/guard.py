"""What is refused before any grammar sees it: text built to burn time or memory."""

from __future__ import annotations

import re

MAX_EXPONENT = 10_000
MAX_FACTORIAL = 1_000
MAX_DIGIT_RUN = 300
MAX_DEPTH = 40
"""Brackets of any kind, nested."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_LONG_DIGITS = re.compile(rf"\d{{{MAX_DIGIT_RUN + 1}}}")
_POWER = re.compile(r"(?:\^|\*\*)[\s{(+-]{0,20}")
_DIGITS = re.compile(r"\d+")
_BRACKET = re.compile(r"\\.|[{}()\[\]]", re.DOTALL)
_TOWER = re.compile(
    r"(?:\^|\*\*)[\s{(+-]{0,20}[\w.\\]{1,40}[\s)}]{0,20}(?:\^|\*\*)[\s{(+-]{0,20}[\w.\\]{1,40}[\s)}]{0,20}(?:\^|\*\*)"
)
_NUMERIC_TOWER = re.compile(r"(?:\^|\*\*)[\s{(+-]{0,20}(\d+)\s{0,4}(?:\^|\*\*)[\s{(+-]{0,20}(\d+)")
_FACTORIAL = re.compile(r"(?<!\\)!(?!=)")
_NUMBER_BEFORE = re.compile(r"(\d{1,300})$")
_SYMBOLIC = re.compile(r"[a-zA-Z]")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{\s*(\d+)\s*\}")
_MONSTER = re.compile(r"[A-Za-z]{41}|(?:[-+] ?){21}|(?:=\s?\w{0,3}\s?){21}")
_CODE = re.compile(r"__|\bimport\b|\blambda\b|\bos\.|\beval\b|\bexec\b")


def refusal(text: str, max_chars: int) -> str | None:
    """Why ``text`` must not reach the parser, or None when it may. Linear in ``max_chars``."""
    if len(text) > max_chars:
        return f"longer than {max_chars} characters"
    if _CONTROL.search(text):
        return "control characters or lone surrogates"
    if _CODE.search(text):
        return "reads like program code"
    if _LONG_DIGITS.search(text):
        return f"more than {MAX_DIGIT_RUN} digits in a row"
    if _MONSTER.search(text):
        return "a word of more than 40 letters, or more than 20 signs in a row or equals signs"
    if _depth(text) > MAX_DEPTH:
        return f"brackets nested deeper than {MAX_DEPTH}"
    return _large_power(text) or _large_factorial(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in "{([":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket[0] in "})]":
            depth -= 1
    return deepest


def _large_power(text: str) -> str | None:
    if "^" not in text and "**" not in text:
        return None
    for power in _POWER.finditer(text):
        digits = _DIGITS.match(text, power.end())
        if digits and _exceeds(digits[0], MAX_EXPONENT):
            return f"an exponent above {MAX_EXPONENT}"
    if _TOWER.search(text):
        return "a tower of powers"
    for tower in _NUMERIC_TOWER.finditer(text):
        base, exponent = tower.groups()
        if len(base) > 5 or len(exponent) > 5 or len(base) * int(exponent) > 12:
            return "a tower of powers"
    return None


def _large_factorial(text: str) -> str | None:
    for found in _FACTORIAL.finditer(text):
        before = text[: found.start()].rstrip()
        if number := _NUMBER_BEFORE.search(before[-300:]):
            if _exceeds(number[1], MAX_FACTORIAL):
                return f"a factorial above {MAX_FACTORIAL}"
        elif before.endswith("!"):
            return "a factorial of a factorial"
        elif before.endswith((")", "}", "]")) and (why := _large_argument(_bracketed(before))):
            return why
    if any(_exceeds(found[1], MAX_FACTORIAL) for found in _BINOMIAL.finditer(text)):
        return f"a binomial above {MAX_FACTORIAL}"
    return None


def _bracketed(text: str) -> str:
    """The content of the bracket that ends ``text``; all of it where the bracket was never opened."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] in ")}]") - (text[at] in "({[")
        if depth == 0:
            return text[at + 1 : -1]
    return text


def _large_argument(text: str) -> str | None:
    if _FACTORIAL.search(text):
        return "a factorial of a factorial"
    if _SYMBOLIC.search(text):
        return None
    if "^" in text or any(_exceeds(digits, MAX_FACTORIAL) for digits in _DIGITS.findall(text)):
        return f"a factorial above {MAX_FACTORIAL}"
    return None


def _exceeds(digits: str, limit: int) -> bool:
    digits = digits.lstrip("0")
    return len(digits) > len(str(limit)) or int(digits or "0") > limit
