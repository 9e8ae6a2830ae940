"""The kinds of model a configuration can name, and what each builds."""

from itc.models.in_process import EmbeddedModel, VLLMModel
from itc.models.kinds import Model, Played, model_of
from itc.models.replay import ReplayModel
from itc.models.served import RetrySettings, ServedModel, ServerSettings
from itc.models.settings import ModelSettings, PriceSettings

__all__ = [
    "EmbeddedModel",
    "Model",
    "ModelSettings",
    "Played",
    "PriceSettings",
    "ReplayModel",
    "RetrySettings",
    "ServedModel",
    "ServerSettings",
    "VLLMModel",
    "model_of",
]
