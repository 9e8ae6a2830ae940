"""Several servers of one model: each problem stays on one of them, where its prefixes are cached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from itc.backends.base import Backend, Capability, Completion, Request, Usage, Watch
from itc.errors import ConfigError, Unreachable

AWAY_SECONDS = 15.0
"""For how long a server that did not answer is not asked again, while another one answers."""


class Spread:
    """Sends all requests of one problem (one system text and prompt) to the same endpoint.

    Which one is found by rendezvous hashing (Thaler and Ravishankar 1998, "Using name-based mappings to
    increase hit rates"): each endpoint ranks by a hash of its name and the problem, so that the loss of one
    moves its own problems only, to the next by rank, and they come back when it does.

    The endpoints are engines that wait for nobody: a call that fails as Unreachable goes to the next at once,
    unless it may have cost something: then whoever pays is asked first (see `Retry`), and the next call goes
    there. Put retries and limits around it.
    """

    def __init__(self, endpoints: Mapping[str, Backend]) -> None:
        """
        Args:
            endpoints: engines of one model by a lasting name, such as their address. ConfigError when there
                are none.
        """
        if not endpoints:
            raise ConfigError("No endpoint to spread calls over; expected one or more addresses.")
        self.endpoints = dict(endpoints)
        self._needs: frozenset[Capability] = frozenset()
        self._open: set[str] = set()
        self._opening = {name: asyncio.Lock() for name in endpoints}
        self._away: dict[str, float] = {}
        self._ranked = lru_cache(2**16)(self._rank)

    @property
    def fingerprint(self) -> str:
        """The model's. `open` sees to it that it is the same at all endpoints that answer."""
        return self._model.fingerprint

    @property
    def _model(self) -> Backend:
        reached = (name for name in self.endpoints if name in self._open)
        return self.endpoints[next(reached, next(iter(self.endpoints)))]

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What all endpoints that have been reached can do; before `open`, what all of them can."""
        reached = self._open or set(self.endpoints)
        return frozenset.intersection(*(self.endpoints[name].capabilities for name in reached))

    @property
    def probe_usage(self) -> Usage:
        """Tokens that all endpoints spent on finding out what their servers can do."""
        used = [u for b in self.endpoints.values() if isinstance(u := getattr(b, "probe_usage", None), Usage)]
        return Usage(
            sum(u.prompt_tokens for u in used),
            sum(u.cached_tokens for u in used),
            sum(u.completion_tokens for u in used),
        )

    def prompt_bound(self, request: Request) -> int:
        """The model's."""
        return self._model.prompt_bound(request)

    def ranked(self, request: Request) -> tuple[str, ...]:
        """The endpoints in the order in which this request's problem goes to them."""
        return self._ranked(request.system, request.prompt)

    def _rank(self, system: str, prompt: str) -> tuple[str, ...]:
        problem = repr((system, prompt))

        def weight(name: str) -> bytes:
            return blake2b(f"{name}\0{problem}".encode("utf-8", "surrogatepass"), digest_size=8).digest()

        return tuple(sorted(self.endpoints, key=weight))

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The draw of the first endpoint by rank that answers. Unreachable when none does."""
        now = asyncio.get_running_loop().time()
        # Those that are away come last, as all of them may be.
        order = sorted(self.ranked(request), key=lambda name: self._away.get(name, 0.0) > now)
        failure: Unreachable | None = None
        for name in order:
            try:
                if name not in self._open:
                    await self._reach(name)
                done = await self.endpoints[name].generate(request, watch)
            except Unreachable as error:
                self._away[name] = asyncio.get_running_loop().time() + AWAY_SECONDS
                failure = failure or error
                if (
                    error.sold
                    or error.unknown
                    or (watch is not None and (watch.text or watch.completion_tokens))
                ):
                    raise
            else:
                self._away.pop(name, None)
                return done
        assert failure is not None
        raise failure

    async def open(self, needs: frozenset[Capability]) -> None:
        """Open every endpoint that answers; the others when they are first asked.

        Unreachable when none answers, ConfigError when two serve different models, CapabilityError when one
        lacks a need.
        """
        self._needs = needs
        self._open.clear()
        failure: Unreachable | None = None
        for name in self.endpoints:
            try:
                await self._reach(name)
            except Unreachable as error:
                self._away[name] = asyncio.get_running_loop().time() + AWAY_SECONDS
                failure = failure or error
        if failure is not None and not self._open:
            raise failure

    async def _reach(self, name: str) -> None:
        async with self._opening[name]:
            if name in self._open:
                return
            backend = self.endpoints[name]
            await backend.open(self._needs)
            if self._open and backend.fingerprint != self.fingerprint:
                raise ConfigError(
                    f"Calls cannot be spread over different models: {name} has {backend.fingerprint}, and "
                    f"another endpoint {self.fingerprint}. Expected one model at all of them."
                )
            self._open.add(name)

    async def close(self) -> None:
        """Close every endpoint."""
        self._open.clear()
        for backend in self.endpoints.values():
            await backend.close()
