"""itc: spend compute at inference time, and know what each token bought."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from itc.algebra.control import route as route
    from itc.algebra.parallel import empty as empty
    from itc.algebra.parallel import race as race
    from itc.algebra.registry import predicate as predicate
    from itc.algebra.registry import prompt as prompt
    from itc.algebra.registry import router as router
    from itc.algebra.registry import strategy as strategy
    from itc.algebra.sequence import identity as identity
    from itc.algebra.strategy import Strategy as Strategy
    from itc.api import run as run
    from itc.backends.function import FunctionBackend as FunctionBackend
    from itc.budget.cost import Budget as Budget
    from itc.budget.cost import Cost as Cost
    from itc.library import parse as parse
    from itc.methods.beam import beam as beam
    from itc.methods.best_of_n import best_of_n as best_of_n
    from itc.methods.particle_filter import particle_filter as particle_filter
    from itc.methods.self_consistency import self_consistency as self_consistency
    from itc.runs.rows import Result as Result
    from itc.scorers.base import scorer as scorer
    from itc.stages.extend import annotate as annotate
    from itc.stages.extend import rewrite as rewrite
    from itc.stages.extend import sample as sample
    from itc.stages.extend import step as step
    from itc.stages.fuse import fuse as fuse
    from itc.stages.fuse import restart as restart
    from itc.stages.resample import resample as resample
    from itc.stages.resample import reweight as reweight
    from itc.stages.score import score as score
    from itc.stages.select import distinct as distinct
    from itc.stages.select import top as top
    from itc.stages.select import vote as vote
    from itc.types import Candidate as Candidate
    from itc.types import Population as Population
    from itc.types import Problem as Problem
    from itc.types import Step as Step

# Imported on first use: `import itc` and `itc --help` stay instant.
_HOMES = {
    "itc.algebra.control": ("route",),
    "itc.algebra.parallel": ("empty", "race"),
    "itc.algebra.registry": ("predicate", "prompt", "router", "strategy"),
    "itc.algebra.sequence": ("identity",),
    "itc.algebra.strategy": ("Strategy",),
    "itc.api": ("run",),
    "itc.backends.function": ("FunctionBackend",),
    "itc.budget.cost": ("Budget", "Cost"),
    "itc.library": ("parse",),
    "itc.methods.beam": ("beam",),
    "itc.methods.best_of_n": ("best_of_n",),
    "itc.methods.particle_filter": ("particle_filter",),
    "itc.methods.self_consistency": ("self_consistency",),
    "itc.runs.rows": ("Result",),
    "itc.scorers.base": ("scorer",),
    "itc.stages.extend": ("annotate", "rewrite", "sample", "step"),
    "itc.stages.fuse": ("fuse", "restart"),
    "itc.stages.resample": ("resample", "reweight"),
    "itc.stages.score": ("score",),
    "itc.stages.select": ("distinct", "top", "vote"),
    "itc.types": ("Candidate", "Population", "Problem", "Step"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'itc' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
