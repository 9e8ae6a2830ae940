"""The options of a command that takes no overrides: what is wrong with them is one paragraph."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from itc.errors import ConfigError


class Options:
    """A parser for ``itc name``; ``--json`` is one of its options."""

    def __init__(self, name: str, expected: str) -> None:
        self.name, self.expected = name, expected
        """How the command is used, for errors."""
        self._parser = argparse.ArgumentParser(prog=f"itc {name}", add_help=False, exit_on_error=False)
        self.add = self._parser.add_argument
        self.add("--json", action="store_true")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Options may stand anywhere among names. ConfigError for one that is unknown or has no value."""
        try:
            options, rest = self._parser.parse_known_intermixed_args(list(words))
        except argparse.ArgumentError as error:
            raise ConfigError(f"itc {self.name}: {error}. {self.expected}") from None
        if rest:
            raise self.wrong(rest[0])
        return options

    def wrong(self, what: str) -> ConfigError:
        """The error for words that make no sense."""
        return ConfigError(f"itc {self.name} {what} makes no sense. {self.expected}")
