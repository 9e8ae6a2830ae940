"""Everything that registers a name, imported once: stages, methods and scorers of this package."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from itc import algebra, frontiers, methods, scorers, stages
from itc.algebra.strategy import Strategy
from itc.algebra.text import parse as _parse
from itc.errors import ConfigError

for _package in (algebra, frontiers, stages, methods, scorers):
    for _module in pkgutil.walk_packages(_package.__path__, _package.__name__ + "."):
        importlib.import_module(_module.name)


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        package = point.dist.name if point.dist else point.value
        raise ConfigError(
            f"The entry point {point.name!r} of {package} does not load ({type(error).__name__}: {error}). "
            f"Mend or uninstall {package}."
        ) from error


PLUGINS: dict[str, Any] = {point.name: _loaded(point) for point in entry_points(group="itc")}
"""What other packages offer under the entry-point group ``itc``, by name. Loading it registered its names."""


def parse(text: str) -> Strategy:
    """The strategy that an expression describes. ConfigError with the place and the nearest known name."""
    return _parse(text)
