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
_FACTORIAL = re.compile(r"(\d+)?\s{0,4}([)}\]!])?\s{0,4}(?<!\\)!(?!=)")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{\s*(\d+)\s*\}")
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
    factorials = [f for f in _FACTORIAL.finditer(text)] if "!" in text else []
    for found in factorials:
        number, before = found.groups()
        if number and _exceeds(number, MAX_FACTORIAL):
            return f"a factorial above {MAX_FACTORIAL}"
        if before == "!" or (before and len(factorials) > 1):
            return "a factorial of a factorial"
    if any(_exceeds(found[1], MAX_FACTORIAL) for found in _BINOMIAL.finditer(text)):
        return f"a binomial above {MAX_FACTORIAL}"
    return None


def _exceeds(digits: str, limit: int) -> bool:
    digits = digits.lstrip("0")
    return len(digits) > len(str(limit)) or int(digits or "0") > limit
