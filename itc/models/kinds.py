"""Any kind of model, told apart by ``backend``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from itc.errors import ConfigError
from itc.models.in_process import EmbeddedModel, VLLMModel
from itc.models.replay import ReplayModel
from itc.models.served import ServedModel
from itc.models.settings import ModelSettings
from itc.validation import explain, storable


def _kind(data: Any) -> str:
    kind = data.get("backend", "openai") if isinstance(data, Mapping) else getattr(data, "backend", "")
    return kind if isinstance(kind, str) else ""


Model = Annotated[
    Annotated[ServedModel, Tag("openai")]
    | Annotated[EmbeddedModel, Tag("embedded")]
    | Annotated[VLLMModel, Tag("vllm")]
    | Annotated[ReplayModel, Tag("replay")],
    Discriminator(_kind),
]
"""Any kind of model, told apart by ``backend``."""


def _played(data: Any) -> str:
    return "role" if isinstance(data, str) else _kind(data)


Played = Annotated[
    Annotated[ServedModel, Tag("openai")]
    | Annotated[EmbeddedModel, Tag("embedded")]
    | Annotated[VLLMModel, Tag("vllm")]
    | Annotated[ReplayModel, Tag("replay")]
    | Annotated[str, Tag("role")],
    Discriminator(_played),
]
"""The same, or the name of the role whose model plays a part too."""


def model_of(data: Mapping[str, Any]) -> ModelSettings:
    """A model's settings from plain data. ConfigError that names each wrong key."""
    storable(data, "model")
    adapter: TypeAdapter[ModelSettings] = TypeAdapter(Model)
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise ConfigError(explain(error, Model, "model")) from None
