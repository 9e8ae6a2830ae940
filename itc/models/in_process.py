"""Models that run in this process: those that ship with the package, and vLLM's."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from itc.backends.base import Backend
from itc.backends.rating import RewardFormat
from itc.backends.vllm.settings import VLLMConfig
from itc.models.settings import ModelSettings
from itc.scorers.prm.embedded import Embedded


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

    def reward(self, format: RewardFormat) -> Backend:  # noqa: A002
        """The same, which has its own reading of the format ``embedded``, and knows no other."""
        if not isinstance(format, Embedded):
            return super().reward(format)
        return self.made()

    def _folder(self) -> Path:
        from itc.backends.embedded.backend import MODELS

        return MODELS / self.name if (MODELS / self.name).is_dir() else super()._folder()

    @property
    def label(self) -> str:
        """Tells it from a served model of the same name."""
        return f"embedded {self.name}"


class VLLMModel(ModelSettings):
    """A checkpoint run by vLLM in process; fields as of `VLLMConfig`."""

    backend: Literal["vllm"]
    revision: str = ""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    memory_fraction: float = Field(0.9, gt=0, le=1)
    max_model_len: int | None = Field(None, ge=1)
    max_num_seqs: int | None = Field(None, ge=1)
    block_size: int | None = Field(None, ge=1)
    enforce_eager: bool = False
    batch_invariant: bool = False
    devices: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    chat_template: str = ""
    structured: dict[str, Any] = Field(default_factory=dict)
    max_logprobs: int = Field(20, ge=-1)
    concurrency: int = Field(100_000, ge=1)
    """The engine batches whatever waits: no need to hold calls back."""

    def made(self) -> Backend:
        """A `VLLMBackend`."""
        from itc.backends.vllm.backend import VLLMBackend

        return VLLMBackend(self._config)

    def reward(self, format: RewardFormat) -> Backend:  # noqa: A002
        """A `VLLMReward` that rates by ``format``."""
        from itc.backends.vllm.reward import VLLMReward

        return VLLMReward(self._config, format)

    @property
    def _config(self) -> VLLMConfig:
        own = {f.name for f in dataclass_fields(VLLMConfig)}
        given = {k: v for k, v in self if k in own}
        return VLLMConfig(**{**given, "model": self.name, "devices": tuple(self.devices)})

    @property
    def chats(self) -> bool:
        """With a chat's template."""
        return bool(self.chat_template)

    @property
    def label(self) -> str:
        """Its folder's own name, or the hub's."""
        return Path(self.name).name if Path(self.name).expanduser().is_dir() else self.name
