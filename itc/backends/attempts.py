"""Attempts that failed: what they cost, what they may have cost, and whose budget bears it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Protocol

from itc.errors import BackendError

Attempt = tuple[int, int, int]
"""(prompt, cached, completion) tokens."""
Attempts = tuple[Attempt, ...]


class Payer(Protocol):
    """Who answers for what a draw costs."""

    def bear(self, sold: Sequence[Attempt], unknown: Sequence[Attempt]) -> bool:
        """Whether there is room for one more attempt beside what a failed one sold, or may have at most.
        From here on that is held too."""
        ...


class OutOfBudget(BackendError):
    """A failed attempt cost so much that there is no room for another; a refusal, like any other cap's."""


class Together:
    """The payers of draws that share one call, each for its own part."""

    def __init__(self, payers: Sequence[Payer | None], at_most: int) -> None:
        """``at_most``: completion tokens of one draw."""
        self.payers, self.at_most = payers, at_most

    def bear(self, sold: Sequence[Attempt], unknown: Sequence[Attempt]) -> bool:
        """Whether all of them bear it."""
        n = len(self.payers)
        parts = zip(self.payers, split(sold, n, self.at_most), split(unknown, n, self.at_most), strict=True)
        return all(payer.bear(mine, maybe) for payer, mine, maybe in parts if payer is not None)


def split(attempts: Sequence[Attempt], n: int, at_most: int) -> list[Attempts]:
    """What attempts at ``n`` draws cost, by draw: the prompt falls to the first, and to each no more than
    ``at_most`` of the completion tokens, so that its reservation covers them."""
    return [tuple(part for a in attempts if any(part := _part(a, i, at_most))) for i in range(n)]


def _part(attempt: Attempt, index: int, at_most: int) -> Attempt:
    prompt, cached, made = attempt
    mine = min(at_most, max(0, made - index * at_most))
    return (0, 0, mine) if index else (prompt, cached, mine)


def divided(error: Exception, n: int, at_most: int) -> list[Exception]:
    """The failure of a call for ``n`` draws, for each of them: what it cost is booked once."""
    failures = [error, *(copy(error) for _ in range(n - 1))]
    if isinstance(error, BackendError):
        parts = zip(split(error.sold, n, at_most), split(error.unknown, n, at_most), strict=True)
        for failure, (mine, maybe) in zip(failures, parts, strict=True):
            assert isinstance(failure, BackendError)
            failure.sold, failure.unknown = mine, maybe
    return failures
