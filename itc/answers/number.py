"""Plain numbers, read strictly: no grammar, no evaluation, and bounded work whatever the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_DIGITS = 300
"""Longer digit strings are not numbers here: nobody's answer has them, and conversion is quadratic."""
MAX_EXPONENT = 300
"""Largest power of ten, either sign, that scientific notation may ask for."""

_WHOLE = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)"
_DECIMAL = re.compile(rf"([+-]?)(?:({_WHOLE})(\.\d*)?|(\.\d+))(?:[eE]([+-]?\d{{1,4}}))?", re.ASCII)
_RATIO = re.compile(
    rf"([+-]?)(?:({_WHOLE})/({_WHOLE})|\\frac\{{([+-]?{_WHOLE})\}}\{{({_WHOLE})\}})", re.ASCII
)
_MAX_CHARS = 2 * MAX_DIGITS + MAX_DIGITS // 3


@dataclass(frozen=True, slots=True)
class Number:
    """A rational that was written out in full."""

    value: Fraction
    exact: bool
    """False for decimals and scientific notation, which people also use for rounded values."""
    text: str
    """Normal form: ``1000``, ``0.5``, ``1/2`` (lowest terms). Equal texts mean equal numbers."""


@lru_cache(1 << 16)
def parse_number(text: str) -> Number | None:
    """The number that ``text`` is, or None: ``-1,000.50``, ``.5``, ``2e3``, ``3/4``, ``\\frac{3}{4}``.

    A comma must separate groups of three digits; ``1,22`` is not read. Currency, units and percent signs
    are the caller's business. Digits are capped at ``MAX_DIGITS``, exponents at ``MAX_EXPONENT``.
    """
    if not text or len(text) > _MAX_CHARS:
        return None
    if found := _DECIMAL.fullmatch(text):
        return _decimal(*found.groups())
    if found := _RATIO.fullmatch(text):
        sign, above, below, latex_above, latex_below = found.groups()
        return _ratio(sign, above or latex_above, below or latex_below)
    return None


def _decimal(
    sign: str, whole: str | None, point: str | None, bare: str | None, power: str | None
) -> Number | None:
    digits = (whole or "0").replace(",", "")
    places = (point or bare or ".")[1:]
    exponent = int(power or 0)
    if len(digits) + len(places) > MAX_DIGITS or abs(exponent) > MAX_EXPONENT:
        return None
    value = Fraction(int(digits + places), 10 ** len(places)) * Fraction(10) ** exponent
    if sign == "-":
        value = -value
    exact = not places.strip("0") and power is None
    if power is not None:
        # A power of ten is kept in one spelling only when it stands for an integer.
        return Number(value, exact, str(value.numerator) if value.denominator == 1 else _short(value))
    whole_text, rest = digits.lstrip("0") or "0", places.rstrip("0")
    minus = "-" if value < 0 else ""
    return Number(value, exact, f"{minus}{whole_text}.{rest}" if rest else f"{minus}{whole_text}")


def _short(value: Fraction) -> str:
    # The denominator divides a power of ten, so the expansion ends.
    places = max(_multiplicity(value.denominator, 2), _multiplicity(value.denominator, 5))
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    minus = "-" if value < 0 else ""
    return f"{minus}{digits[:-places]}.{digits[-places:]}"


def _multiplicity(n: int, prime: int) -> int:
    count = 0
    while n % prime == 0:
        n, count = n // prime, count + 1
    return count


def _ratio(sign: str, above: str, below: str) -> Number | None:
    top, bottom = above.replace(",", ""), below.replace(",", "")
    if max(len(top), len(bottom)) > MAX_DIGITS or not bottom.strip("0"):
        return None
    value = Fraction(int(top), int(bottom))
    if sign == "-":
        value = -value
    return Number(value, True, str(value))
