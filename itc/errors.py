"""Everything that can go wrong, classified once, at the boundary where it is first seen.

    ItcError                      exit code
    ├── ConfigError                   2      the request itself is wrong: nothing was spent
    │   ├── TaskError                 2      a data set is missing, empty or malformed
    │   └── CapabilityError           2      the server cannot do what the strategy needs
    ├── BusyError                     2      another process is writing here
    ├── BackendError                  3      a call failed
    │   ├── Unreachable                      refused or dropped connection            retried
    │   ├── DeadlineExceeded                 the call's total deadline passed         not retried
    │   ├── RateLimited                      429, with its Retry-After                retried
    │   ├── ServerFault                      5xx                                      retried
    │   ├── BadResponse                      an answer that breaks the protocol       retried
    │   └── Rejected                         4xx: the same request would fail again   not retried
    │       ├── Unauthorized                 401, 403
    │       └── ContextOverflow              prompt and max_tokens exceed the model's context
    ├── ServerGone                    3      no connection could be made for so long that the run was ended
    ├── JournalError                  3      the journal cannot be read or written
    ├── StoreError                    3      a run's directory cannot be written (`itc.runs.store`)
    ├── BudgetEnded                   4      the budget ended before any answer
    └── StrategyFailed                       a strategy could not produce a candidate

A message says what was given, what was expected and what to try.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

EXIT_CONFIG, EXIT_BACKEND, EXIT_BUDGET, EXIT_INTERRUPTED = 2, 3, 4, 130


class ItcError(Exception):
    """Base of every error that itc raises on purpose."""

    exit_code = 1


class ConfigError(ItcError):
    """A configuration, strategy text or argument that cannot be run."""

    exit_code = EXIT_CONFIG


class TaskError(ConfigError):
    """A data set is missing, empty or malformed."""


class CapabilityError(ConfigError):
    """The backend lacks something that the strategy needs."""


class BusyError(ItcError):
    """Another process holds what this one wants to write."""

    exit_code = EXIT_CONFIG


class BackendError(ItcError):
    """A call to an engine failed.

    ``retryable`` says whether the same call may succeed later; ``retry_after`` is the server's wish in
    seconds, if it stated one; ``sold`` holds (prompt, cached, completion) tokens of each attempt that the
    server says it served, though nothing can be made of what it sent; ``unknown`` the most that each attempt
    can have cost of which it does not say so.
    """

    exit_code = EXIT_BACKEND
    retryable = False
    counted = True
    """Whether a further call uses up one of the attempts."""
    free = False
    """Whether the call cost nothing for sure: it was refused, or did not reach the server."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.sold: tuple[tuple[int, int, int], ...] = ()
        self.unknown: tuple[tuple[int, int, int], ...] = ()


class Unreachable(BackendError):
    """The connection was refused, or dropped before the whole answer came."""

    retryable = True
    connected = True
    """Whether there was a connection, so that the request may have been sent."""


class DeadlineExceeded(BackendError):
    """The call's total deadline passed."""


class RateLimited(BackendError):
    """The server asked to be called less often (429)."""

    retryable = True


class ServerFault(BackendError):
    """The server failed (5xx)."""

    retryable = True


class BadResponse(BackendError):
    """The server's answer breaks the protocol: truncated, not JSON, short of choices, NaN …"""

    retryable = True


class Rejected(BackendError):
    """The server refused this request (4xx); sending it again would not help."""


class Unauthorized(Rejected):
    """401 or 403."""


class ContextOverflow(Rejected):
    """The prompt and ``max_tokens`` do not fit into the model's context."""


class ServerGone(ItcError):
    """No connection to a server could be made for so long that the run was ended.

    It is no BackendError: with the server gone, neither a strategy nor the next problem can go on.
    """

    exit_code = EXIT_BACKEND


class JournalError(ItcError):
    """The journal cannot be read or written."""

    exit_code = EXIT_BACKEND


class BudgetEnded(ItcError):
    """The budget ended before any answer."""

    exit_code = EXIT_BUDGET


class StrategyFailed(ItcError):
    """A strategy could not produce a candidate; ``otherwise`` catches it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the nearest known name, or lists them all when none is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.55)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names) or 'none'}."
