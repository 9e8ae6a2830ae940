"""Normal forms: answers that share one are the same answer, which settles most comparisons for free.

The normal form of a mathematical answer is itself valid LaTeX with the same meaning, because it is what the
grammar is given when text alone does not decide. The conventions on units, percent and spacing follow
``_strip_string`` in Hendrycks et al. 2021, https://github.com/hendrycks/math (modeling/math_equivalence.py),
except that nothing is dropped on the left of an equals sign.
"""

from __future__ import annotations

import re

from itc.answers.number import parse_number

MAX_NORMALISED = 4_000
"""Characters; a longer answer is compared as it stands, stripped."""

_SPACE = re.compile(r"\s+")
_FENCES = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_THIN = re.compile(r"(?<!\\)\\[!,;: ]|\\q?quad(?![a-zA-Z])|\\(?:displaystyle|left|right)(?![a-zA-Z])\.?|~")
_GROUPS = re.compile(r"(?<=\d)(?:\{,\}|,\\! ?|\\[,;: ])(?=\d{3}(?!\d))")
_ESCAPED = re.compile(r"(?<!\\)\\\\(?=(?:[dtc]?frac|sqrt|boxed|text|pi|cdot|times)(?![a-zA-Z]))")
_FRACTION = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_SHORT_FRACTION = re.compile(r"\\frac\s*(?:(\d)|\{([^{}]*)\})\s*(?:(\d)|\{([^{}]*)\})")
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\d|[a-zA-Z](?![a-zA-Z]))")
_SHORT_SCRIPT = re.compile(r"([\^_])\s*(\d(?![\d.])|[a-zA-Z](?![a-zA-Z0-9]))")
_DEGREES = re.compile(r"(?<=\d)\s*(?:\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree|°)$")
_WORD = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{\s*([^{}\\]*?)\s*\}")
_UNIT = re.compile(
    r"(?<=[\d}])\s*\\(?:text|textbf|textit|textnormal|mathrm|mbox)"
    r"\s*\{\s*[a-zA-Z][a-zA-Z .]*\}(?:\^\{?\d\}?)?$"
)
# "32, 349" is a list; without its space it would be a number.
_LOOSE_SPACE = re.compile(r"(?<![A-Za-z0-9\\]) (?!(?<=\d, )\d{3}(?!\d))| (?![A-Za-z0-9])")
_SPACED_DIGITS = re.compile(r"[+-]?\d{1,3}(?: \d{3})+(?:\.\d*)?", re.ASCII)
_BAD_TAIL = ".,;:"
_DASHES = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "×": "\\times "})


def text_form(answer: str) -> str:
    """The words, with runs of white space collapsed."""
    return _SPACE.sub(" ", answer[:MAX_NORMALISED]).strip() + answer[MAX_NORMALISED:]


def choice_form(answer: str) -> str:
    """The letter alone, in upper case."""
    return answer.strip().strip("().[]*$ ").upper()


def number_form(answer: str) -> str:
    """``$1,000.0`` becomes ``1000``, ``50%`` becomes ``50``; text that is not a number is only stripped."""
    text = answer.strip()
    if len(text) > MAX_NORMALISED:
        return text
    bare = text.translate(_DASHES)
    for sign in ("\\$", "\\%", "$", "€", "£", "%", " "):
        bare = bare.replace(sign, "")
    number = parse_number(bare.rstrip("."))
    return number.text if number else text


def math_form(answer: str) -> str:
    """A tidy LaTeX spelling with the same meaning: ``\\dfrac12`` becomes ``1/2``, ``1,000.0`` ``1000``.

    Drops math fences, ``\\left``/``\\right``, thin spaces, currency signs, trailing units in ``\\text``,
    trailing degree signs and the percent sign of a plain number.
    """
    text = answer.strip()
    if len(text) > MAX_NORMALISED:
        return text
    text = _SPACE.sub(" ", text.translate(_DASHES)).strip()
    text = _unfence(text.rstrip(_BAD_TAIL + " ")).rstrip(_BAD_TAIL + " ")
    plain = _plain(text)
    if plain is not None:
        return plain
    text = text.replace("\\$", "")
    text = _GROUPS.sub("", text)
    text = _ESCAPED.sub(r"\\", text)
    text = _THIN.sub(" ", text)
    text = _FRACTION.sub(r"\\frac", text)
    text = _SHORT_FRACTION.sub(_braced, text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    text = _SHORT_SCRIPT.sub(r"\1{\2}", text)
    text = _UNIT.sub("", _SPACE.sub(" ", text).strip())
    text = _DEGREES.sub("", text)
    if word := _WORD.fullmatch(text):
        text = word[1]
    text = _LOOSE_SPACE.sub("", text).strip()
    plain = _plain(text)
    return text if plain is None else plain


def _plain(text: str) -> str | None:
    if text.endswith("%"):
        text = text[:-1].rstrip("\\ ")
    if _SPACED_DIGITS.fullmatch(text):
        text = text.replace(" ", "")
    number = parse_number(text.removeprefix("$"))
    return number.text if number else None


def _unfence(text: str) -> str:
    for start, end in _FENCES:
        inner = text[len(start) : -len(end)]
        if len(text) > len(start) + len(end) and text.startswith(start) and text.endswith(end):
            if start not in inner and end not in inner:
                return inner.strip()
            break
    return text


def _braced(found: re.Match[str]) -> str:
    short_top, top, short_bottom, bottom = found.groups()
    return f"\\frac{{{short_top or top}}}{{{short_bottom or bottom}}}"
