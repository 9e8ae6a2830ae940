"""Caps on a whole run: problems are admitted in order, each with its worst case set aside.

A problem runs at its full worst case beside others, or, once the money no longer covers that, alone with
what is left. Either way what it may spend does not depend on when replies came, so a capped run is as
reproducible as any other; attempts that fail are paid for from what is not set aside for anyone.
"""

from __future__ import annotations

import asyncio
from functools import partial

from itc.budget.account import Account, Caps
from itc.budget.cost import ZERO, Cost


class Admission:
    """Hands each problem an account below the run's."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.capped = any(cap != float("inf") for cap in account.cap)
        self._aside: dict[int, Cost] = {}
        self._settled = ZERO
        self._freed = asyncio.Event()

    async def admit(self, index: int, worst: Cost, cap: Caps) -> Account:
        """The account of problem ``index``; waits until its worst case fits or nothing else runs.

        Call it in order of index, one at a time.
        """
        if not self.capped:
            return self.account.child(cap)
        while True:
            left = self._left()
            if left.covers(worst):
                self._aside[index] = worst
                foreseen = self.account.child(_as_caps(worst, self.account.cap))
                foreseen.lender = partial(self._lend, index)
                return foreseen.child(cap)
            if not self._aside:
                self._aside[index] = worst
                return self.account.child(cap.meet(left))
            self._freed.clear()
            await self._freed.wait()

    def leave(self, index: int, taken: Cost) -> None:
        """The problem ended: what was set aside for it and not taken is free again."""
        if self._aside.pop(index, None) is not None:
            self._settled += taken
            self._freed.set()

    def _lend(self, index: int, cost: Cost) -> bool:
        if not self._left().covers(cost):
            return False
        self._aside[index] += cost
        return True

    def _left(self) -> Caps:
        aside = ZERO
        for cost in self._aside.values():
            aside += cost
        return self.account.cap.less(self._settled + aside)


def _as_caps(worst: Cost, capped: Caps) -> Caps:
    inf = float("inf")
    own = Caps.around(worst, inf)
    # Only in the units that the run caps: elsewhere a bound that is too low would refuse for nothing.
    return Caps(*(mine if cap != inf else inf for mine, cap in zip(own, capped, strict=True)))
