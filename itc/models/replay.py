"""Recorded samples in a model's place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from itc.backends.base import Sampling
from itc.backends.rating import RewardFormat
from itc.backends.replay import ReplayBackend
from itc.errors import ConfigError
from itc.models.settings import ModelSettings
from itc.runs.job import Engine
from itc.scorers.recorded import Recorded
from itc.tasks import Task
from itc.tasks.recorded import recordings


class ReplayModel(ModelSettings):
    """Samples that were recorded before; see `itc.backends.replay`."""

    backend: Literal["replay"]
    name: str = Field("recorded", min_length=1)
    path: str = ""
    """The file of samples; where empty, that of ``task=recorded``."""
    window: int = Field(1, ge=1)
    """Draws that each copy makes, where a strategy makes copies: 5 for ``sample(5).grow(…)``."""
    shuffle: bool = False
    """Whether the seed gives the order of a problem's samples; otherwise it changes nothing."""
    max_tokens: int = Field(0, ge=0)
    """0 for the longest that was recorded."""
    concurrency: int = Field(100_000, ge=1)

    def engine(self, task: Task, format: RewardFormat | None = None) -> Engine:  # noqa: A002
        """A `ReplayBackend` of the task's problems. ConfigError where the file has no samples of one."""
        if format is not None and not isinstance(format, Recorded):
            raise ConfigError(f"A recording cannot rate by {format.fingerprint}. Use scorer=recorded.")
        name, found = recordings(self.path or task.source, task)
        backend = ReplayBackend(name, found, self.window, self.shuffle)
        sampling = Sampling(
            self.temperature,
            max_tokens=self.max_tokens or backend.longest,
            logprobs=self.logprobs,
        )
        return Engine(backend, sampling, self._price(), self.concurrency, label=self.label)

    @property
    def label(self) -> str:
        """The file's own name."""
        return Path(self.path).name if self.path else self.name
