"""What happened on one problem: what was made, what it cost by role and stage, and the answers on the way."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from itc.budget.account import Account
from itc.budget.cost import ZERO, Amount, Cost
from itc.keys import Key
from itc.types import Candidate


class Ledger(dict[tuple[str, str], Cost]):
    """Costs by (role, stage): each call is booked once, so that the sums by either are the same."""

    def book(self, role: str, stage: str, cost: Cost) -> None:
        """Add a cost."""
        self[role, stage] = self.get((role, stage), ZERO) + cost

    @staticmethod
    def joined(ledgers: Iterable[Ledger]) -> Ledger:
        """The sum of several."""
        found = Ledger()
        for ledger in ledgers:
            for (role, stage), cost in ledger.items():
                found.book(role, stage, cost)
        return found

    def by_role(self) -> dict[str, Cost]:
        """Sums by role."""
        return self._sums(0)

    def by_stage(self) -> dict[str, Cost]:
        """Sums by the text of the stage that spent them; '' is what no stage asked for, as a predicate."""
        return self._sums(1)

    def total(self) -> Cost:
        """The sum."""
        return sum(self.values(), ZERO)

    def _sums(self, at: int) -> dict[str, Cost]:
        found: dict[str, Cost] = {}
        for names, cost in self.items():
            found[names[at]] = found.get(names[at], ZERO) + cost
        return found

    def plain(self) -> list[list[object]]:
        """For a record: a list for each entry, in order of name, so that equal ledgers are recorded alike."""
        return [
            [*names, [getattr(cost, f.name) for f in fields(Cost)]] for names, cost in sorted(self.items())
        ]

    @staticmethod
    def of(plain: Sequence[Sequence[object]]) -> Ledger:
        """The inverse of `plain`."""
        return Ledger({(str(role), str(stage)): Cost(*cost) for role, stage, cost in plain})  # type: ignore[misc]


class Draw(NamedTuple):
    """What is booked for one draw beside its completion tokens."""

    stage: str
    prompt_tokens: int
    cached_tokens: int


@dataclass
class Trace:
    """Everything that was made and spent on one problem.

    What runs side by side with something that may yet be dropped gets a `branch`: it is charged here at once,
    and what it made is taken over by `keep`, or never.
    """

    made: MutableMapping[Key, Candidate] = field(default_factory=dict)
    """Every candidate made, and as it was last rated."""
    draws: dict[Key, Draw] = field(default_factory=dict)
    """What is known of each draw, by its key."""
    ledger: Ledger = field(default_factory=Ledger)
    paid: Ledger = field(default_factory=Ledger)
    """The part of ``ledger`` that was not replayed from the journal."""
    unknown: Cost = ZERO
    """What calls can have cost at most of which nobody says it; replayed ones not among them, and no part of
    ``ledger``."""
    retried: int = 0
    above: Trace | None = None

    @property
    def spent(self) -> dict[str, Cost]:
        """Costs by role."""
        return self.ledger.by_role()

    @property
    def billed(self) -> dict[str, Cost]:
        """The part of ``spent`` that was not replayed from the journal."""
        return self.paid.by_role()

    def book(
        self,
        role: str,
        cost: Cost,
        replayed: bool,
        attempts: int = 1,
        stage: str = "",
        unknown: Cost = ZERO,
    ) -> None:
        """Add a call's cost to its role and stage, and the most that can have come to it unseen."""
        at: Trace | None = self
        while at is not None:
            at.ledger.book(role, stage, cost)
            if not replayed:
                at.paid.book(role, stage, cost)
                at.unknown += unknown
            at.retried += attempts > 1
            at = at.above

    def book_recorded(self, losses: Ledger) -> None:
        """Add what was lost the first time to what a record says now."""
        for (role, stage), cost in losses.items():
            self.book(role, cost, replayed=True, stage=stage)

    def drew(self, key: Key, draw: Draw) -> None:
        """Remember what was booked for a draw."""
        self.draws[key] = draw

    def add(self, candidate: Candidate) -> None:
        """Remember a candidate that a stage made, or one that it rated."""
        self.made[candidate.key] = candidate

    def branch(self) -> Trace:
        """A trace below this one: sees what was made, and adds nothing to it until it is kept."""
        return Trace(ChainMap({}, self.made), above=self)

    def keep(self, branch: Trace) -> None:
        """Take over what was made in a branch."""
        assert isinstance(branch.made, ChainMap)
        self.made.update(branch.made.maps[0])
        self.draws.update(branch.draws)


class Instant(NamedTuple):
    """What would have been returned once so much was spent."""

    answer: str | None
    spent: Cost
    path: Amount
    """Completion tokens along the critical path."""


class Anytime:
    """The answers that a problem would have had, had it ended sooner: noted on a strategy's main line, where
    nothing else is under way, so that they depend on no order of replies.

    An instant is noted where the answer or the number of finished candidates is another than before; of
    several at the same cost the last stands.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        """The problem's."""
        self.instants: list[Instant] = []
        self._before: tuple[str | None, int] = (None, 0)

    def note(self, members: Sequence[Candidate], account: Account) -> None:
        """``members`` would be returned if all ended now; ``account`` is this one, or one below it."""
        now = first_answer(members), sum(c.done for c in members)
        if now != self._before:
            self._before = now
            self._put(now[0], account)

    def end(self, answer: str | None) -> None:
        """What was returned."""
        self._put(answer, self.account)

    def _put(self, answer: str | None, account: Account) -> None:
        # What accounts below have added to the critical path is told to those above when they end.
        path, node = self.account.path, account
        while node is not self.account and node.parent is not None:
            path, node = path + node.path, node.parent
        if self.instants and self.instants[-1][1:] == (self.account.spent, path):
            self.instants.pop()
        self.instants.append(Instant(answer, self.account.spent, path))


def first_answer(members: Sequence[Candidate]) -> str | None:
    """The answer that is returned: that of the first member with one."""
    return next((c.answer for c in members if c.answer is not None), None)
