"""``itc check``: the public conformance suite on one method, scorer, frontier, splitter or backend."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from itc.console.terminal import emit, say, table
from itc.errors import CapabilityError, ConfigError, did_you_mean
from itc.testing.promise import Promise, Verdict, examine

BROKEN = 1
"""Exit code where a promise is not kept."""

_OVERRIDE = re.compile(r"[\w.@+/~-]+=")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Asked:
    """The command line."""

    words: tuple[str, ...]
    cases: int | None
    seed: int
    json: bool


def check(words: list[str]) -> int:
    """``itc check``. 0 where every promise is kept, else 1."""
    asked = _read(words)
    kind, subject = _backend(asked.words) if _OVERRIDE.match(asked.words[0]) else find(asked.words[0])
    verdicts = asyncio.run(_examined(kind, subject, asked))
    kept = all(v.kept for v in verdicts)
    if asked.json:
        emit(
            {
                "name": " ".join(asked.words),
                "kind": kind,
                "kept": kept,
                "promises": list(map(asdict, verdicts)),
            }
        )
        return 0 if kept else BROKEN
    rows = [
        ("kept" if v.kept else "BROKEN", v.says, f"{v.cases} case{'s'[: v.cases != 1]}") for v in verdicts
    ]
    table(("", "", ""), rows, title=f"{kind} {' '.join(asked.words)}")
    for v in verdicts:
        if not v.kept:
            say(f"\nBROKEN: {v.says}\n  {v.example}")
    return 0 if kept else BROKEN


def _read(words: Sequence[str]) -> Asked:
    left, values = [], {"--cases": "", "--seed": "0"}
    rest = iter(w for w in words if w != "--json")
    for word in rest:
        name, eq, value = word.partition("=")
        if name in values:
            values[name] = value if eq else next(rest, "")
        elif word.startswith("-"):
            raise ConfigError(f"itc check has no option {word!r}. {did_you_mean(word, values)}")
        else:
            left.append(word)
    if not left or (len(left) > 1 and not _OVERRIDE.match(left[0])):
        raise ConfigError(
            "itc check NAME: expected one name, as beam, or overrides of a model, as model=embedded."
        )
    for name, value in values.items():
        if value and not value.isdecimal():
            raise ConfigError(f"itc check {name} {value!r}: expected an integer ≥ 0.")
    cases = int(values["--cases"]) if values["--cases"] else None
    return Asked(tuple(left), cases, int(values["--seed"]), "--json" in words)


def find(name: str) -> tuple[str, Any]:
    """(kind, subject) of a registered name, an expression or an entry point. ConfigError if there is none."""
    library = import_module("itc.library")
    from itc.algebra.registry import FUNCTIONS, STRATEGIES
    from itc.algebra.text import CONSTANTS
    from itc.scorers.base import SCORERS

    if not _NAME.fullmatch(name):
        return _expression(name)
    if name in STRATEGIES:
        return _expression(f"{name}()")
    if name in SCORERS:
        return "scorer", SCORERS[name]
    for kind in ("frontier", "splitter"):
        if name in FUNCTIONS[kind]:
            return _expression(name)
    if name in library.PLUGINS:
        return _plugin(name, library.PLUGINS[name])
    known = (
        *STRATEGIES,
        *CONSTANTS,
        *SCORERS,
        *FUNCTIONS["frontier"],
        *FUNCTIONS["splitter"],
        *library.PLUGINS,
    )
    raise ConfigError(
        f"Nothing is called {name!r}. {did_you_mean(name, known)} A package of yours is found by an entry "
        "point of the group 'itc', a model by overrides: itc check model=embedded."
    )


def _expression(text: str) -> tuple[str, Any]:
    """A strategy; or the name or call of a frontier or splitter, which is read as an argument of one."""
    from itc.algebra.registry import FUNCTIONS
    from itc.library import parse
    from itc.stages.draws.splitters import checked
    from itc.stages.search.search import Search

    name = text.partition("(")[0].strip()
    if name in FUNCTIONS["splitter"]:
        return "splitter", checked(text, "itc check")
    if name in FUNCTIONS["frontier"]:
        called = text if "(" in text else f"{name}()"
        node = parse(f"search(step(), {called})")
        assert isinstance(node, Search)
        return "frontier", node.order_by
    return "strategy", parse(text)


def _plugin(name: str, offered: Any) -> tuple[str, Any]:
    """What an entry point offers: a registered function, a scorer, or something that makes a backend."""
    from itc.algebra.registry import STRATEGIES, Ref
    from itc.algebra.strategy import Strategy
    from itc.backends.base import Backend

    if isinstance(offered, Ref):
        return offered.kind, offered
    if isinstance(offered, Strategy):
        return "strategy", offered
    if callable(offered) and getattr(offered, "__name__", "") in STRATEGIES:
        return _expression(f"{offered.__name__}()")
    if hasattr(offered, "stepwise") and hasattr(offered, "bound"):
        return "scorer", offered
    made = offered() if callable(offered) and not isinstance(offered, Backend) else offered
    if isinstance(made, Backend):
        return "backend", made
    raise ConfigError(
        f"The entry point {name!r} offers a {type(offered).__name__}; expected a registered method, scorer, "
        "frontier or splitter, a backend, or a function without arguments that makes one."
    )


def _backend(overrides: Sequence[str]) -> tuple[str, Any]:
    """The reward model that the overrides name, or else the policy."""
    from itc.config import Settings
    from itc.console.arguments import read
    from itc.console.compose import compose

    (composed,) = compose(read(list(overrides)))
    if composed.error is not None:
        raise composed.error
    settings = Settings.read(composed.config)
    if found := settings.scorer.reward_model:
        model, read_by = found
        return "backend", model.reward(read_by)
    return "backend", settings.model.made()


async def _examined(kind: str, subject: Any, asked: Asked) -> list[Verdict]:
    if kind != "backend":
        suites = {"strategy": "methods"}
        module = import_module(f"itc.testing.{suites.get(kind, kind + 's')}")
        promises: tuple[Promise, ...] = module.PROMISES
        return await examine(subject, promises, asked.cases, asked.seed)
    from itc.testing.backends import promises_of

    async with AsyncExitStack() as stack:
        stack.push_async_callback(subject.close)
        # Some servers are asked what they tell of their tokens only where it is needed.
        for needs in (frozenset({"logprobs", "alternatives", "confidence"}), frozenset({"logprobs"})):
            try:
                await subject.open(needs)
                break
            except CapabilityError:
                continue
        else:
            await subject.open(frozenset())
        return await examine(subject, promises_of(subject), asked.cases, asked.seed)
