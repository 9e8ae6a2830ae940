"""What a strategy may use while it runs: the problem, engines by role, scorers, the account, the trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from itc.algebra.role import Role as Role
from itc.algebra.role import Tab
from itc.algebra.trace import Anytime, Draw
from itc.algebra.trace import Trace as Trace
from itc.backends.attempts import OutOfBudget
from itc.backends.base import Completion, Request, Watch
from itc.backends.deadline import Decisions, OutOfTime
from itc.budget.account import Account
from itc.budget.cost import ZERO, Amount, Budget, Cost
from itc.concurrency import side_by_side
from itc.errors import BackendError, ConfigError, ContextOverflow, did_you_mean
from itc.types import Candidate, Problem

BYTES_PER_TOKEN = 8
"""Prompt tokens set aside, in a worst case made before the text exists, for each drawn token that a later
call sends back as text: a tokenizer counts at most a token a byte, and few tokens are longer than this. Once
the text exists, its own bytes count."""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a population before it exists: how many candidates, how long, at most."""

    count: Amount = 1
    live: Amount = 1
    """How many of them are unfinished, at most."""
    tokens: Amount = 0
    """Completion tokens along a path, at most; and for texts that were given, tokens of as many bytes."""
    capped: bool = False
    """Whether a draw may be refused, so that a stage may leave candidates as they were."""
    apart: Amount = 0
    """How many of ``tokens`` are no part of the solution, at most: thoughts, plans, texts that were given."""

    @staticmethod
    def of(pop: Sequence[Candidate]) -> Shape:
        """What is known of candidates that exist; given texts count as the tokens they may be sent as."""
        sizes = [max(c.tokens, math.ceil(_bytes(c.text) / BYTES_PER_TOKEN)) for c in pop]
        apart = [size - c.spent_on("solution") for size, c in zip(sizes, pop, strict=True)]
        live = sum(not c.done for c in pop)
        return Shape(len(pop), live, max(sizes, default=0), apart=max(apart, default=0))

    def join(self, other: Shape) -> Shape:
        """What holds of either."""
        return Shape(
            max(self.count, other.count),
            max(self.live, other.live),
            max(self.tokens, other.tokens),
            self.capped,
            max(self.apart, other.apart),
        )


class Scorer(Protocol):
    """Rates candidates. Scores lie in [0,1]; one for each solution step, or one for the whole."""

    @property
    def stepwise(self) -> bool:
        """Whether it gives a score for each step, so that an aggregation must be named."""
        ...

    @property
    def reads_text(self) -> bool:
        """Whether it rates texts alone, so that it may be shown one draw as several steps."""
        ...

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """(role, capability) pairs."""
        ...

    @property
    def fingerprint(self) -> str:
        """Tells it from other scorers, apart from the engine behind a role."""
        ...

    async def __call__(
        self, candidates: Sequence[Candidate], ctx: Context
    ) -> Sequence[tuple[float, ...] | None]:
        """Scores of each candidate in order; None where the budget refused."""
        ...

    def bound(self, shape: Shape, ctx: Context) -> Cost:
        """The most that rating such a population can cost."""
        ...


class AnswerRules(Protocol):
    """How answers of a task are read and compared. Knows no gold answer."""

    def extract(self, text: str) -> str | None:
        """The answer in a solution's text; None where there is none."""
        ...

    def finished(self, text: str) -> bool:
        """Whether the text states its final answer outright, so that nothing need follow."""
        ...

    async def classes(self, answers: Sequence[str]) -> Sequence[int]:
        """The equivalence class of each answer, numbered in order of first appearance."""
        ...


class PlainAnswers:
    """The whole text is the answer; equal texts are equal answers."""

    def extract(self, text: str) -> str | None:
        """The text without surrounding white space; None if nothing is left."""
        return text.strip() or None

    def finished(self, text: str) -> bool:  # noqa: ARG002
        """Never: nothing marks an answer."""
        return False

    async def classes(self, answers: Sequence[str]) -> Sequence[int]:
        """By equality."""
        seen: dict[str, int] = {}
        return [seen.setdefault(a, len(seen)) for a in answers]


@dataclass(frozen=True)
class Context:
    """Handed down through a strategy; children differ in the account, in the stage that runs, in whether
    calls may be cut, and in whether they are the main line."""

    problem: Problem
    roles: Mapping[str, Role]
    account: Account = field(default_factory=Account)
    scorers: Mapping[str, Scorer] = field(default_factory=dict)
    answers: AnswerRules = field(default_factory=PlainAnswers)
    trace: Trace = field(default_factory=Trace)
    decisions: Decisions | None = None
    cancellable: bool = False
    """Whether a sibling may cancel this branch: its draws are then streamed, so that their cost is known."""
    stage: str = ""
    """The text of the innermost stage that runs: what is spent is booked to it."""
    anytime: Anytime | None = None
    """Where the main line notes what would be returned now; None in whatever is a part of something else."""

    def role(self, name: str) -> Role:
        """ConfigError when no engine plays that part."""
        try:
            return self.roles[name]
        except KeyError:
            raise ConfigError(f"No model plays the role {name!r}. {did_you_mean(name, self.roles)}") from None

    def scorer(self, name: str) -> Scorer:
        """ConfigError when there is none of that name."""
        try:
            return self.scorers[name]
        except KeyError:
            raise ConfigError(f"No scorer is called {name!r}. {did_you_mean(name, self.scorers)}") from None

    def within(self, cap: Budget) -> Context:
        """The same with an account of its own below this one."""
        return replace(self, account=self.account.child(cap))

    def aside(self) -> Context:
        """The same off the main line, for a part whose population is not what would be returned."""
        return self if self.anytime is None else replace(self, anytime=None)

    def note(self, pop: Sequence[Candidate]) -> None:
        """On the main line, between two draws: ``pop`` would be returned if all ended now."""
        if self.anytime is not None:
            self.anytime.note(pop, self.account)

    async def generate(
        self, requests: Sequence[Request], role: str = "policy", watch: Callable[[], Watch] | None = None
    ) -> list[Completion | None]:
        """Make the draws that the account can afford, in order; None marks a refused one.

        What a round leaves unspent is offered to the next, so a cap is used up to the last whole draw.
        A draw that fails does not take its siblings with it: they finish, then the first error is raised.
        ``watch`` makes a watcher for each draw that may end it early.
        """
        engine = self.role(role)
        out: list[Completion | None] = [None] * len(requests)
        first = 0
        while first < len(requests):
            held: list[Cost] = []
            for request in requests[first:]:
                worst = engine.worst(request)
                if not self.account.reserve(worst, worst.completion_tokens):
                    break
                held.append(worst)
            if not held:
                self.account.refuse()
                break
            tabs = [Tab(engine, self.account, worst) for worst in held]
            pairs = zip(requests[first:], tabs, strict=False)
            try:
                done = await side_by_side([self._draw(role, r, tab, watch) for r, tab in pairs])
            finally:
                self._settle_recorded(role, [tab for tab in tabs if tab.recorded])
            done = [None if tab.refused else made for made, tab in zip(done, tabs, strict=True)]
            out[first : first + len(done)] = done
            self.account.advance(max((c.usage.completion_tokens for c in done if c), default=0))
            first += len(held)
        return out

    async def _draw(
        self, role: str, request: Request, tab: Tab, watching: Callable[[], Watch] | None
    ) -> Completion | None:
        watch = watching() if watching else Watch() if self.cancellable else None
        done: Completion | None = None
        failed: BackendError | None = None
        try:
            done = await tab.engine.backend.generate(replace(request, payer=tab), watch)
        except (OutOfTime, OutOfBudget) as refused:
            self.account.refuse()
            failed = refused
        except ContextOverflow as overflow:
            failed = overflow
            if not request.prefix:
                raise
            # A path that outgrew the context is finished and truncated, not an error.
            done = Completion(finish="length", lost=overflow.sold, unknown=overflow.unknown)
        except BackendError as error:
            failed = error
            raise
        finally:
            tab.ended(done, failed, watch)
            if not tab.recorded:
                self._settle(role, tab)
        if done is not None and request.score_steps is None:
            drawn = Draw(self.stage, done.usage.prompt_tokens, done.usage.cached_tokens)
            self.trace.drew(request.key, drawn)
        return done

    def _settle(self, role: str, tab: Tab) -> None:
        spent = tab.spent if tab.lost is ZERO else tab.spent + tab.lost
        self.account.settle(tab.held, spent, tab.unknown)
        self.trace.book(role, spent, tab.replayed, tab.attempts, self.stage, tab.unknown)

    def _settle_recorded(self, role: str, tabs: Sequence[Tab]) -> None:
        """Attempts that failed the first time count as they did then, once all draws beside them have ended:
        what these were held to must not decide whether there is room."""
        for tab in tabs:
            self.account.settle(tab.held, ZERO)
            tab.held = tab.spent if self.account.reserve(tab.spent) else ZERO
        for tab in tabs:
            more = tab.lost + tab.unknown
            if self.account.bear(more):
                tab.held += more
                self._settle(role, tab)
            else:
                self.account.settle(tab.held, ZERO)
                self.account.refuse()
                tab.refused = True
