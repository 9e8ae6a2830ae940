"""The configuration: one strict model, read from plain data, and what it builds.

Names are looked up in registries; nothing in a configuration names code. A key that is not known is an
error that suggests the nearest one that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from itc.algebra.context import Scorer
from itc.algebra.registry import STRATEGIES
from itc.algebra.strategy import Strategy
from itc.algebra.text import call
from itc.backends.rating import RewardFormat
from itc.budget.cost import UNLIMITED, Amount, Budget
from itc.errors import ConfigError, TaskError, did_you_mean
from itc.library import parse
from itc.models import EmbeddedModel, Model, Played
from itc.runs.job import Engine, Errors, Job
from itc.scorers.base import SCORERS, ModelScorer
from itc.scorers.judge import JUDGES, JudgeScorer, judged
from itc.scorers.prm import FORMATS, format_named
from itc.tasks import Task, loader
from itc.tasks import load as load_task
from itc.validation import Strict, arguments, explain, signature_model, storable


class JudgeSettings(Strict):
    """What a judge is asked, how often, and how its replies are read: as in the stage `judge`."""

    prompt: str
    k: int = Field(1, ge=1)
    reading: str = "verdict"
    role: str = "judge"
    invalid: float | None = Field(None, ge=0, le=1)
    temperature: float | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, ge=1)


class ScorerSettings(Strict):
    """What plays the part that strategies call ``prm``: a registered function by name, a judge by name or by
    its settings, or a reward model, by the name of its format and the model that is read by it."""

    name: str = "none"
    role: str = "prm"
    model: Model | None = None
    judge: JudgeSettings | None = None

    @property
    def judging(self) -> JudgeScorer | None:
        """The judge under the name that strategies score by; None where the scorer is none. ConfigError."""
        if self.judge is not None:
            return judged(self.role, **self.judge.model_dump())
        return JUDGES[self.name].named(self.role) if self.name in JUDGES else None

    @property
    def reward_model(self) -> tuple[Model, RewardFormat] | None:
        """The model and its format; None for a function or none. ConfigError for an unknown name, and where
        a name and a model do not go together."""
        functions = ("none", *SCORERS)
        if self.name not in (*functions, *FORMATS):
            suggestion = did_you_mean(self.name, (*functions, *FORMATS))
            raise ConfigError(f"Unknown scorer {self.name!r}. {suggestion}")
        if self.judge is not None and self.name not in JUDGES:
            raise ConfigError(
                f"scorer.judge goes with a judge, and scorer.name={self.name!r} is none. Expected one of "
                f"{', '.join(sorted(JUDGES))}."
            )
        if self.name not in FORMATS:
            if self.model is not None:
                raise ConfigError(
                    f"scorer.model goes with a reward model, and scorer.name={self.name!r} is none. Expected "
                    f"one of {', '.join(sorted(FORMATS))}."
                )
            return None
        model = self.model or (
            EmbeddedModel(backend="embedded", name="prm") if self.name == EMBEDDED else None
        )
        if model is None:
            raise ConfigError(
                f"scorer.name={self.name!r} is a reward model, and scorer.model is missing: set "
                "scorer.model.backend, .name and what else says where it is, as configs/scorer/ does."
            )
        return model, format_named(self.name)


class UnitSettings(Strict):
    """Caps by unit; null for none."""

    calls: int | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0)
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)
    flops: int | None = Field(None, ge=0)
    usd: float | None = Field(None, ge=0)
    idealised_seconds: float | None = Field(None, ge=0)
    sequential_tokens: int | None = Field(None, ge=0)

    def budget(self) -> Budget:
        """As a budget."""
        caps: dict[str, Amount | None] = {f: getattr(self, f) for f in UnitSettings.model_fields}
        return Budget.of(caps)


class BudgetSettings(UnitSettings):
    """``usd`` and ``seconds`` cap the whole run, the other units each problem; ``run`` and ``problem`` say
    otherwise."""

    seconds: float | None = Field(None, gt=0)
    run: UnitSettings = UnitSettings()
    problem: UnitSettings = UnitSettings()

    def scopes(self) -> tuple[Budget, Budget]:
        """(whole run, each problem)."""
        whole, each = (self.budget() & Budget.of({"seconds": self.seconds})).scopes()
        return whole & self.run.budget(), each & self.problem.budget()


class ErrorSettings(Strict):
    """A run stops when more problems than this have failed."""

    most: int | None = Field(None, ge=0)
    fraction: float = Field(0.1, ge=0, le=1)


class Settings(Strict):
    """Everything that makes a run."""

    task: dict[str, Any]
    model: Model
    roles: dict[str, Played] = Field(default_factory=dict)
    """Further models; a name in place of one is the role whose model plays this part too."""
    scorer: ScorerSettings = ScorerSettings()
    strategy: dict[str, Any]
    budget: BudgetSettings = BudgetSettings()
    seed: int = 0
    problems: int | None = Field(None, ge=1)
    workspace: str = Field("runs", min_length=1)
    in_flight: int = Field(512, ge=1)
    errors: ErrorSettings = ErrorSettings()

    @staticmethod
    def read(data: Mapping[str, Any]) -> Settings:
        """From plain data. ConfigError that names each wrong key and what would be right."""
        storable(data)
        try:
            return Settings.model_validate(data)
        except ValidationError as error:
            raise ConfigError(explain(error, Settings)) from None

    def _styled(self) -> dict[str, Any]:
        # A chat model is asked in a chat's manner and a base model by example, unless the task says.
        options = dict(self.task)
        if options.get("style", "") is None:
            options["style"] = "chat" if self.model.chats else "completion"
        return options

    def _played(self, role: str, other: str, engines: Mapping[str, Engine]) -> Engine:
        models = {"policy", *(name for name, model in self.roles.items() if not isinstance(model, str))}
        if other not in models:
            raise ConfigError(
                f"roles.{role}={other!r}: no model of its own plays that role. {did_you_mean(other, models)} "
                "A role is played by another's model, as roles.judge=policy, or by its own, as "
                "+model@roles.judge=openai."
            )
        return engines[other]

    def job(self, yaml: str = "") -> Job:
        """Load the task, build the strategy and the engines. ConfigError, TaskError."""
        strategy, name = strategy_of(self.strategy)
        task = task_of(self._styled())
        if self.problems is not None:
            task = task.head(self.problems)
        run, problem = self.budget.scopes()
        engines = {"policy": self.model.engine(task)}
        for role, model in self.roles.items():
            if role in engines:
                raise ConfigError("roles.policy: the policy is set by model=.")
            if not isinstance(model, str):
                with _within(f"roles.{role}"):
                    engines[role] = model.engine(task)
        for role, other in self.roles.items():
            if isinstance(other, str):
                engines[role] = self._played(role, other, engines)
        scorers = scorers_of(self.scorer)
        if found := self.scorer.reward_model:
            model, read_by = found
            with _within("scorer.model"):
                engines[self.scorer.role] = model.engine(task, read_by)
        return Job(
            task=task,
            strategy=strategy,
            engines=engines,
            scorers=scorers,
            run_budget=run,
            problem_budget=problem,
            seed=self.seed,
            workspace=Path(self.workspace),
            name=name,
            in_flight=self.in_flight,
            errors=Errors(self.errors.most, self.errors.fraction),
            config={"yaml": yaml},
        )


@contextmanager
def _within(place: str) -> Iterator[None]:
    """A model names its settings as the policy's are named: in messages of another, where they stand."""
    try:
        yield
    except ConfigError as error:
        raise type(error)(re.sub(r"(?<![\w.])model\.", f"{place}.", str(error))) from None


EMBEDDED = "embedded"
"""The format of the reward model shipped with the package, which is the model where none is named."""


def scorers_of(settings: ScorerSettings) -> dict[str, Scorer]:
    """Every registered scorer under its name, and the chosen one under its role too. ConfigError."""
    known: dict[str, Scorer] = dict(SCORERS)
    if found := settings.reward_model:
        known[settings.role] = ModelScorer(settings.role, stepwise=found[1].output != "sequence")
    elif judge := settings.judging:
        known[settings.name], known[settings.role] = judge.named(settings.name), judge
    elif settings.name != "none":
        known[settings.role] = known[settings.name]
    return known


def task_of(options: Mapping[str, Any]) -> Task:
    """The task ``name`` with its options."""
    rest = dict(options)
    name = rest.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError("task.name is missing. Choose one with task=.")
    model = signature_model(name, loader(name), f"Task {name!r} takes any options; expected named ones.")
    try:
        checked = arguments(model, rest, "task")
    except ConfigError as error:
        raise TaskError(str(error)) from None
    try:
        return load_task(name, **checked)
    except TaskError as error:
        path = checked.get("path")
        raise TaskError(
            f"task.path={error}" if path and str(error).startswith(path) else str(error)
        ) from error


def strategy_of(options: Mapping[str, Any]) -> tuple[Strategy, str]:
    """A method by name and arguments, or with ``name: expression`` the text of one; and a short name."""
    rest = dict(options)
    name = rest.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError("strategy.name is missing. Choose one with strategy=.")
    if name == "expression":
        text = rest.pop("text", None)
        if rest or not isinstance(text, str):
            raise ConfigError("strategy=expression takes strategy.text, an expression, and nothing else.")
        return parse(text), text
    varied = f"strategy={name} takes strategies: write it as an expression, strategy='{name}(…)'."
    model = signature_model(name, STRATEGIES[name], varied)
    made = call(STRATEGIES[name], name, [], arguments(model, rest, "strategy"))
    if not isinstance(made, Strategy):
        raise ConfigError(f"strategy.name={name!r} makes a {type(made).__name__}; expected a strategy.")
    return made, name


__all__ = ["UNLIMITED", "Settings", "strategy_of", "task_of"]
