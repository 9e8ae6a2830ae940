"""What every kind of model has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import Field

from itc.backends.base import Backend, Sampling
from itc.backends.rating import RewardFormat
from itc.budget.flops import Architecture
from itc.budget.known import known
from itc.budget.prices import Price
from itc.errors import ConfigError
from itc.pricing import HardwareSettings, priced
from itc.runs.job import Engine
from itc.tasks import Task
from itc.validation import Strict


class PriceSettings(Strict):
    """US dollars a million tokens."""

    prompt: float = Field(0.0, ge=0)
    cached: float | None = Field(None, ge=0)
    completion: float = Field(0.0, ge=0)


class ModelSettings(Strict):
    """What every model has: how it samples by default, what it costs, how many calls it takes at once."""

    backend: str
    name: str = Field(min_length=1)
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    min_p: float = Field(0.0, ge=0, le=1)
    max_tokens: int = Field(512, ge=1)
    step_tokens: int = Field(256, ge=1)
    stop: list[str] = Field(default_factory=list)
    step: str | None = Field(None, min_length=1)
    logprobs: bool = True
    confidence: int = Field(0, ge=-1)
    price: PriceSettings = PriceSettings()
    architecture: str = ""
    """Its ``config.json``, the folder of it, or the name of well-known weights on the hub, by which FLOPs are
    counted; where empty, that of the model's own folder or name, if it is one whose architecture is known."""
    hardware: HardwareSettings = HardwareSettings()
    concurrency: int = Field(64, ge=1)

    def made(self) -> Backend:
        """The backend, not yet open."""
        raise ConfigError(f"model.backend={self.backend!r} cannot be run.")

    def reward(self, format: RewardFormat) -> Backend:  # noqa: A002
        """The backend that rates steps by a reward model of this kind, not yet open. ConfigError where this
        kind of model cannot."""
        raise ConfigError(f"scorer.model.backend={self.backend!r} cannot rate by {format.fingerprint}.")

    def engine(self, task: Task, format: RewardFormat | None = None) -> Engine:  # noqa: A002
        """The engine, with the task's stops and step delimiter; with a format that of a reward model."""
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
            self.confidence,
        )
        backend = self.made() if format is None else self.reward(format)
        return Engine(backend, sampling, self._price(), self.concurrency, label=self.label)

    def _price(self) -> Price:
        price = Price(**self.price.model_dump(), architecture=self._architecture())
        return priced(price, self.hardware, self.name)

    def _architecture(self) -> Architecture | None:
        """ConfigError where what was named holds none."""
        if self.architecture:
            return known(self.architecture) or Architecture.read(Path(self.architecture).expanduser())
        with suppress(ConfigError):
            return Architecture.read(self._folder())
        return known(str(self._folder()))

    def _folder(self) -> Path:
        return Path(self.name).expanduser()

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.name

    @property
    def chats(self) -> bool:
        """Whether it is asked in a chat's manner."""
        return False
