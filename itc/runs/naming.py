"""Which runs are one method at several sizes, and what each is called.

A method is a strategy but for its whole numbers, and the models it ran on: ``beam`` at n = 4, 16 and 64 is
one method at three sizes. Where two numbers vary, the first is the size and each value of the other a method.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

import itc.library  # noqa: F401 - registers the stages that texts name
from itc.algebra.registry import STRATEGIES
from itc.runs.result import Result

_WHOLE = re.compile(r"(?<![\w.])\d+(?![\w.])")
_LONGEST = 40
"""Characters of what tells one method from another of its name."""
_UNNUMBERED = re.compile(r"\b([a-z_]\w*)\((?=\)|[a-z_]+=)")
"""A call that begins with no positional argument: its name."""


@dataclass(frozen=True)
class Size:
    """Runs that differ in their seeds alone."""

    parts: tuple[str, ...]
    """The whole numbers of the strategy, then its budget."""
    runs: tuple[Result, ...]

    @property
    def label(self) -> str:
        return str(self.runs[0].manifest.get("name") or self.runs[0].manifest.get("strategy"))


def by_method(runs: Sequence[Result]) -> dict[str, list[Size]]:
    """Sizes by the name of their method, both in the order of the runs."""
    groups: dict[tuple[str, ...], dict[tuple[str, ...], list[Result]]] = {}
    for run in runs:
        m = run.manifest
        text, identity = _spelled(str(m.get("strategy"))), m.get("identity") or {}
        # What a run was called is a part only where it is a method's name: else it repeats the strategy.
        name = str(m.get("name")) if str(m.get("name")).isidentifier() else ""
        key = (name, _WHOLE.sub("#", text), _json([identity.get("engines"), identity.get("scorers")]))
        parts = (*_WHOLE.findall(text), _budget(identity))
        groups.setdefault(key, {}).setdefault(parts, []).append(run)
    named: list[tuple[str, list[Size]]] = []
    for found in groups.values():
        sizes = [Size(parts, tuple(same)) for parts, same in found.items()]
        named += [(_name(part), part) for part in _split(sizes)]
    return _told_apart(named)


def _spelled(strategy: str) -> str:
    """With the first number of every call, which the text leaves out where it is the default: one draw is a
    size like others."""

    def first(found: re.Match[str]) -> str:
        if found[1] not in STRATEGIES:
            return found[0]
        parameter = next(iter(inspect.signature(STRATEGIES[found[1]]).parameters.values()), None)
        if parameter is None or type(parameter.default) is not int:
            return found[0]
        return found[0] + str(parameter.default) + ("" if strategy[found.end()] == ")" else ", ")

    return _UNNUMBERED.sub(first, strategy)


def _split(sizes: list[Size]) -> list[list[Size]]:
    """By the number other than the first that varies which leaves the fewest methods, each with sizes of its
    own."""
    varying = _varying(sizes)
    if not varying or _distinct(sizes, varying[0]):
        return [sizes]
    ways = []
    for at in varying[1:]:
        classes: dict[str, list[Size]] = {}
        for size in sizes:
            classes.setdefault(size.parts[at], []).append(size)
        if all(_distinct(part, varying[0]) for part in classes.values()):
            ways.append(list(classes.values()))
    return min(ways, key=len, default=[[size] for size in sizes])


def _varying(sizes: Sequence[Size]) -> list[int]:
    return [i for i, values in enumerate(zip(*(s.parts for s in sizes), strict=True)) if len(set(values)) > 1]


def _distinct(sizes: Sequence[Size], at: int) -> bool:
    return len({s.parts[at] for s in sizes}) == len(sizes)


def _name(sizes: Sequence[Size]) -> str:
    """The method's own name, or its strategy with n for the numbers that vary."""
    text = sizes[0].label
    if text.isidentifier():
        return text
    strategy = _spelled(str(sizes[0].runs[0].manifest.get("strategy")))
    varying, numbers = set(_varying(sizes)), iter(range(len(sizes[0].parts)))
    return _WHOLE.sub(lambda found: "n" if next(numbers) in varying else found[0], strategy)


def labels_of(name: str, sizes: Sequence[Size]) -> list[str]:
    """A method's sizes: by the first number that varies, or that there is."""
    if not sizes[0].label.isidentifier():
        return [_with_budget(str(s.runs[0].manifest.get("strategy")), s.parts[-1]) for s in sizes]
    numbers = range(len(sizes[0].parts) - 1)
    at = next((i for i in _varying(sizes) if i in numbers), 0)
    base, space, told = name.partition(" ")
    return [
        _with_budget(base + (f"({s.parts[at]})" if numbers else "") + space + told, s.parts[-1])
        for s in sizes
    ]


def _with_budget(text: str, budget: str) -> str:
    return f"{text}, {budget}" if budget else text


def _budget(identity: Mapping[str, Any]) -> str:
    whole, each = identity.get("budget") or ({}, {})
    told = [f"{unit} ≤ {cap:,g} a problem" for unit, cap in each.items()]
    return ", ".join(told + [f"{unit} ≤ {cap:,g} in all" for unit, cap in whole.items()])


def _told_apart(named: Sequence[tuple[str, list[Size]]]) -> dict[str, list[Size]]:
    """Methods of one name get what differs: the model, how was sampled, a stage, a number, or else a mark."""
    found: dict[str, list[Size]] = {}
    for name, sizes in named:
        rivals = [other for n, other in named if n == name and other is not sizes]
        label = name if not rivals else f"{name}{_difference(sizes, rivals)}"
        while label in found:
            label = f"{label}′"
        found[label] = sizes
    return found


def _difference(sizes: Sequence[Size], rivals: Sequence[Sequence[Size]]) -> str:
    mine, others = sizes[0], [other[0] for other in rivals]
    model = str(mine.runs[0].manifest.get("model"))
    if any(str(o.runs[0].manifest.get("model")) != model for o in others):
        return f" on {model}"
    sampled = _sampling(mine)
    differ = [k for k, v in sampled.items() if any(_sampling(o).get(k) != v for o in others)]
    if differ:
        return " with " + ", ".join(f"{k.removeprefix('policy.')}={sampled[k]}" for k in differ)
    terms = [_terms(o) for o in others]
    mine_alone = [text for masked, text in _terms(mine).items() if any(masked not in t for t in terms)]
    if mine_alone:
        told = " >> ".join(mine_alone)
        return f" with {told if len(told) <= _LONGEST else told[: _LONGEST - 1] + '…'}"
    own = _varying(sizes)[:1]
    others = [o for o in others if len(o.parts) == len(mine.parts)]
    fixed = [i for i, x in enumerate(mine.parts) if i not in own and any(o.parts[i] != x for o in others)]
    return f" with {mine.parts[fixed[-1]]}" if fixed else ""


def _terms(size: Size) -> dict[str, str]:
    """The stages of a strategy's text, by themselves without their numbers."""
    text = _spelled(str(size.runs[0].manifest.get("strategy")))
    return {_WHOLE.sub("#", term): term for term in text.split(" >> ")}


def _sampling(size: Size) -> dict[str, str]:
    """Fields of what was sampled, by role."""
    engines = (size.runs[0].manifest.get("identity") or {}).get("engines") or {}
    return {
        f"{role}.{field}": str(value)
        for role, engine in engines.items()
        for field, value in engine[1].items()
    }


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
