"""Several roles in one argument."""

from __future__ import annotations

from itc.errors import ConfigError


def roles(names: str, what: str) -> tuple[str, ...]:
    """The roles in a text, apart by spaces; one may stand there several times. ConfigError for none."""
    found = tuple(names.split()) if isinstance(names, str) else ()
    if not found:
        raise ConfigError(f"{what}={names!r}: expected roles apart by spaces, as 'policy second'.")
    return found
