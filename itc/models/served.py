"""A model behind a server that speaks the OpenAI protocol, or behind one that is started for the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from itc.backends import llama
from itc.backends.base import Backend
from itc.backends.openai import OpenAIBackend
from itc.backends.openai_config import OpenAIConfig
from itc.backends.pooling import PoolingBackend
from itc.backends.rating import Output, RewardFormat
from itc.backends.retry import RetryPolicy
from itc.backends.serve import KEY_ENV, Served, Server, vllm_command
from itc.backends.spread import Spread
from itc.backends.transport import Secret
from itc.errors import ConfigError
from itc.models.settings import ModelSettings
from itc.runs.job import Engine
from itc.tasks import Task
from itc.validation import Strict


class RetrySettings(Strict):
    """How often a failed call is repeated, and for how many seconds at most."""

    attempts: int = Field(5, ge=1)
    first_delay: float = Field(0.5, ge=0)
    longest_delay: float = Field(30.0, ge=0)
    total_deadline: float = Field(1800.0, gt=0)
    patience: float = Field(60.0, ge=0)


class ServerSettings(Strict):
    """The server that ``model.serve=true`` starts on this machine."""

    engine: Literal["vllm", "llama.cpp"] = "vllm"
    model: str = ""
    """A checkpoint's folder, or its name on the hub; for llama.cpp a .gguf file, or an installed package that
    holds one. Where empty, the model's name."""
    dtype: str = "auto"
    max_model_len: int | None = Field(None, ge=1)
    deadline: float = Field(600.0, gt=0)
    """Seconds until it must be healthy."""
    launcher: list[str] = Field(default_factory=list)
    """What starts it: by default this Python's own vLLM or llama.cpp."""
    args: list[str] = Field(default_factory=list)
    """Further arguments of it."""


_LISTENS = {"vllm": "http://127.0.0.1:8000/v1", "llama.cpp": "http://127.0.0.1:8080/v1"}
"""Where a server listens unless it is told otherwise."""


class ServedModel(ModelSettings):
    """A model behind an OpenAI-compatible server, or several; or behind one that is started for the run."""

    backend: Literal["openai"] = "openai"
    base_url: str | Annotated[list[str], Field(min_length=1)] | None = "http://127.0.0.1:8000/v1"
    """None for where ``server.engine`` listens by default."""
    revision: str = ""
    api: Literal["completions", "chat"] = "completions"
    api_key_env: str = "OPENAI_API_KEY"
    chat_template: str = ""
    tokenizer: str = ""
    continuation: Literal["auto", "continue_final_message", "prefill", "none"] = "auto"
    extra_body: dict[str, Any] = Field(default_factory=dict)
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    usage: Literal["strict", "bound"] = "strict"
    n_max: int = Field(16, ge=1)
    adaptive: bool = True
    """Whether fewer calls than ``concurrency`` are in flight at first, and while the server refuses more. A
    server that is started for the run refuses none."""
    deadline: float = Field(600.0, gt=0)
    retry: RetrySettings = RetrySettings()
    serve: bool | None = False
    """Whether a server is started for the run; None for just where no ``base_url`` names one."""
    server: ServerSettings = ServerSettings()

    @property
    def starts(self) -> bool:
        """Whether a server is started for the run."""
        return self.base_url is None if self.serve is None else self.serve

    @property
    def urls(self) -> list[str]:
        """The addresses of the servers that run already."""
        if self.base_url is None:
            return [_LISTENS[self.server.engine]]
        urls = self.base_url.split(",") if isinstance(self.base_url, str) else self.base_url
        return [url.strip() for url in urls]

    def made(self) -> Backend:
        """An `OpenAIBackend`, or one for each address; with ``serve``, behind a server of its own."""
        return self._placed(OpenAIBackend)

    def reward(self, format: RewardFormat) -> Backend:  # noqa: A002
        """A `PoolingBackend` that rates by ``format``, placed likewise."""

        def make(config: OpenAIConfig, secret: Secret | None) -> Backend:
            return PoolingBackend(config, format, secret)

        return self._placed(make, format.output)

    def _placed(
        self, make: Callable[[OpenAIConfig, Secret | None], Backend], rates: Output | None = None
    ) -> Backend:
        own = {f.name for f in dataclass_fields(OpenAIConfig)}
        fields = {k: v for k, v in self if k in own}

        def at(url: str, secret: Secret | None = None) -> Backend:
            return make(OpenAIConfig(**{**fields, "base_url": url}), secret)

        if self.starts:
            return Served(at, self._server(rates))
        urls = self.urls
        return at(urls[0]) if len(urls) == 1 else Spread({url: at(url) for url in urls})

    def _server(self, rates: Output | None) -> Server:
        s = self.server
        model = s.model or self.name
        if s.engine == "vllm":
            command = vllm_command(
                model,
                self.name,
                dtype=s.dtype,
                max_model_len=s.max_model_len,
                rates=rates,
                launcher=s.launcher,
                args=s.args,
            )
            return Server(command, s.deadline, KEY_ENV)
        if rates is not None or s.dtype != "auto":
            what = "reward model" if rates is not None else f"model.server.dtype={s.dtype}"
            raise ConfigError(
                f"model.server.engine=llama.cpp serves no {what}: it draws, from weights in the type that "
                "their file has. Set model.server.engine=vllm."
            )
        command = llama.llama_command(
            model,
            self.name,
            parallel=self.concurrency,
            max_model_len=s.max_model_len,
            launcher=s.launcher,
            args=s.args,
        )
        return Server(command, s.deadline, llama.KEY_ENV)

    def engine(self, task: Task, format: RewardFormat | None = None) -> Engine:  # noqa: A002
        """With retries, several draws in one call, and as many calls as the server takes."""
        policy = RetryPolicy(**self.retry.model_dump())
        made = super().engine(task, format)
        return replace(made, n_max=self.n_max, retry=policy, adaptive=self.adaptive and not self.starts)

    def _folder(self) -> Path:
        return Path(self.server.model or self.name).expanduser()

    @property
    def chats(self) -> bool:
        """Over the chat interface, or with a chat's template."""
        return self.api == "chat" or bool(self.chat_template)
