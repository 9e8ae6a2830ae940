"""Calls that failed for a passing reason are made again: a few times, within a time, in the open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from itc.backends.attempts import Attempt, OutOfBudget
from itc.backends.base import Backend, Completion, Middleware, Request, Watch
from itc.backends.limits import Limit
from itc.errors import BackendError, ConfigError, DeadlineExceeded
from itc.keys import Key

OnRetry = Callable[[Request, BackendError, float], None]
"""Called before each further attempt with the request, what went wrong, and the seconds of waiting."""
_FREE_STEPS = 3
"""Doublings of the delay by attempts that do not count: the server is asked every few seconds."""
_ANYWHERE = contextlib.nullcontext()
"""A place where none are counted."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. ConfigError for values that cannot work."""

    attempts: int = 5
    """Calls in all, the first included."""
    first_delay: float = 0.5
    """Seconds before the second attempt, doubled for each further one."""
    longest_delay: float = 60.0
    """Seconds between two attempts at most, unless the server asks for more."""
    total_deadline: float = 1800.0
    """Seconds for all attempts and the waits between them, the time in a `Limit`'s queue not counted."""
    patience: float = 60.0
    """Seconds without any connection to the server after which a `Breaker` ends the run."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"retry.attempts={self.attempts!r}: expected 1 or more calls in all.")
        for name in ("first_delay", "longest_delay", "total_deadline", "patience"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"retry.{name}={getattr(self, name)!r}: expected seconds ≥ 0, finite.")

    def delay(self, key: Key, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after ``attempt`` (1, 2, …) failed, never less than the server asked for.

        The jitter is a function of the request, so that a run can be repeated, and different for every
        request, so that those which failed together do not come back together.
        """
        step = min(self.longest_delay, self.first_delay * 2.0 ** (attempt - 1))
        jitter = key.fold("retry", attempt).seed64 / 2**64
        wait = step * (0.5 + 0.5 * jitter)
        return wait if retry_after is None else retry_after + step * 0.5 * jitter


class Retry(Middleware):
    """Repeats a call while its error is retryable, attempts are left and the total deadline allows.

    A wait that would pass the total deadline is not begun: DeadlineExceeded at once, with the last error as
    its cause. The last error itself is raised when the attempts are used up. Either tells what all attempts
    have ``sold``, and what of them is ``unknown``. An error that is not ``counted`` uses up time only.

    After an attempt that cost something, or may have, the request's ``payer`` is asked first: OutOfBudget
    where it does not bear another.

    A watched draw is repeated only if its watcher has not been told of anything yet, as what it has followed
    cannot be taken back; or if it merely counts (a plain `Watch`): then what it had counted is ``lost``, and
    it counts anew. Put it around a `Limit`, so that a call which waits holds no place.
    """

    def __init__(
        self, inner: Backend, policy: RetryPolicy | None = None, on_retry: OnRetry | None = None
    ) -> None:
        super().__init__(inner)
        self.policy = policy or RetryPolicy()
        self.on_retry = on_retry
        self._limit = inner if isinstance(inner, Limit) else None
        self._engine = self._limit.inner if self._limit is not None else inner

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        """The engine's, with the number of ``attempts`` it took and what of them was ``lost``. Of a call that
        is cancelled the watch is told of that too."""
        lost: list[Attempt] = []
        try:
            return await self._answer(request, watch, lost)
        except asyncio.CancelledError:
            if watch is not None and lost:
                self._owe(request, watch, lost)
            raise

    async def _answer(self, request: Request, watch: Watch | None, lost: list[Attempt]) -> Completion:
        unknown: list[Attempt] = []
        left = self.policy.total_deadline
        attempts, free = 1, 0
        last: BackendError | None = None
        while True:
            made, seconds = await self._attempt(request, watch, left)
            if isinstance(made, Completion):
                if attempts == 1:
                    return made
                return replace(made, attempts=attempts, lost=tuple(lost), unknown=tuple(unknown))
            left -= seconds
            if made is None:
                if watch is None:
                    unknown.append(self._most(request))
                break
            last = made
            sold, maybe = list(last.sold), last.unknown
            lost += sold
            unknown += maybe
            last.sold, last.unknown = tuple(lost), tuple(unknown)
            free += not last.counted
            if not last.retryable or attempts - free >= self.policy.attempts or _held(watch):
                raise last
            wait = self.policy.delay(request.key, attempts - max(0, free - _FREE_STEPS), last.retry_after)
            if wait >= left:
                break
            if watch is not None and _followed(watch):
                sold.append(_anew(watch))
                lost.append(sold[-1])
            if request.payer is not None and (sold or maybe) and not request.payer.bear(sold, maybe):
                raise _refused(last, lost, unknown) from last
            if self.on_retry is not None:
                self.on_retry(request, last, wait)
            await asyncio.sleep(wait)
            left -= wait
            attempts += 1
        late = DeadlineExceeded(
            f"{attempts} attempts did not succeed within {self.policy.total_deadline:g} s. "
            f"The last error: {last or 'none, the first call did not end'}. "
            f"See the server's log, or raise retry.total_deadline."
        )
        late.sold, late.unknown = tuple(lost), tuple(unknown)
        raise late from last

    async def _attempt(
        self, request: Request, watch: Watch | None, left: float
    ) -> tuple[Completion | BackendError | None, float]:
        """What came of one call, None where it took longer than was ``left``; and its seconds.

        The clock starts with its place: a long queue is no failure of the calls in it.
        """
        loop = asyncio.get_running_loop()
        begun, clock = loop.time(), asyncio.timeout(None)
        made: Completion | BackendError | None
        try:
            async with self._limit.place() if self._limit is not None else _ANYWHERE:
                begun, clock = loop.time(), asyncio.timeout(left)
                async with clock:
                    made = await self._engine.generate(request, watch)
        except BackendError as error:
            made = error
        except TimeoutError:
            if not clock.expired():
                raise
            made = None
        return made, loop.time() - begun

    def _most(self, request: Request) -> Attempt:
        made = 0 if request.score_steps is not None else request.n * request.max_tokens
        return self.prompt_bound(request), 0, made

    def _owe(self, request: Request, watch: Watch, lost: list[Attempt]) -> None:
        # Whoever cancelled has neither a completion nor an error to tell it. What was cached counts in full.
        begun = watch.prompt_tokens or (self.prompt_bound(request) if watch.sent else 0)
        watch.sent = True
        watch.prompt_tokens = begun + sum(prompt for prompt, _, _ in lost)
        watch.completion_tokens += sum(made for _, _, made in lost)


def _followed(watch: Watch) -> bool:
    return bool(watch.text or watch.completion_tokens)


def _held(watch: Watch | None) -> bool:
    """Whether somebody may have acted on what was followed."""
    return watch is not None and type(watch) is not Watch and _followed(watch)


def _refused(last: BackendError, lost: list[Attempt], unknown: list[Attempt]) -> OutOfBudget:
    error = OutOfBudget(
        f"An attempt failed that cost something, and the budget has no room for another. {last} "
        "Raise the budget."
    )
    error.sold, error.unknown = tuple(lost), tuple(unknown)
    return error


def _anew(watch: Watch) -> Attempt:
    """What was followed, which is paid for; from here on the watch is as it was before."""
    followed = (watch.prompt_tokens, 0, watch.completion_tokens)
    watch.sent, watch.text = False, ""
    watch.prompt_tokens = watch.completion_tokens = 0
    watch.confidences = []
    return followed
