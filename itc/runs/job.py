"""A run, resolved: everything the runner needs, and the hash of what affects its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from itc import __version__
from itc.algebra.context import Role, Scorer
from itc.algebra.control import Within
from itc.algebra.strategy import Strategy, count
from itc.backends.adaptive import AdaptiveLimit, Growth
from itc.backends.base import WHOLE, Backend, Sampling, confidence_needs
from itc.backends.breaker import Breaker
from itc.backends.coalesce import Coalesce
from itc.backends.deadline import Clock, Decisions, TimeCap
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.backends.limits import Limit
from itc.backends.retry import Retry, RetryPolicy
from itc.budget.cost import UNLIMITED, Budget
from itc.budget.prices import FREE, Price
from itc.errors import CapabilityError, ConfigError, did_you_mean
from itc.runs.recorded_draws import check_recorded
from itc.tasks.base import Task

FORMAT = 4
"""Raised when a change to itc changes what a run of the same configuration would find."""


@dataclass(frozen=True)
class Engine:
    """A model in a role, and how it is called."""

    backend: Backend
    sampling: Sampling = Sampling()  # noqa: RUF009 - frozen
    price: Price = FREE
    concurrency: int = 64
    """Calls in flight at most."""
    n_max: int = 1
    """Draws of one prompt in one call at most."""
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen
    label: str = ""
    """What tables call the model; its fingerprint where empty."""
    adaptive: bool = False
    """Whether fewer calls are in flight while the server refuses more, and at first."""

    def stack(
        self, journal: Journal, clock: Clock | None, decisions: Decisions, replay_only: bool
    ) -> Journaled:
        """The engine in its middleware: journalled, capped in time, coalesced, retried, limited."""
        called = Breaker(self.backend, self.retry.patience)
        if self.adaptive:
            limit: Limit = AdaptiveLimit(called, Growth(self.concurrency, longest=self.retry.total_deadline))
        else:
            limit = Limit(called, self.concurrency)
        backend: Backend = Coalesce(Retry(limit, self.retry), self.n_max)
        if clock is not None:
            backend = TimeCap(backend, clock, decisions)
        return Journaled(backend, journal, replay_only=replay_only)


@dataclass(frozen=True)
class Errors:
    """How many problems may fail before the run stops. A failed problem counts as wrong.

    ConfigError for a number below 0, or a fraction outside of [0,1].
    """

    most: int | None = None
    """Problems; None for no such limit, 0 to stop at the first that fails."""
    fraction: float = 0.1
    """Of all problems; one may fail in any case, unless it is 0."""

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 0:
            raise ConfigError(f"errors.most={self.most!r}: expected a number of problems ≥ 0, or none.")
        if not 0 <= self.fraction <= 1:
            raise ConfigError(f"errors.fraction={self.fraction!r}: expected a fraction in [0,1].")

    def too_many(self, failed: int, total: int) -> bool:
        """Whether a run of ``total`` problems stops when ``failed`` of them have failed."""
        if self.most is not None and failed > self.most:
            return True
        spared = max(1.0, self.fraction * total) if self.fraction else 0.0
        return failed > spared or failed == total == 1


@dataclass(frozen=True)
class Job:
    """What to run, on what, within what."""

    task: Task
    strategy: Strategy
    engines: Mapping[str, Engine]
    scorers: Mapping[str, Scorer] = field(default_factory=dict)
    run_budget: Budget = UNLIMITED
    problem_budget: Budget = UNLIMITED
    seed: int = 0
    workspace: Path = Path("runs")
    name: str = "strategy"
    """A short name of the strategy, for the run directory."""
    in_flight: int = 512
    """Problems worked on at once."""
    errors: Errors = Errors()
    config: Mapping[str, Any] = field(default_factory=dict)
    """The resolved configuration, to be kept with the run."""

    def identity(self) -> dict[str, Any]:
        """Everything that affects the results, and nothing else: not addresses, limits or folders."""
        seen = [
            (e.problem.id, e.problem.question, e.problem.prompt, e.problem.system, e.gold, e.level)
            for e in self.task.examples
        ]
        playing = {"policy", *(role for role, _ in self._pairs())}
        return {
            "format": FORMAT,
            "itc": __version__,
            "task": self.task.name,
            "rule": self.task.rule,
            "problems": blake2b(orjson.dumps(seen), digest_size=16).hexdigest(),
            "strategy": str(self.strategy),
            "engines": {
                role: [e.backend.fingerprint, asdict(e.sampling), asdict(e.price), e.n_max]
                for role, e in sorted(self.engines.items())
                if role in playing
            },
            "scorers": {n: self.scorers[n].fingerprint for n in sorted(self.strategy.needs.scorers)},
            "budget": [self.run_budget.stated(), self.problem_budget.stated()],
            "seed": self.seed,
        }

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of the identity."""
        blob = orjson.dumps(self.identity(), option=orjson.OPT_SORT_KEYS)
        return blake2b(blob, digest_size=4).hexdigest()

    @property
    def directory(self) -> Path:
        """``workspace/task/strategy/hash``."""
        return self.workspace / _slug(self.task.name) / _slug(self.name) / self.hash

    def needs(self) -> dict[str, frozenset[str]]:
        """The capabilities asked of each role. ConfigError for an unknown scorer or role."""
        pairs = self._pairs()
        for role in sorted({role for role, _ in pairs}):
            if role not in self.engines:
                raise ConfigError(
                    f"No model plays the role {role!r}. {did_you_mean(role, self.engines)} Set "
                    f"+roles.{role}=policy for the policy itself, or +model@roles.{role}=… for another model."
                )
            pairs |= {(role, each) for each in confidence_needs(self.engines[role].sampling.confidence)}
        return {role: frozenset(c for r, c in pairs if r == role and c) for role, _ in pairs}

    def _pairs(self) -> set[tuple[str, str]]:
        total = self.strategy.needs
        pairs = set(total.capabilities)
        for name in total.scorers:
            if name not in self.scorers:
                raise ConfigError(
                    f"The strategy scores with {name!r}, and no scorer has that name. "
                    f"{did_you_mean(name, self.scorers)} Choose one with scorer=, for example "
                    "scorer=embedded; `itc list configs` names them."
                )
            pairs |= self.scorers[name].needs
        return pairs

    def check(self) -> None:
        """ConfigError or CapabilityError for what can be known to be wrong before anything is spent."""
        for role, needed in self.needs().items():
            if "logprobs" in needed and not self.engines[role].sampling.logprobs:
                raise CapabilityError(
                    f"The strategy needs log-probabilities of the {role} model, which are switched off. "
                    "Set model.logprobs=true."
                )
            # Known without asking a server: no server tells it.
            if "vocabulary" in needed and "vocabulary" not in self.engines[role].backend.capabilities:
                raise CapabilityError(
                    f"confidence={WHOLE} asks the {role} model for the whole vocabulary at every token, "
                    "which it does not tell. Ask for some of the likeliest, as confidence=20, or use a model "
                    f"in process: model=vllm with model.max_logprobs={WHOLE}, or model=embedded."
                )
        for node in self.strategy.walk():
            node.check(self.scorers)
        self._check_counted()
        count(self.in_flight, "in_flight", 1)
        if not self.task.examples:
            raise ConfigError(f"Task {self.task.name} has no problems. Raise problems=, or check the file.")
        ids = Counter(e.problem.id for e in self.task.examples)
        if len(ids) < len(self.task.examples):
            twice = next(name for name, n in ids.items() if n > 1)
            raise ConfigError(
                f"Two problems of {self.task.name} have the id {twice!r}: they would share their draws. Give "
                "each problem an id of its own."
            )
        bare = {role: engine.backend for role, engine in self.engines.items()}
        check_recorded(self.strategy, self.roles(bare), self.scorers, {p.id: p for p in self.task.problems})

    def _check_counted(self) -> None:
        """A cap in a unit that a role's model does not count would hold nothing."""
        caps = [self.run_budget, self.problem_budget]
        caps += [node.cap for node in self.strategy.walk() if isinstance(node, Within)]
        flops = any(cap.flops != UNLIMITED.flops for cap in caps)
        time = any(cap.idealised_seconds != UNLIMITED.idealised_seconds for cap in caps)
        for role in self.needs():
            price = self.engines[role].price
            if flops and price.architecture is None:
                raise ConfigError(
                    f"A cap on FLOPs, and the architecture of the {role} model is not known: its FLOPs "
                    "cannot be counted. Set model.architecture (or the role's own) to its config.json."
                )
            if time and price.roofline is None:
                raise ConfigError(
                    f"A cap on idealised seconds, and the hardware of the {role} model is not known: its "
                    "time cannot be counted. Set its hardware.name, as in model.hardware.name=h100-sxm, "
                    "scorer.model.hardware.name=l4 or roles.judge.hardware.name=l4."
                )
            if price.roofline is not None:
                # Every model reads what the policy writes; prompts, which differ, are left out.
                price.roofline.check(self.engines["policy"].sampling.max_tokens, role)

    def roles(self, stacks: Mapping[str, Backend]) -> dict[str, Role]:
        """The roles that strategies see."""
        return {r: Role(s, self.engines[r].sampling, self.engines[r].price) for r, s in stacks.items()}


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:40].strip(".") or "run"
