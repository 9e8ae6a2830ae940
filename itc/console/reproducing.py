"""Testing a recipe's claim: its runs, its figures, a verdict; or what keeps it from being tested here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from itc.backends.base import Request
from itc.backends.function import ALL, FunctionBackend
from itc.backends.replay import ReplayBackend
from itc.budget.cost import ZERO, Cost
from itc.budget.known import known
from itc.config import Settings
from itc.console.arguments import read
from itc.console.compose import Composed, compose
from itc.console.expressions import quote
from itc.console.interrupts import Interruptible
from itc.console.kept import Engines
from itc.console.measured import measured
from itc.console.progress import Shown, progress
from itc.console.recipe import Figure, Recipe, data_folder, placed, recipes_folder
from itc.errors import ConfigError, ItcError
from itc.models import ServedModel
from itc.runs.job import Job
from itc.runs.plan import plan
from itc.runs.result import Result
from itc.runs.runner import execute
from itc.runs.store import RunDirectory

Verdict = Literal["pass", "fail", "not run"]
_COUNTED = ("flops", "idealised_seconds", "usd")
"""Units that are 0 where an architecture, hardware or a price is not known."""


@dataclass(frozen=True)
class Found:
    """A figure, and what came of it here."""

    figure: Figure
    value: float

    @property
    def verdict(self) -> Verdict:
        """``pass`` within the recipe's tolerance."""
        return "pass" if self.figure.met(self.value) else "fail"


@dataclass(frozen=True)
class Outcome:
    """What came of a recipe."""

    name: str
    recipe: Recipe
    found: tuple[Found, ...] = ()
    calls: int = 0
    """Calls to models that were made now; draws of a recording are none."""
    spent: Cost = ZERO
    """By all its runs, replayed calls included."""
    seconds: float = 0.0
    """Wall clock, now."""
    ran: float = 0.0
    """Seconds of all its runs, those of earlier times and attempts included."""
    missing: tuple[str, ...] = ()
    """What it needs that is not here."""
    error: str = ""
    """Why its runs or figures failed."""
    worst_case: Mapping[str, Any] | None = None
    """Cost of all its runs at worst, by unit, where it was not run; None where that is not known."""

    @property
    def verdict(self) -> Verdict:
        """``pass`` if all figures do."""
        if self.missing:
            return "not run"
        return "fail" if self.error or any(f.verdict == "fail" for f in self.found) else "pass"


@dataclass(frozen=True)
class Place:
    """Where recipes are run."""

    data: Path | None
    workspace: str
    weights: Path | None = None
    """The folder of small weights."""

    @staticmethod
    def at(data: str, workspace: str) -> Place:
        """ConfigError where the data folder is not there."""
        return Place(data_folder(data), workspace)

    def composed(self, recipe: Recipe) -> dict[str, Composed]:
        """The configuration of each job. ConfigError where one does not compose."""
        folders = {
            "recipes": recipes_folder(),
            "data": self.data or Path("data"),
            "weights": self.weights or Path("weights"),
        }
        made = {}
        for job, overrides in recipe.jobs.items():
            words = [*placed(overrides, folders), f"workspace={quote(self.workspace)}"]
            (composed,) = compose(read(words))
            if composed.error is not None:
                raise composed.error
            made[job] = composed
        return made


def reproduce(
    name: str, recipe: Recipe, place: Place, signals: Interruptible, share: bool = False
) -> Outcome:
    """Run what can be run, and compare. ItcError only for recipes that do not compose. With ``share``, jobs
    use the same engine where they can, which is quicker and shows in their cached tokens."""
    if missing := recipe.needs.missing(place.data, place.weights):
        return Outcome(name, recipe, missing=tuple(missing), worst_case=worst_case(recipe, place))
    runs, started = _Runs(), time.monotonic()
    composed = place.composed(recipe)

    def outcome(found: tuple[Found, ...], error: str) -> Outcome:
        seconds = time.monotonic() - started
        return Outcome(name, recipe, found, runs.calls, runs.spent, seconds, runs.seconds, error=error)

    try:
        signals.run(runs.all(composed, Engines() if share else None))
        found = tuple(Found(figure, _value(figure, runs.results)) for figure in recipe.figures)
    except ItcError as error:
        return outcome((), str(error))
    failed = sum(bool(e) for result in runs.results.values() for e in result.column("rows", "error"))
    return outcome(found, f"{failed} problems failed; the same command tries them again" if failed else "")


def not_asked(name: str, recipe: Recipe) -> Outcome:
    """A recipe that was left out."""
    return Outcome(name, recipe, missing=("to be asked for",))


@dataclass
class _Runs:
    """The runs of a recipe, as far as they are done."""

    results: dict[str, Result] = field(default_factory=dict)
    calls: int = 0
    spent: Cost = ZERO
    seconds: float = 0.0

    async def all(self, composed: Mapping[str, Composed], engines: Engines | None) -> None:
        """One after the other."""
        try:
            for name, one in composed.items():
                settings = Settings.read(one.config)
                job = settings.job(one.yaml)
                recorded = all(isinstance(e.backend, ReplayBackend) for e in job.engines.values())
                if engines is not None:
                    job = engines.shared(job, settings)
                await self._one(name, job, recorded)
        finally:
            if engines is not None:
                await engines.close()

    async def _one(self, name: str, job: Job, recorded: bool) -> None:
        finished = RunDirectory(job.directory).manifest().get("status") == "finished"
        with progress(Shown(), len(job.task.examples)) as report:
            result = self.results[name] = await execute(job, report)
        self.spent += result.cost
        self.seconds += float(result.manifest["seconds"])
        if not finished and not recorded:
            self.calls += int(result.manifest.get("billed", {}).get("calls", 0))


def _value(figure: Figure, results: Mapping[str, Result]) -> float:
    value = measured(results[figure.job], figure.read)
    if figure.minus:
        return value - measured(results[figure.minus], figure.read)
    if figure.over:
        below = measured(results[figure.over], figure.read)
        if not below:
            raise ConfigError(
                f"{figure.name}: {figure.read} of the run {figure.over!r} is 0; nothing divides by it."
            )
        return value / below
    return value


def worst_case(recipe: Recipe, place: Place) -> dict[str, Any] | None:
    """What `itc plan` says of the longest question of each job, times its questions, in all: no less than the
    job's own worst case. Prompts are counted by their bytes. None where the questions are not here, or the
    architecture of a reward model is not known."""
    whole: dict[str, list[float | None]] = {}
    try:
        for one in place.composed(recipe).values():
            job = _planned(one)
            longest = max(job.task.examples, key=lambda e: len(e.problem.prompt.encode()))
            found = asyncio.run(plan(replace(job, task=replace(job.task, examples=(longest,)))))
            for unit, value in found.summary()["worst_case"].items():
                whole.setdefault(unit, []).append(None if value is None else value * len(job.task.examples))
    except ItcError:
        return None
    return {unit: _in_all(unit, values) for unit, values in whole.items()}


def _in_all(unit: str, values: Sequence[float | None]) -> float | None:
    """The sum; None where there is no bound, and 0 for what is not counted of one of the jobs."""
    if unit in _COUNTED and 0 in values:
        return 0
    known_ones = [value for value in values if value is not None]
    return sum(known_ones) if len(known_ones) == len(values) else None


def _planned(composed: Composed) -> Job:
    """The job on stand-ins of its models, which need no weights and no tokenizer, and whose calls cost the
    same."""
    config = dict(composed.config)
    config["model"] = _unloaded(config["model"])
    config["roles"] = {
        role: model if isinstance(model, str) else _unloaded(model) for role, model in config["roles"].items()
    }
    scorer = dict(config["scorer"])
    if scorer.get("model"):
        rated = scorer["model"]
        # A format that needs no tokenizer; which one it is shows in no bound.
        scorer["name"] = "embedded"
        scorer["model"] = {
            "backend": "embedded",
            "name": "prm",
            "architecture": rated["architecture"] or rated["name"],
            "hardware": rated["hardware"],
        }
    job = Settings.read({**config, "scorer": scorer}).job(composed.yaml)
    engines = {
        role: replace(engine, backend=FunctionBackend(_never, name=engine.label, capabilities=ALL))
        for role, engine in job.engines.items()
    }
    return replace(job, engines=engines)


def _unloaded(model: Mapping[str, Any]) -> dict[str, Any]:
    if model["backend"] != "vllm":
        return dict(model)
    kept = {key: value for key, value in model.items() if key in ServedModel.model_fields}
    named = model["architecture"] or (model["name"] if known(model["name"]) else "")
    return {**kept, "backend": "openai", "architecture": named, "concurrency": 64}


def _never(request: Request) -> str:
    raise ConfigError(f"A plan draws nothing, and was asked for {request.key}.")


def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many passed, failed, and were not run."""
    return {v: sum(o.verdict == v for o in outcomes) for v in ("pass", "fail", "not run")}
