"""The arguments of ``itc run`` and ``itc plan``: flags in any order among overrides."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from itc.errors import ConfigError, did_you_mean

_SHORT = {
    "-m": "--multirun",
    "-c": "--cfg",
    "-p": "--package",
    "-i": "--info",
    "-cd": "--config-dir",
    "-cn": "--config-name",
    "-sc": "--shell-completion",
    "-r": "--run",
}
_PLAIN = ("--multirun", "--resolve", "--hydra-help", "--shell-completion", "--json", "--run")
_VALUED = {
    "--cfg": ("job", "hydra", "all"),
    "--package": (),
    "--config-dir": (),
    "--config-name": (),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
_INSPECT = ("--cfg", "--info", "--hydra-help", "--shell-completion")


@dataclass(frozen=True)
class Arguments:
    """What was typed, taken apart."""

    typed: tuple[str, ...]
    overrides: tuple[str, ...]
    flags: dict[str, str | None]
    """Long name of each flag and its value; None for a flag without one."""

    @property
    def multirun(self) -> bool:
        """Whether combinations of comma-separated values are to be run."""
        return "--multirun" in self.flags

    @property
    def json(self) -> bool:
        """Whether a machine reads standard output."""
        return "--json" in self.flags

    @property
    def inspects(self) -> bool:
        """Whether the configuration is only to be shown."""
        return any(flag in self.flags for flag in _INSPECT)

    @property
    def config_dir(self) -> str | None:
        """The user's own folder of configurations."""
        return self.flags.get("--config-dir")

    def for_hydra(self) -> list[str]:
        """The flags as Hydra takes them."""
        words = []
        for flag, value in self.flags.items():
            if flag not in ("--json", "--run"):
                words += [flag] if value is None else [f"{flag}={value}"]
        return words

    def command(self, name: str) -> str:
        """The command line that gives these arguments to ``itc name``."""
        return shlex.join(["itc", name, *(word for word in self.typed if word != "--json")])


def read(words: Sequence[str]) -> Arguments:
    """Take arguments apart. ConfigError for an unknown flag, or one whose value is missing or wrong."""
    flags: dict[str, str | None] = {}
    overrides: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            overrides.append(word)
            continue
        name, _, inline = word.partition("=")
        name = _SHORT.get(name, name)
        if name in _PLAIN and not inline:
            flags[name] = None
        elif name in _VALUED:
            flags[name] = inline or _value(name, left)
        else:
            known = did_you_mean(name, (*_PLAIN, *_VALUED))
            raise ConfigError(f"Unknown option {word!r}. {known} An override is written without dashes.")
    _check(flags)
    return Arguments(tuple(words), tuple(overrides), flags)


def _value(name: str, left: list[str]) -> str:
    if name == "--info" and (not left or left[0] not in _VALUED[name]):
        return "all"
    if not left or left[0].startswith("-"):
        choices = " or ".join(_VALUED[name]) or "a value"
        raise ConfigError(f"{name} stands alone: expected {choices} after it.")
    return left.pop(0)


def _check(flags: dict[str, str | None]) -> None:
    for name, value in flags.items():
        choices = _VALUED.get(name)
        if choices and value not in choices:
            raise ConfigError(
                f"{name} {value}: expected {', '.join(choices)}. {did_you_mean(value or '', choices)}"
            )
    doing = [f for f in (*_INSPECT, "--multirun", "--run") if f in flags]
    if len(doing) > 1:
        raise ConfigError(f"{' and '.join(doing)} exclude each other: expected one of them.")
    if "--resolve" in flags and "--cfg" not in flags:
        raise ConfigError("--resolve goes with --cfg: try --cfg job --resolve.")
