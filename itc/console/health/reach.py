"""The configured models and their keys, and the hub: asked of free endpoints, with little patience."""

from __future__ import annotations

import asyncio
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Set
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from yarl import URL

from itc.backends.base import Backend, Capability
from itc.backends.openai import OpenAIBackend
from itc.backends.rating import RewardFormat
from itc.backends.serve import Served
from itc.backends.transport import Secret
from itc.config import Settings, scorers_of, strategy_of
from itc.console.health.finding import Finding
from itc.errors import CapabilityError, ConfigError, ItcError
from itc.models import ModelSettings, ReplayModel, ServedModel, VLLMModel

SECONDS = 5.0
"""For each question to a server."""
HUB = "https://huggingface.co"
HUB_SECONDS = 3.0
_TOLD: frozenset[Capability] = frozenset({"logprobs", "alternatives", "confidence"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def models(settings: Settings) -> list[Finding]:
    """Of each model that the configuration names: its key, whether it is reached, and whether it can do what
    the strategy asks. Nothing is drawn."""
    needs = _needs(settings)
    found: list[Finding] = []
    for place, model, read_by, role in _named(settings):
        if isinstance(model, ServedModel) and not model.starts:
            found += _served(place, model, read_by, needs.get(role, frozenset()))
        else:
            found.append(_own(place, model, read_by, settings))
    return found


def _named(settings: Settings) -> Iterator[tuple[str, ModelSettings, RewardFormat | None, str]]:
    """(where it stands, model, what it is read by, role)."""
    yield "model", settings.model, None, "policy"
    for role, model in settings.roles.items():
        if not isinstance(model, str):
            yield f"roles.{role}", model, None, role
    if found := settings.scorer.reward_model:
        yield "scorer.model", found[0], found[1], settings.scorer.role


def _needs(settings: Settings) -> dict[str, frozenset[Capability]]:
    """The capabilities that the strategy, and what it scores by, ask of each role."""
    strategy, _ = strategy_of(settings.strategy)
    scorers = scorers_of(settings.scorer)
    pairs = set(strategy.needs.capabilities)
    for name in strategy.needs.scorers:
        pairs |= scorers[name].needs if name in scorers else set()
    roles = {role for role, _ in pairs}
    return {
        role: cast("frozenset[Capability]", frozenset(c for r, c in pairs if r == role and c))
        for role in roles
    }


def _own(place: str, model: ModelSettings, read_by: RewardFormat | None, settings: Settings) -> Finding:
    """A model in this process, or one whose server is started for the run: looked for, and not started."""
    try:
        if isinstance(model, ReplayModel):
            return _recording(place, model, settings)
        launched = (
            isinstance(model, ServedModel) and model.server.engine == "vllm" and not model.server.launcher
        )
        if (launched or isinstance(model, VLLMModel)) and find_spec("vllm") is None:
            raise ConfigError("vLLM is not installed. Run: pip install 'itc[vllm]'")
        if isinstance(model, VLLMModel):
            says = f"{model.label} by vLLM in this process; its weights are loaded by a run alone"
            return Finding(place, "ok", says)
        backend = model.made() if read_by is None else model.reward(read_by)
        if isinstance(backend, Served):
            backend.server.command(0)
            return Finding(place, "ok", f"{model.label}: a server is started for the run, and ended with it")
    except ConfigError as error:
        return Finding(place, "missing", str(error))
    return Finding(place, "ok", f"{model.label}, in this process")


def _recording(place: str, model: ReplayModel, settings: Settings) -> Finding:
    path = str(model.path or settings.task.get("path") or "")
    if not path or not Path(path).expanduser().is_file():
        told = f"no file {path}" if path else "no file is named"
        return Finding(place, "missing", f"the recording: {told}", f"Set {place}.path=FILE.")
    return Finding(place, "ok", f"the recording {path}")


def _served(
    place: str, model: ServedModel, read_by: RewardFormat | None, needs: frozenset[Capability]
) -> Iterator[Finding]:
    yield _key(place, model.api_key_env, model.urls)
    for url in model.urls:
        at = model.model_copy(update={"base_url": url, "deadline": min(SECONDS, model.deadline)})
        try:
            backend = at.made() if read_by is None else at.reward(read_by)
            yield asyncio.run(_asked(place, url, backend, needs))
        except ItcError as error:
            yield Finding(place, "missing", f"{url}: {error}")


async def _asked(place: str, url: str, backend: Backend, needs: frozenset[Capability]) -> Finding:
    try:
        # Whether tokens are told of is asked of an unknown server by a draw, which costs something.
        await backend.open(needs - _TOLD)
        open_ = needs - backend.capabilities
        kind = backend.dialect.name if isinstance(backend, OpenAIBackend) else "reward model"
    except CapabilityError as error:
        return Finding(place, "missing", f"{url} answers: {error}")
    finally:
        await backend.close()
    says = f"{url} answers and can do what the strategy asks (server: {kind})"
    if open_:
        says = f"{url} answers (server: {kind}); whether it gives {_listed(open_)} is not known"
        return Finding(place, "warning", says, "A run finds out by one draw of one token as it begins.")
    return Finding(place, "ok", says)


def _key(place: str, env: str, urls: list[str]) -> Finding:
    name = f"{place} key"
    try:
        key = Secret(env).value()
    except ConfigError as error:
        return Finding(name, "missing", str(error))
    if key:
        return Finding(name, "ok", f"{env} is set")
    if all(URL(url).host in _LOOPBACK for url in urls):
        return Finding(
            name, "ok", f"{env or 'no variable'} is not set; a server on this machine may need none"
        )
    return Finding(
        name,
        "missing",
        f"{env or 'no variable'} is not set",
        f"Run: export {env or 'NAME'}=…, or name another variable with {place}.api_key_env=NAME.",
    )


def _listed(names: Set[Any]) -> str:
    return " and ".join(sorted(map(str, names)))


def hub() -> Finding:
    """Whether the Hugging Face hub, or the mirror in HF_ENDPOINT, answers at all."""
    url = os.environ.get("HF_ENDPOINT") or HUB
    todo = "task=gsm8k and task=math500 then need a file, task.path=FILE; models a folder."
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return Finding("hub", "warning", "not asked: HF_HUB_OFFLINE is set", todo)
    if URL(url).scheme not in ("http", "https"):
        return Finding("hub", "warning", f"HF_ENDPOINT={url} is no web address", "Unset it, or correct it.")
    said: list[str] = []

    def ask() -> None:
        try:
            head = urllib.request.Request(url, method="HEAD")  # noqa: S310 - http or https, see above
            with urllib.request.urlopen(head, timeout=HUB_SECONDS):  # noqa: S310
                said.append("")
        except urllib.error.HTTPError as error:
            said.append("" if error.code < 500 else f"status {error.code}")
        except (OSError, ValueError) as error:
            said.append(str(getattr(error, "reason", error)))

    # Names are looked up without a time limit: a thread can be left alone.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_SECONDS + 1)
    problem = said[0] if said else f"no answer within {HUB_SECONDS:g} s"
    if problem:
        return Finding("hub", "warning", f"{url} cannot be reached: {problem}", todo)
    return Finding("hub", "ok", f"{url} answers")
