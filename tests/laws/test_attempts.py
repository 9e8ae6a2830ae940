"""Failed attempts: what they cost is booked once, what they may have cost is bounded, no cap is exceeded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role
from itc.backends.attempts import Attempts, divided, split
from itc.backends.base import Backend, Completion, Request, Sampling, Usage, Watch
from itc.backends.coalesce import Coalesce
from itc.backends.function import ALL
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.backends.limits import Limit
from itc.backends.retry import Retry, RetryPolicy
from itc.budget.account import Account
from itc.budget.cost import ZERO, Budget, Cost
from itc.budget.prices import Price
from itc.errors import BackendError, BadResponse, ServerFault, Unreachable
from itc.runs.admission import Admission
from itc.stages.draws.extend import sample
from itc.types import Population, Problem
from tests.laws.trees import law

QUICK = RetryPolicy(attempts=6, first_delay=0.0, longest_delay=0.0)
PROBLEM = Problem("p", "two and two")
MOST = 6
"""Completion tokens of a draw."""


class Stormy:
    """Counts prompts in characters. A call is answered, refused, of no use, or lost on its way back: then it
    cost something between nothing and all that was asked for, and nobody says what."""

    fingerprint = "stormy"
    capabilities = ALL

    def __init__(self, seed: int, storms: float) -> None:
        self.seed, self.storms = seed, storms
        self.books = 0
        """Tokens that were made, prompts included."""
        self._times: Counter[str] = Counter()

    def prompt_bound(self, request: Request) -> int:
        return len(request.prompt)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        named = f"{request.key.digest.hex()} {request.n}"
        self._times[named] += 1
        rng = Random(f"{self.seed} {named} {self._times[named]}")
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        prompt, most = self.prompt_bound(request), request.n * MOST
        made = [rng.randint(0, MOST) for _ in range(request.n)]
        if rng.random() < self.storms:
            raise self._failed(rng, prompt, sum(made), most)
        self.books += prompt + sum(made)
        first, *rest = (Completion("4" * tokens, "eos", Usage(0, 0, tokens)) for tokens in made)
        first = replace(first, usage=replace(first.usage, prompt_tokens=prompt))
        return replace(first, others=tuple(rest))

    def _failed(self, rng: Random, prompt: int, made: int, most: int) -> BackendError:
        error: BackendError
        kind = rng.randrange(3)
        if kind == 0:
            error = ServerFault("refused")
            error.free = True
        elif kind == 1:
            error = BadResponse("of no use")
            error.sold = ((prompt, 0, made),)
            self.books += prompt + made
        else:
            error = Unreachable("lost")
            error.unknown = ((prompt, 0, most),)
            self.books += rng.choice((0, prompt + rng.randint(0, most), prompt + most))
        return error

    async def open(self, needs: object) -> None: ...

    async def close(self) -> None: ...


def tried(engine: Stormy, account: Account, n: int, together: int, journal: Journal | None = None) -> bool:
    """Whether ``n`` draws were asked for without one that failed for good."""
    backend: Backend = Coalesce(Retry(Limit(engine, 3), QUICK), together)
    if journal is not None:
        backend = Journaled(backend, journal)
    role = Role(backend, Sampling(max_tokens=MOST, step_tokens=MOST), Price(0.15, 0.075, 0.6))
    ctx = Context(PROBLEM, {"policy": role}, account)
    try:
        asyncio.run(sample(n)(Population.root(PROBLEM, 0), ctx))
    except BackendError:
        return False
    return True


def at_most(account: Account) -> Cost:
    return account.spent + account.unknown


@law
@given(st.integers(0, 9999), st.floats(0, 0.9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 300))
def test_no_cap_is_exceeded_whatever_failed_attempts_cost(
    seed: int, storms: float, n: int, together: int, cap: int
) -> None:
    engine, account = Stormy(seed, storms), Account(Budget(tokens=cap))
    tried(engine, account, n, together)
    assert account.held == ZERO
    assert account.overrun == ZERO
    assert account.spent.tokens <= engine.books <= at_most(account).tokens <= cap


@law
@given(st.integers(0, 9999), st.floats(0, 0.9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 300))
def test_what_is_replayed_costs_what_it_did_with_the_attempts_that_failed(
    seed: int, storms: float, n: int, together: int, cap: int
) -> None:
    """And fits into the same budget; into a smaller one only as far as there is room."""
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.sqlite") as journal:
        first, again = Account(Budget(tokens=cap)), Account(Budget(tokens=cap))
        whole = tried(Stormy(seed, storms), first, n, together, journal)
        calm = Stormy(seed, 0.0)
        tried(calm, again, n, together, journal)
        if whole and not first.refused:
            assert calm.books == 0
            assert (again.spent, again.unknown, again.refused) == (first.spent, first.unknown, False)
        smaller = Account(Budget(tokens=cap // 2))
        tried(calm, smaller, n, together, journal)
        for account in (again, smaller):
            assert account.overrun == account.held == ZERO
        assert at_most(again).tokens <= cap
        assert at_most(smaller).tokens <= cap // 2


@law
@given(st.integers(0, 9999), st.integers(1, 6), st.integers(1, 3), st.sampled_from([150, 400, 10**6]))
def test_a_run_pays_for_failed_attempts_from_what_is_set_aside_for_nobody(
    seed: int, n: int, problems: int, cap: int
) -> None:
    """A problem's worst case foresees none of them: with money left in the run, none is refused for that."""
    run, engine = Account(Budget(tokens=cap)), Stormy(seed, 0.4)
    worst = Cost(n, n * len(PROBLEM.prompt), 0, n * MOST)

    async def admitted() -> None:
        admission = Admission(run)
        for index in range(problems):
            account = await admission.admit(index, worst, Account().cap)
            await asyncio.to_thread(tried, engine, account, n, 2)
            assert not account.refused or cap < 10**6
            admission.leave(index, account.taken)

    asyncio.run(admitted())
    assert run.held == run.overrun == ZERO
    assert run.spent.tokens <= engine.books <= at_most(run).tokens <= cap


attempts = st.lists(st.tuples(st.integers(0, 9), st.just(0), st.integers(0, 4 * MOST)), max_size=3)


def total(parts: Sequence[Attempts]) -> tuple[int, int]:
    flat = [attempt for part in parts for attempt in part]
    return sum(prompt for prompt, _, _ in flat), sum(made for _, _, made in flat)


@law
@given(attempts, st.integers(4, 7))
def test_a_failed_call_is_divided_so_that_each_draw_bears_what_was_reserved_for_it(
    sold: list[tuple[int, int, int]], n: int
) -> None:
    parts = split(sold, n, MOST)
    assert total(parts) == total([tuple(sold)])
    for part in parts:
        assert all(made <= MOST for _, _, made in part)
    error = BadResponse("of no use")
    error.sold, error.unknown = tuple(sold), tuple(sold)
    failures = divided(error, n, MOST)
    assert all(a is not b for a, b in pairwise(failures))
    for failure, part in zip(failures, parts, strict=True):
        assert isinstance(failure, BadResponse)
        assert (str(failure), failure.sold, failure.unknown) == (str(error), part, part)


def test_a_share_of_an_account_bears_what_its_lender_has_and_no_more() -> None:
    """Shares of a worst case may be raised; those of a stated cap may not."""
    run = Account(Budget(tokens=100))
    run.lender = lambda cost: cost.tokens <= 30
    mine, other = run.split([ZERO] * 2)
    assert mine.reserve(Cost(1, 50))
    assert not mine.bear(Cost(0, 40))
    assert mine.bear(Cost(0, 30))
    assert other.reserve(Cost(1, 50))
    within = Account(Budget(tokens=100)).child(Budget(tokens=60))
    within.lender = None
    assert within.reserve(Cost(1, 50))
    assert not within.bear(Cost(0, 20))
    half = Account(Budget(tokens=100)).split([ZERO] * 2)[0]
    assert half.reserve(Cost(1, 50))
    assert not half.bear(Cost(0, 1))


def test_a_problem_borrows_nothing_that_is_set_aside_for_another() -> None:
    async def main() -> None:
        admission = Admission(Account(Budget(tokens=100)))
        one, other = [await admission.admit(i, Cost(1, 40), Account().cap) for i in range(2)]
        assert one.reserve(Cost(1, 40))
        assert one.bear(Cost(0, 20))
        assert not one.bear(Cost(0, 1))
        assert other.reserve(Cost(1, 40))

    asyncio.run(main())
