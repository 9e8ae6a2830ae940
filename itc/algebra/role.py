"""An engine in one of its parts, and what each of its draws is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from itc.backends.attempts import Attempt
from itc.backends.base import Backend, Completion, Request, Sampling, Usage, Watch
from itc.backends.deadline import OutOfTime
from itc.budget.account import Account
from itc.budget.cost import ZERO, Cost
from itc.budget.prices import FREE, Price
from itc.errors import BackendError

DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class Role:
    """An engine in one of its parts (policy, judge, prm …) with its defaults and its price."""

    backend: Backend
    sampling: Sampling = DEFAULT_SAMPLING
    price: Price = FREE

    def worst(self, request: Request) -> Cost:
        """The most that a request can cost."""
        completion = 0 if request.score_steps is not None else request.max_tokens
        return self.price.cost(self.backend.prompt_bound(request), 0, completion)

    def cost(self, usage: Usage) -> Cost:
        """What a draw did cost."""
        u = usage
        return self.price.cost(u.prompt_tokens, u.cached_tokens, u.completion_tokens, u.shared_tokens)

    def wasted(self, attempts: Sequence[Attempt]) -> Cost:
        """What failed attempts cost: no call that anyone asked for, but tokens."""
        if not attempts:
            return ZERO
        return sum((replace(self.cost(Usage(*attempt)), calls=0) for attempt in attempts), ZERO)


@dataclass(eq=False, slots=True)
class Tab:
    """What one draw is held to while it is made, and what it came to. A `Payer`: what failed attempts cost is
    held beside the worst case of the next."""

    engine: Role
    account: Account
    held: Cost
    """Its worst case, and what failed attempts cost."""
    spent: Cost = ZERO
    """What the draw itself cost, or had by the time it was cut."""
    lost: Cost = ZERO
    """What failed attempts did cost."""
    unknown: Cost = ZERO
    """What calls can have cost at most of which nobody says it."""
    replayed: bool = False
    attempts: int = 1
    recorded: bool = False
    """Whether it is replayed with attempts that failed the first time: it is settled with its round."""
    refused: bool = False
    """Whether there was no room for those."""

    def bear(self, sold: Sequence[Attempt], unknown: Sequence[Attempt]) -> bool:
        """Whether the account has room for one more attempt."""
        lost, maybe = self.engine.wasted(sold), self.engine.wasted(unknown)
        if not self.account.bear(lost + maybe):
            return False
        self.held, self.lost, self.unknown = self.held + lost + maybe, self.lost + lost, self.unknown + maybe
        return True

    def ended(self, done: Completion | None, failed: BackendError | None, watch: Watch | None) -> None:
        """The call returned, failed, or was cut: by the clock, or, with neither, by a cancellation."""
        engine, worst = self.engine, self.held - self.lost - self.unknown
        if done is not None:
            self.spent, self.replayed, self.attempts = engine.cost(done.usage), done.replayed, done.attempts
            self.lost, self.unknown = engine.wasted(done.lost), engine.wasted(done.unknown)
            self.recorded = done.replayed and bool(done.lost or done.unknown)
            return
        if watch is not None and watch.sent:
            # An engine that was cut before it named its prompt tokens is charged their bound.
            prompt = watch.prompt_tokens or worst.prompt_tokens
            self.spent = engine.price.cost(prompt, 0, watch.completion_tokens)
        if failed is not None and not isinstance(failed, OutOfTime):
            self.lost, self.unknown = engine.wasted(failed.sold), engine.wasted(failed.unknown)
        elif watch is not None:
            self.lost = ZERO  # the watch was told of it
        elif failed is None or failed.sent:
            self.unknown += worst
