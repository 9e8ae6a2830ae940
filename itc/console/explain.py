"""Hydra's and OmegaConf's errors in one paragraph: what was given, what was expected, what to try."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from itc.errors import ConfigError

_KEY = re.compile(r"(?:Could not override|Could not delete from config\.|Could not delete) '([^']+)'")
_MERGING = re.compile(r"Error merging override (.+)", re.DOTALL)
_AMBIGUOUS = re.compile(r"Ambiguous value for argument '(.+)'$", re.MULTILINE)
_NEEDS_MULTIRUN = re.compile(r"Sweep parameters '(.+)' requires --multirun")
_PRESENT = re.compile(r"An item is already at '([^']+)'")
_NO_GROUP = re.compile(r"Override (\S+) looks like a config group override")


def explained(error: Exception, overrides: Sequence[str], folders: Sequence[Path]) -> ConfigError | None:
    """The error as a ConfigError; None for one that is no fault of the configuration.

    ``folders`` are searched for what the user may have meant.
    """
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, ConfigError):
        return error
    if isinstance(error, OverrideParseException):
        return ConfigError(_grammar(error.override, error.message))
    if isinstance(error, MissingConfigException):
        return ConfigError(_no_option(error))
    if isinstance(error, HydraException):
        return ConfigError(_composition(error, overrides, folders))
    if isinstance(error, OmegaConfBaseException):
        return ConfigError(_value(error))
    if isinstance(error, RecursionError):
        return ConfigError("Configurations that include each other without end: see the defaults of each.")
    if isinstance(error, ValueError) and str(error).startswith("Config group override"):
        return ConfigError(_no_name(overrides, folders))
    if type(error).__module__.startswith("yaml."):
        return ConfigError(f"A configuration file is not YAML: {_flat(str(error))}.")
    return None


def suggestion(key: str, known: Iterable[str]) -> str:
    """A sentence that names the key meant, as far as it can be told."""
    names = sorted(set(known))
    by_end = [name for name in names if name.rpartition(".")[2] == key]
    # A key without a dot is the nearest to others without one.
    beside = [name for name in names if name.count(".") == key.count(".")]
    close = get_close_matches(key, beside, n=1, cutoff=0.85)
    if by_end and not (close and close[0] == key):
        return f"Did you mean `{'` or `'.join([*close, *by_end][:3])}`?"
    near = close or get_close_matches(key, names, n=1, cutoff=0.6)
    if not near and "." in key:
        # The group is right and the rest is not: name what the group has.
        inside = [name for name in names if name.startswith(key.partition(".")[0] + ".")]
        return f"Known: {', '.join(inside)}." if inside else "See itc run --cfg job for every key."
    return f"Did you mean `{near[0]}`?" if near else "See itc run --cfg job for every key."


def known_keys(overrides: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Groups, and every key of the configuration that the choices among the overrides make."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    if not folders:
        return []
    groups = set(_groups(folders))
    chosen = [o for o in overrides if o.partition("=")[0].lstrip("+") in groups and "," not in o]
    more = (
        [f"hydra.searchpath=[{','.join(f'file://{f.resolve()}' for f in folders[1:])}]"]
        if folders[1:]
        else []
    )
    for attempt in (chosen, []):
        try:
            with initialize_config_dir(str(folders[0]), version_base="1.3"):
                config = OmegaConf.to_container(compose("config", [*attempt, *more]), throw_on_missing=False)
        except Exception:  # noqa: S112 - a suggestion is a courtesy: it must not hide the error itself
            continue
        return [*groups, *_paths(config)]
    return sorted(groups)


def _groups(folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        for inner in sorted(folder.iterdir()) if folder.is_dir() else ():
            if inner.is_dir() and not inner.name.startswith("_") and any(inner.glob("*.yaml")):
                yield inner.name


def _paths(config: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(config, dict):
        for key, value in config.items():
            yield f"{prefix}{key}"
            yield from _paths(value, f"{prefix}{key}.")


def _grammar(override: str, message: str) -> str:
    if "=" not in override:
        return f"{override!r} is not an override: expected KEY=VALUE, for example strategy.n=4."
    reason = _flat(message.split("See https")[0]).rstrip(".")
    key, _, value = override.partition("=")
    return (
        f"{override!r} cannot be read: {reason}. Expected KEY=VALUE; a value with spaces, commas or brackets "
        f"wants quotes of its own inside the shell's: {key}='\"{value}\"'."
    )


def _no_name(overrides: Sequence[str], folders: Sequence[Path]) -> str:
    """Of a group that is given something other than the name of an option."""
    groups = set(_groups(folders))
    for override in overrides:
        key, _, value = override.partition("=")
        if key.lstrip("+") in groups and (value in ("null", "true", "false") or re.match(r"[-+\d.{]", value)):
            return f"{override}: expected the name of an option of {key.lstrip('+')}. See itc list configs."
    return "A group of the configuration takes the name of an option. See itc list configs."


def _no_option(error: Any) -> str:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    options = [o for o in error.options or () if not o.startswith("_")]
    if not group or not options:
        return f"There is no configuration {missing!r}. {_flat(str(error).split('Config search path')[0])}"
    near = get_close_matches(name, options, n=1, cutoff=0.5)
    meant = f"Did you mean `{group}={near[0]}`? " if near else ""
    text = f"{group}={name}: there is no such option. {meant}Options: {', '.join(options)}."
    if group == "strategy":
        if _registered(name):
            return (
                f"strategy={name} names no configuration, but a function that is registered: write it as an "
                f"expression, strategy='{name}()', or add strategy/{name}.yaml to a folder of your own and "
                "name that by --config-dir."
            )
        text += " Or write an expression: strategy='sample(16) >> vote()'."
    return text


def _registered(name: str) -> bool:
    import_module("itc.library")
    from itc.algebra.registry import STRATEGIES

    return name in STRATEGIES


def _composition(error: Exception, overrides: Sequence[str], folders: Sequence[Path]) -> str:
    text = str(error)
    if found := _AMBIGUOUS.search(text) or _NEEDS_MULTIRUN.search(text):
        return f"{found[1]} holds several values: add -m to run each, or write a list as KEY=[…]."
    if found := _KEY.search(text) or _NO_GROUP.search(text):
        key = found[1].partition("=")[0]
        known = known_keys(overrides, folders)
        if key in known and any(o.startswith("~") for o in overrides):
            return f"{key} has no value to be left out: set {key}=…, or leave the ~ out."
        return f"Unknown key {key}. {suggestion(key, known)}"
    if "does not support sweep type" in text:
        return (
            "interval(LOW,HIGH) has no end of values to combine. List some, as 0.4,0.8, or let itc sweep "
            "choose among them: sweep.sampler=tpe."
        )
    if found := _PRESENT.search(text):
        return f"{found[1]} is there already: write it without the leading +."
    cause = error.__cause__ or error.__context__
    if found := _MERGING.search(text):
        return f"{found[1]!r} does not fit: {_flat(str(cause))}."
    if not text and cause is not None:
        return _value(cause)
    return _flat(text)


def _value(error: BaseException) -> str:
    first, *rest = str(error).splitlines() or [""]
    key = next((line.split(":", 1)[1].strip() for line in rest if line.strip().startswith("full_key:")), "")
    return f"{key}: {first}." if key else f"{_flat(str(error))}"


def _flat(text: str) -> str:
    return " ".join(text.split())
