"""Strategies typed as text: ``strategy='sample(16) >> vote()'`` in one pair of shell quotes.

Hydra's grammar would want a second pair, and a comma would mean a sweep. Here an override of ``strategy``
that is no name of an option becomes two overrides, of the option ``expression`` and of its quoted text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module

from itc.errors import ConfigError, did_you_mean

_OPTION = re.compile(r"[\w./-]+")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_SWEEP = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag|extend_list)\s*\(")
"""Functions of Hydra's own grammar."""
_KEYS = ("strategy", "+strategy")
_OPENING, _CLOSING = "([{", ")]}"


def rewrite(overrides: Sequence[str], multirun: bool) -> list[str]:
    """The overrides with every expression quoted for Hydra, in the same order.

    ConfigError for several expressions without ``-m``, and for arguments beside an expression.
    """
    keys = [o.partition("=")[0] for o in overrides]
    beside = [o for o, k in zip(overrides, keys, strict=True) if k.lstrip("+").startswith("strategy.")]
    done: list[str] = []
    for override, key in zip(overrides, keys, strict=True):
        value = override.partition("=")[2].strip()
        if key in _KEYS and _is_text(value):
            done += _as_text(key, _items(value), multirun, beside)
        elif key.lstrip("+") == "strategy.text" and value and not _hydra_quoted(value):
            items = _items(value) if multirun else [value]
            done.append(f"{key}={','.join(map(quote, items))}")
        else:
            done.append(override)
    return done


def split(text: str) -> list[str]:
    """The parts between commas that are in no brackets and no quotes."""
    parts, depth, start, quoted = [], 0, 0, ""
    i = 0
    while i < len(text):
        c = text[i]
        if quoted:
            if c == "\\":
                i += 1
            elif c == quoted:
                quoted = ""
        elif c in "'\"":
            quoted = c
        elif c in _OPENING:
            depth += 1
        elif c in _CLOSING:
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    return [*parts, text[start:]]


def quote(text: str) -> str:
    """A text as one quoted string of Hydra's grammar, in which nothing is interpolated."""
    from hydra.core.override_parser.types import Quote, QuotedString

    # A dollar can only stand in a string of the expression, where Python reads \x24 as one.
    text = re.sub(r"(?<!\\)\$\{", r"\\x24{", text)
    return QuotedString(text, Quote.double).with_quotes()


def _is_text(value: str) -> bool:
    if value.startswith("[") or _SWEEP.match(value):
        return False
    return any(not _OPTION.fullmatch(item.strip()) for item in split(value) if item.strip())


def _items(value: str) -> list[str]:
    return [_unquoted(item.strip()) for item in split(value) if item.strip()]


def _hydra_quoted(value: str) -> bool:
    return all(_QUOTED.fullmatch(item.strip()) for item in split(value))


def _unquoted(item: str) -> str:
    # An expression never begins with a quote: whoever quoted it for Hydra was right too.
    if _QUOTED.fullmatch(item):
        return item[1:-1].replace("\\" + item[0], item[0])
    return item


def _as_text(key: str, items: list[str], multirun: bool, beside: Iterable[str]) -> list[str]:
    if len(items) > 1 and not multirun:
        raise ConfigError(
            f"strategy={', '.join(items)}: {len(items)} strategies. Add -m to run each; or pool them with |."
        )
    for override in beside:
        raise ConfigError(
            f"{override} goes with a strategy chosen by its name, and {items[0]!r} is an expression: write "
            "its arguments inside, as in 'beam(n=16, m=4) >> vote()'."
        )
    texts = [_called(item) if _OPTION.fullmatch(item) else item for item in items]
    return [f"{key}=expression", f"strategy.text={','.join(map(quote, texts))}"]


def _called(name: str) -> str:
    import_module("itc.library")
    from itc.algebra.registry import STRATEGIES
    from itc.algebra.text import CONSTANTS

    if name in CONSTANTS:
        return name
    if name in STRATEGIES:
        return f"{name}()"
    raise ConfigError(
        f"strategy={name} beside expressions: expected a registered strategy. "
        f"{did_you_mean(name, (*STRATEGIES, *CONSTANTS))}"
    )
