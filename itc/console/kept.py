"""Engines that stay open between jobs: starting one takes longer than all that a small job asks of it."""

from __future__ import annotations

from dataclasses import replace

from itc.backends.base import Middleware
from itc.backends.load import Load, Reports
from itc.config import Settings
from itc.runs.job import Job


class Kept(Middleware):
    """An engine that its jobs do not close."""

    async def close(self) -> None:
        """Not yet: see `Engines.close`."""

    def load(self) -> Load:
        """How busy it is; nothing where it does not say."""
        return self.inner.load() if isinstance(self.inner, Reports) else Load()


class Engines:
    """The engines of several jobs, one for each configuration of a model. Use it from one event loop.

    What an engine computed for one job is in its prefix cache for the next, so that ``cached_tokens`` depend
    on the jobs before: not for runs whose costs are compared.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def shared(self, job: Job, settings: Settings) -> Job:
        """The job made of ``settings``, with the engines that jobs before it had of the same models."""
        made = {}
        for role, engine in job.engines.items():
            kept = self._kept.setdefault(_said(role, settings), Kept(engine.backend))
            made[role] = replace(engine, backend=kept)
        return replace(job, engines=made)

    async def close(self) -> None:
        """Close all of them."""
        while self._kept:
            _, kept = self._kept.popitem()
            await kept.inner.close()


def _said(role: str, settings: Settings) -> str:
    """All that is said of the model in a role, and of what it rates by."""
    if role == settings.scorer.role and settings.scorer.reward_model:
        return settings.scorer.model_dump_json()
    played = settings.model if role == "policy" else settings.roles[role]
    return _said(played, settings) if isinstance(played, str) else played.model_dump_json()
