"""The configuration: one strict model, read from plain data, and what it builds.

Names are looked up in registries; nothing in a configuration names code. A key that is not known is an
error that suggests the nearest one that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    create_model,
)

from itc.algebra.context import Scorer
from itc.algebra.registry import STRATEGIES
from itc.algebra.strategy import Strategy
from itc.algebra.text import call
from itc.backends.base import Backend, Sampling
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.backends.retry import RetryPolicy
from itc.budget.cost import UNLIMITED, Amount, Budget
from itc.budget.prices import Price
from itc.errors import ConfigError, did_you_mean
from itc.library import parse
from itc.runs.job import Engine, Errors, Job
from itc.scorers.base import SCORERS, ModelScorer
from itc.tasks import Task
from itc.tasks import load as load_task


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, validate_default=True)


class PriceSettings(_Strict):
    """US dollars a million tokens."""

    prompt: float = Field(0.0, ge=0)
    cached: float | None = Field(None, ge=0)
    completion: float = Field(0.0, ge=0)


class RetrySettings(_Strict):
    """How often a failed call is repeated, and for how many seconds at most."""

    attempts: int = Field(5, ge=1)
    first_delay: float = Field(0.5, ge=0)
    longest_delay: float = Field(30.0, ge=0)
    total_deadline: float = Field(1800.0, gt=0)


class ModelSettings(_Strict):
    """What every model has: how it samples by default, what it costs, how many calls it takes at once."""

    backend: str
    name: str = Field(min_length=1)
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    min_p: float = Field(0.0, ge=0, le=1)
    max_tokens: int = Field(512, ge=1)
    step_tokens: int = Field(256, ge=1)
    stop: list[str] = []
    step: str | None = Field(None, min_length=1)
    logprobs: bool = True
    price: PriceSettings = PriceSettings()
    concurrency: int = Field(64, ge=1)

    def made(self) -> Backend:
        """The backend, not yet open."""
        raise ConfigError(f"model.backend={self.backend!r} cannot be run.")

    def engine(self, task: Task) -> Engine:
        """The engine, with the task's stops and step delimiter."""
        sampling = Sampling(
            self.temperature,
            self.top_p,
            self.top_k,
            self.min_p,
            self.max_tokens,
            self.step_tokens,
            tuple(dict.fromkeys((*task.stop, *self.stop))),
            task.step_delimiter if self.step is None else self.step,
            self.logprobs,
        )
        return Engine(
            self.made(), sampling, Price(**self.price.model_dump()), self.concurrency, label=self.label
        )

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.name

    @property
    def chats(self) -> bool:
        """Whether it is asked in a chat's manner."""
        return False


class ServedModel(ModelSettings):
    """A model behind an OpenAI-compatible server."""

    backend: Literal["openai"] = "openai"
    base_url: str = "http://127.0.0.1:8000/v1"
    revision: str = ""
    api: Literal["completions", "chat"] = "completions"
    api_key_env: str = "OPENAI_API_KEY"
    chat_template: str = ""
    continuation: Literal["auto", "continue_final_message", "prefill", "none"] = "auto"
    extra_body: dict[str, Any] = {}
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    usage: Literal["strict", "bound"] = "strict"
    n_max: int = Field(16, ge=1)
    deadline: float = Field(600.0, gt=0)
    retry: RetrySettings = RetrySettings()

    def made(self) -> Backend:
        """An `OpenAIBackend`."""
        own = {f.name for f in dataclass_fields(OpenAIConfig)}
        return OpenAIBackend(OpenAIConfig(**{k: v for k, v in self if k in own}))

    def engine(self, task: Task) -> Engine:
        """With retries, and several draws in one call."""
        policy = RetryPolicy(**self.retry.model_dump())
        return replace(super().engine(task), n_max=self.n_max, retry=policy)

    @property
    def chats(self) -> bool:
        """Over the chat interface, or with a chat's template."""
        return self.api == "chat" or bool(self.chat_template)


class EmbeddedModel(ModelSettings):
    """A model that ships with the package, or a folder in its layout, run in process by NumPy."""

    backend: Literal["embedded"]
    name: str = Field("policy", min_length=1)
    max_tokens: int = Field(256, ge=1)
    step_tokens: int = Field(64, ge=1)
    concurrency: int = Field(100_000, ge=1)
    """The engine batches whatever waits: no need to hold calls back."""

    def made(self) -> Backend:
        """An `EmbeddedBackend`."""
        from itc.backends.embedded.backend import EmbeddedBackend

        return EmbeddedBackend(self.name)

    @property
    def label(self) -> str:
        """Tells it from a served model of the same name."""
        return f"embedded {self.name}"


def _kind(data: Any) -> str:
    kind = data.get("backend", "openai") if isinstance(data, Mapping) else getattr(data, "backend", "")
    return kind if isinstance(kind, str) else ""


Model = Annotated[
    Annotated[ServedModel, Tag("openai")] | Annotated[EmbeddedModel, Tag("embedded")], Discriminator(_kind)
]
"""Any kind of model, told apart by ``backend``."""


class ScorerSettings(_Strict):
    """A registered scorer to play the part that strategies call ``prm``."""

    name: str = "none"
    role: str = "prm"


class UnitSettings(_Strict):
    """Caps by unit; null for none."""

    calls: int | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0)
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)
    flops: int | None = Field(None, ge=0)
    usd: float | None = Field(None, ge=0)
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


class ErrorSettings(_Strict):
    """A run stops when more problems than this have failed."""

    most: int | None = Field(None, ge=0)
    fraction: float = Field(0.1, ge=0, le=1)


class Settings(_Strict):
    """Everything that makes a run."""

    task: dict[str, Any]
    model: Model
    roles: dict[str, Model] = {}
    scorer: ScorerSettings = ScorerSettings()
    strategy: dict[str, Any]
    budget: BudgetSettings = BudgetSettings()
    seed: int = 0
    problems: int | None = Field(None, ge=1)
    workspace: str = "runs"
    in_flight: int = Field(512, ge=1)
    errors: ErrorSettings = ErrorSettings()

    @staticmethod
    def read(data: Mapping[str, Any]) -> Settings:
        """From plain data. ConfigError that names each wrong key and what would be right."""
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
            engines[role] = model.engine(task)
        scorers = scorers_of(self.scorer)
        if self.scorer.name == EMBEDDED:
            engines[self.scorer.role] = EmbeddedModel(backend="embedded", name="prm").engine(task)
            scorers[self.scorer.role] = ModelScorer(self.scorer.role)
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


EMBEDDED = "embedded"
"""The scorer that is the reward model shipped with the package."""


def scorers_of(settings: ScorerSettings) -> dict[str, Scorer]:
    """Every registered scorer under its name, and the chosen one under its role too."""
    known: dict[str, Scorer] = dict(SCORERS)
    if settings.name not in ("none", EMBEDDED):
        if settings.name not in known:
            suggestion = did_you_mean(settings.name, (*known, "none", EMBEDDED))
            raise ConfigError(f"Unknown scorer {settings.name!r}. {suggestion}")
        known[settings.role] = known[settings.name]
    return known


def model_of(data: Mapping[str, Any]) -> ModelSettings:
    """A model's settings from plain data. ConfigError that names each wrong key."""
    adapter: TypeAdapter[ModelSettings] = TypeAdapter(Model)
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise ConfigError(explain(error, ServedModel, "model")) from None


def task_of(options: Mapping[str, Any]) -> Task:
    """The task ``name`` with its options."""
    rest = dict(options)
    name = rest.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError("task.name is missing. Choose one with task=.")
    return load_task(name, **rest)


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
    factory = STRATEGIES[name]
    model = _signature_model(name)
    try:
        checked = model.model_validate(rest)
    except ValidationError as error:
        raise ConfigError(explain(error, model, "strategy")) from None
    made = call(factory, name, [], dict(checked))
    if not isinstance(made, Strategy):
        raise ConfigError(f"strategy.name={name!r} makes a {type(made).__name__}; expected a strategy.")
    return made, name


def _signature_model(name: str) -> type[BaseModel]:
    import inspect
    from typing import get_type_hints

    factory = STRATEGIES[name]
    hints = get_type_hints(factory)
    fields: dict[str, Any] = {}
    for p in inspect.signature(factory).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ConfigError(
                f"strategy={name} takes strategies: write it as an expression, strategy='{name}(…)'."
            )
        fields[p.name] = (hints[p.name], ... if p.default is p.empty else p.default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(name, __config__=config, **fields)


_KINDS: dict[str, type[BaseModel]] = {"openai": ServedModel, "embedded": EmbeddedModel}


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """One line for each wrong key: what was given, what was expected, what to try."""
    lines = []
    for e in error.errors():
        # The tag of a kind of model stands in the place, and in no configuration.
        tag = next((str(part) for part in e["loc"] if part in _KINDS), "")
        path = [str(part) for part in e["loc"] if part not in _KINDS]
        key = ".".join([prefix, *path] if prefix else path)
        if e["type"] == "extra_forbidden":
            known = list(_KINDS[tag].model_fields) if tag else _fields_at(model, path[:-1])
            lines.append(f"Unknown key {key}. {did_you_mean(path[-1], known)}")
        elif e["type"] == "missing":
            lines.append(f"{key} is missing: set {key}=….")
        else:
            lines.append(f"{key}={e['input']!r}: {e['msg'][0].lower()}{e['msg'][1:]}.")
    return "\n".join(lines)


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)


__all__ = ["UNLIMITED", "Settings", "explain", "strategy_of", "task_of"]
