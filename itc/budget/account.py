"""A tree of accounts: run, problem, stage. What a child spends, every ancestor has spent.

Spending is reserved at its worst case before a call and settled at its actual cost after, so no cap is
exceeded under any concurrency; where nobody says what a call cost, its worst case stays counted. An account
is used from one event loop; concurrent branches get accounts of their own with shares fixed before launch
(`Account.split`), because a race for a common remainder would let the order of replies decide who is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from itc.budget.cost import PICODOLLARS, PICOSECONDS, UNLIMITED, ZERO, Amount, Budget, Cost, shares


class Caps(NamedTuple):
    """A budget in exact units: integers, or infinity."""

    calls: Amount
    tokens: Amount
    prompt_tokens: Amount
    completion_tokens: Amount
    flops: Amount
    picodollars: Amount
    picoseconds: Amount
    sequential_tokens: Amount

    @staticmethod
    def of(budget: Budget) -> Caps:
        """Dollars are rounded down to whole picodollars, time to picoseconds: a cap never grows."""
        return Caps(
            budget.calls,
            budget.tokens,
            budget.prompt_tokens,
            budget.completion_tokens,
            budget.flops,
            _whole(budget.usd, PICODOLLARS),
            _whole(budget.idealised_seconds, PICOSECONDS),
            budget.sequential_tokens,
        )

    @staticmethod
    def around(cost: Cost, path: Amount) -> Caps:
        """The tightest that cover ``cost`` and ``path`` sequential tokens."""
        return Caps(
            cost.calls,
            cost.tokens,
            cost.prompt_tokens,
            cost.completion_tokens,
            cost.flops,
            cost.picodollars,
            cost.picoseconds,
            path,
        )

    def meet(self, other: Caps) -> Caps:
        """The tighter cap in every unit."""
        return Caps(*map(min, self, other))

    def less(self, cost: Cost, path: Amount = 0) -> Caps:
        """What is left after ``cost`` and ``path`` sequential tokens."""
        return Caps(
            self.calls - cost.calls,
            self.tokens - cost.tokens,
            self.prompt_tokens - cost.prompt_tokens,
            self.completion_tokens - cost.completion_tokens,
            self.flops - cost.flops,
            self.picodollars - cost.picodollars,
            self.picoseconds - cost.picoseconds,
            self.sequential_tokens - path,
        )

    def more(self, cost: Cost) -> Caps:
        """With room for ``cost`` beside."""
        return self.less(ZERO - cost)

    def clip(self, cost: Cost) -> Cost:
        """The most of ``cost`` that these caps allow, unit by unit."""
        return Cost(
            min(cost.calls, self.calls),
            min(cost.prompt_tokens, self.prompt_tokens, self.tokens),
            min(cost.cached_tokens, self.prompt_tokens, self.tokens),
            min(cost.completion_tokens, self.completion_tokens, self.tokens),
            min(cost.flops, self.flops),
            min(cost.picodollars, self.picodollars),
            min(cost.picoseconds, self.picoseconds),
        )

    def covers(self, cost: Cost, path: Amount = 0) -> bool:
        """Whether ``cost``, and ``path`` sequential tokens, fit into every cap."""
        return (
            cost.calls <= self.calls
            and cost.prompt_tokens + cost.completion_tokens <= self.tokens
            and cost.prompt_tokens <= self.prompt_tokens
            and cost.completion_tokens <= self.completion_tokens
            and cost.flops <= self.flops
            and cost.picodollars <= self.picodollars
            and cost.picoseconds <= self.picoseconds
            and path <= self.sequential_tokens
        )


def _whole(amount: Amount, units: int) -> Amount:
    # Decimal text, not binary float: 2.01 means two hundred and one hundredths.
    return amount if amount == math.inf else math.floor(Fraction(str(amount)) * units)


UNCAPPED = Caps.of(UNLIMITED)


class Account:
    """A node in the tree of budgets."""

    __slots__ = ("cap", "held", "lender", "overrun", "parent", "path", "refused", "spent", "unknown")

    def __init__(self, cap: Budget | Caps = UNLIMITED, parent: Account | None = None) -> None:
        self.cap = Caps.of(cap) if isinstance(cap, Budget) else cap
        self.parent = parent
        self.spent = ZERO
        self.held = ZERO
        self.unknown = ZERO
        """What calls can have cost at most of which nobody says it; no part of ``spent``."""
        self.lender: Callable[[Cost], bool] | None = None
        """Of a cap that is no more than a worst case: whether it may be raised, as attempts failed."""
        self.path: Amount = 0
        """Completion tokens along the critical path so far."""
        self.refused = False
        """Whether a reservation was refused here or below."""
        self.overrun = ZERO
        """What engines charged beyond the worst case they were held to; 0 for an honest engine."""

    @property
    def remaining(self) -> Caps:
        """What may still be reserved: the tightest along the way to the root."""
        mine = self.cap.less(self.taken + self.held, self.path)
        if self.parent is None:
            return mine
        above = self.parent.remaining
        return mine.meet(above._replace(sequential_tokens=above.sequential_tokens - self.path))

    @property
    def taken(self) -> Cost:
        """What counts against the cap for good: spent, or unknown and at its most."""
        return self.spent if self.unknown is ZERO else self.spent + self.unknown

    def reserve(self, cost: Cost, path: Amount = 0) -> bool:
        """Hold ``cost`` here and in every ancestor, or change nothing and return False."""
        if not self.remaining.covers(cost, path):
            return False
        self._post(cost, ZERO)
        return True

    def bear(self, cost: Cost) -> bool:
        """As `reserve`, for attempts that failed: no worst case foresees them, so that a cap which is no more
        than one is raised, if its lender agrees."""
        if self.reserve(cost):
            return True
        node: Account | None = self
        while node is not None and node.lender is None:
            if not node.cap.less(node.taken + node.held).covers(cost):
                return False
            node = node.parent
        return node is not None and node._borrowed(cost) and self.reserve(cost)

    def _borrowed(self, cost: Cost) -> bool:
        if self.lender is None or not self.lender(cost):
            return False
        self.cap = self.cap.more(cost)
        return True

    def _lend(self, cost: Cost) -> bool:
        """To a share of this account. What there is, is promised to the shares."""
        node: Account | None = self
        while node is not None and node.lender is None:
            if not Caps(*(cap if cap == math.inf else 0 for cap in node.cap)).covers(cost):
                return False
            node = node.parent
        return node is not None and node._borrowed(cost)

    def refuse(self) -> None:
        """Mark this account and its ancestors: something was not bought for want of budget."""
        node: Account | None = self
        while node is not None:
            node.refused, node = True, node.parent

    def settle(self, held: Cost, actual: Cost, unknown: Cost = ZERO) -> None:
        """Release a reservation and book what the call really cost (0 for a call that never left), and the
        most that can have come to it unseen."""
        whole = actual if unknown is ZERO else actual + unknown
        over = replace((held | whole) - held, cached_tokens=0)
        if over != ZERO:
            node: Account | None = self
            while node is not None:
                node.overrun, node = node.overrun + over, node.parent
        self._post(ZERO - held, actual)
        self._doubt(unknown)

    def book(self, cost: Cost, unknown: Cost = ZERO) -> None:
        """Book a cost that was known, and fitted, without a reservation: a recorded one."""
        self._post(ZERO, cost)
        self._doubt(unknown)

    def advance(self, sequential: Amount) -> None:
        """Lengthen the critical path by completion tokens that nothing else could overlap."""
        self.path += sequential

    def _post(self, held: Cost, spent: Cost) -> None:
        node: Account | None = self
        while node is not None:
            node.held, node.spent, node = node.held + held, node.spent + spent, node.parent

    def _doubt(self, unknown: Cost) -> None:
        if unknown == ZERO:
            return
        node: Account | None = self
        while node is not None:
            node.unknown, node = node.unknown + unknown, node.parent

    def child(self, cap: Budget | Caps = UNLIMITED) -> Account:
        """An account below this one with a cap of its own."""
        return Account(cap, self)

    def split(self, worst: Sequence[Cost]) -> list[Account]:
        """Children that share what remains, one for each worst case: so much if there is enough for all, and
        an even part of what is left over; else as `shares` has it.

        The critical path is not divided: branches run side by side.
        """
        left = self.remaining
        wanted = zip(*(Caps.around(cost, 0) for cost in worst), strict=True)
        parts = map(Caps._make, zip(*map(shares, left, wanted), strict=True))
        made = [Account(p._replace(sequential_tokens=left.sequential_tokens), self) for p in parts]
        for account in made:
            account.lender = self._lend
        return made
