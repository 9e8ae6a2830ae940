"""A fitted policy as a file: how a problem is probed, into which bin it falls, and what each bin is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from itc.algebra.control import route
from itc.algebra.strategy import Strategy
from itc.algebra.text import parse
from itc.errors import ConfigError
from itc.stages.routing.difficulty import difficulty, edges_of


@dataclass(frozen=True)
class Policy:
    """``probe``, then the arm of the bin that the probe's candidates fall into, then ``choose``; each is the
    text of a strategy. Bins go from hard to easy, one more than ``edges``."""

    probe: str
    arms: tuple[str, ...]
    choose: str
    edges: tuple[float, ...]
    by: str | None = None
    """The score whose mean over the probe's candidates is a problem's ease; None for their agreement."""
    fitted: Mapping[str, Any] = field(default_factory=dict)
    """On what it was fitted, and what that promised: for the reader."""

    def __post_init__(self) -> None:
        edges_of(" ".join(map(str, self.edges)))
        if len(self.arms) != len(self.edges) + 1:
            raise ConfigError(
                f"A policy with {len(self.edges)} edges has {len(self.edges) + 1} bins; its arms are "
                f"{len(self.arms)}: expected one for each bin, from hard to easy."
            )

    def strategy(self) -> Strategy:
        """The policy as a strategy. ConfigError for a text that is none."""
        edges = " ".join(map(repr, self.edges))
        by = difficulty(edges=edges) if self.by is None else difficulty(by=self.by, edges=edges)
        arms = {f"bin{i}": parse(text) for i, text in enumerate(self.arms)}
        return parse(self.probe) >> route(by, **arms) >> parse(self.choose)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Policy:
        """The inverse of `write`. ConfigError for a file that is missing, or is no policy."""
        expected = "Expected a policy as itc.analysis.allocate fits it, with probe, arms, choose and edges."
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            texts = (told["probe"], *told["arms"], told["choose"])
            known = set(told) <= set(Policy.__dataclass_fields__)
            if not known or not all(isinstance(x, str) for x in texts):
                raise ConfigError(f"{path}: {expected}")
            edges = tuple(float(x) for x in told["edges"])
            by, fitted = told.get("by"), told.get("fitted", {})
            return Policy(told["probe"], tuple(told["arms"]), told["choose"], edges, by, fitted)
        except OSError as error:
            why = f"{path} cannot be read ({error.strerror})"
        except (ValueError, KeyError, TypeError) as error:
            why = f"{path}: {type(error).__name__}: {error}"
        raise ConfigError(f"{why}. {expected}")
