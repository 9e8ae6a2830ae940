"""``itc list``: the names that configurations and expressions may use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from itc.console.compose import config_folder
from itc.console.terminal import emit, say, table
from itc.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from itc.algebra.registry import Kind

Found = dict[str, dict[str, str]]
"""Section, name, what it takes and is."""


def listing(words: list[str]) -> int:
    """``itc list``."""
    asked = [word for word in words if word != "--json"]
    names = [word for word in asked if word not in _SECTIONS]
    told = _described(names) if names else {}
    sections = [word for word in asked if word in _SECTIONS] if asked else _SECTIONS
    found: Found = {name: _SECTIONS[name]() for name in sections}
    if "--json" in words:
        emit({**found, **told})
        return 0
    for i, (section, entries) in enumerate(found.items()):
        if i:
            say()
        table(("", ""), [(name, about) for name, about in sorted(entries.items())], title=section)
    if told:
        say("\n\n".join(told.values()))
    return 0


def _described(names: Sequence[str]) -> dict[str, str]:
    """Each thing of these names: what it takes, and all that its docstring says. ConfigError."""
    import_module("itc.library")
    from itc.algebra.registry import FUNCTIONS, STRATEGIES
    from itc.scorers.base import SCORERS
    from itc.tasks import loader, task_names

    told = {name: f"{name}\n\n{getattr(s, 'about', '')}" for name, s in SCORERS.items()}
    told |= {name: _documented(name, loader(name)) for name in task_names()}
    for registry in (*FUNCTIONS.values(), STRATEGIES):
        told |= {name: _documented(name, registry[name]) for name in registry}
    for name in names:
        if name not in told:
            # Of some two hundred names only a near one is worth telling.
            near = did_you_mean(name, {*_SECTIONS, *get_close_matches(name, told, n=1, cutoff=0.55)})
            raise ConfigError(f"itc list {name}: no section, and nothing that can be chosen. {near}")
    return {name: told[name] for name in names}


def _documented(name: str, f: Callable[..., Any]) -> str:
    """Its call and docstring, after that of a module of its own, with the paper."""
    module = inspect.getmodule(f)
    alone = module is not None and module.__name__.rpartition(".")[2] == name
    about = inspect.getdoc(module) if alone else None
    return "\n\n".join(filter(None, (f"{name}{signature(f)}", about, inspect.getdoc(f))))


def _called(home: str) -> dict[str, str]:
    import_module("itc.library")
    from itc.algebra.registry import STRATEGIES

    return {name: signature(f) for name in STRATEGIES if (f := STRATEGIES[name]).__module__.startswith(home)}


def _strategies() -> dict[str, str]:
    """What is no stage of the package's own: methods, operators and what others registered."""
    stages = _called("itc.stages")
    return {name: told for name, told in _called("").items() if name not in stages}


def _stages() -> dict[str, str]:
    return _called("itc.stages")


def _functions(kind: Kind) -> dict[str, str]:
    import_module("itc.library")
    from itc.algebra.registry import FUNCTIONS

    # The first two arguments are given by whoever calls it.
    registry = FUNCTIONS[kind]
    return {name: signature(partial(registry[name], None, None)) for name in registry}


def _scorers() -> dict[str, str]:
    import_module("itc.library")
    from itc.scorers.base import SCORERS

    told = {name: getattr(s, "about", "") for name, s in SCORERS.items()}
    return {name: " ".join(text.split("\n\n")[0].split()) for name, text in told.items()}


def _formats() -> dict[str, str]:
    import_module("itc.library")
    from itc.scorers.prm.registry import FORMATS

    told = {name: inspect.getdoc(inspect.getmodule(f)) or "" for name, f in FORMATS.items()}
    return {name: " ".join(text.split("\n\n")[0].split()) for name, text in told.items()}


def _tasks() -> dict[str, str]:
    from itc.tasks import loader, task_names

    return {name: signature(loader(name)) for name in task_names()}


def _configs() -> dict[str, str]:
    groups = sorted(p for p in config_folder().iterdir() if p.is_dir() and p.name != "local")
    return {
        group.name: ", ".join(sorted(f.stem for f in group.glob("*.yaml") if not f.stem.startswith("_")))
        for group in groups
        if not group.name.startswith("_")
    }


def signature(f: Callable[..., Any]) -> str:
    """The arguments of a function and their defaults, without the types."""
    parts = []
    for p in inspect.signature(f).parameters.values():
        star = "*" if p.kind == p.VAR_POSITIONAL else "**" if p.kind == p.VAR_KEYWORD else ""
        parts.append(star + (p.name if p.default is p.empty else f"{p.name}={p.default!r}"))
    return f"({', '.join(parts)})"


_SECTIONS: dict[str, Callable[[], dict[str, str]]] = {
    "strategies": _strategies,
    "stages": _stages,
    "frontiers": partial(_functions, "frontier"),
    "splitters": partial(_functions, "splitter"),
    "scorers": _scorers,
    "formats": _formats,
    "tasks": _tasks,
    "configs": _configs,
}
