"""Budgets by the server's own books: never exceeded, never wasted, the same whatever the order of replies."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

import itc
from itc.algebra.context import Context, Role, Shape
from itc.backends.base import Sampling
from itc.backends.openai import OpenAIBackend, OpenAIConfig
from itc.budget.cost import Budget
from itc.budget.prices import Price
from itc.errors import EXIT_BUDGET, BudgetEnded
from itc.runs.result import Result
from itc.runs.rows import Row
from itc.scorers.base import SCORERS
from tests.runs import toys
from tests.runs.killer import finish, start
from tests.runs.ledger import Ledger

UNITS = ("calls", "prompt_tokens", "completion_tokens", "tokens")
PRICES = ("0.15", "0.0375", "0.6")
PRICE = {"prompt": 0.15, "cached": 0.0375, "completion": 0.6}
UNCAPPED = {
    "self_consistency": {"calls": 24, "prompt_tokens": 21, "completion_tokens": 192, "tokens": 213},
    "beam": {"calls": 26, "prompt_tokens": 217, "completion_tokens": 127, "tokens": 344},
    "particle_filter": {"calls": 12, "prompt_tokens": 152, "completion_tokens": 59, "tokens": 211},
}
"""What a problem costs without a cap, roughly: the caps below are drawn around it."""


def booked(row: Row) -> dict[str, int]:
    whole = row.prompt_tokens + row.completion_tokens
    return {
        "calls": row.calls,
        "prompt_tokens": row.prompt_tokens,
        "cached_tokens": row.cached_tokens,
        "completion_tokens": row.completion_tokens,
        "tokens": whole,
    }


def check_books(ledger: Ledger, client: str, result: Result) -> None:
    """What the run says it spent on each problem is what the server made for it."""
    for row in result.rows:
        assert booked(row) == ledger.spent(client, problem=row.problem)
    if result.cost.usd:
        assert Fraction(int(result.cost.picodollars), 10**12) == ledger.usd(*PRICES, client)
    assert result.manifest["overrun"] == {}
    assert result.manifest["billed"]["calls"] == ledger.spent(client)["calls"]


@pytest.mark.parametrize("strategy", toys.METHODS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_problem_never_exceeds_its_cap(strategy: str, unit: str, tmp_path: Path) -> None:
    rng = Random(f"{strategy} {unit}")
    ledger = Ledger(delay=(0.0, 0.003))
    with ledger.serving():
        for i in range(3):
            # A call is set aside at its worst case, so caps far above the typical cost still bind.
            cap = math.ceil(UNCAPPED[strategy][unit] * rng.uniform(0.2, 8.0 if "tokens" in unit else 1.0))
            budget = Budget.of({unit: cap})
            client = f"try-{i}"
            try:
                space = tmp_path / client
                result = toys.run(strategy, ledger.base_url, space, client, problems=8, budget=budget)
            except BudgetEnded:
                assert not ledger.of(client)
                continue
            check_books(ledger, client, result)
            for row in result.rows:
                assert booked(row)[unit] <= cap


@pytest.mark.parametrize("strategy", toys.METHODS)
@pytest.mark.parametrize("unit", [*UNITS, "usd"])
def test_a_run_never_exceeds_its_cap(strategy: str, unit: str, tmp_path: Path) -> None:
    rng = Random(f"run {strategy} {unit}")
    ledger = Ledger(delay=(0.0, 0.003))
    typical = dict(UNCAPPED[strategy], usd=0.0)
    typical["usd"] = (typical["prompt_tokens"] * 0.15 + typical["completion_tokens"] * 0.6) / 1e6
    with ledger.serving():
        for i in range(2):
            cap = 8 * typical[unit] * rng.uniform(0.3, 1.2 if unit == "calls" else 4.0)
            cap = cap if unit == "usd" else math.ceil(cap)
            client = f"try-{i}"
            try:
                result = toys.run(
                    strategy,
                    ledger.base_url,
                    tmp_path / client,
                    client,
                    problems=8,
                    run_budget=Budget.of({unit: cap}),
                    options={"price": PRICE},
                )
            except BudgetEnded:
                assert not ledger.of(client)
                continue
            check_books(ledger, client, result)
            if unit == "usd":
                assert ledger.usd(*PRICES, client) <= Fraction(cap)
            else:
                assert ledger.spent(client)[unit] <= cap
            for row in result.rows:
                assert row.truncated or row.population == 1


@pytest.mark.parametrize("strategy", toys.METHODS)
def test_a_capped_run_is_the_same_whatever_the_order_of_replies(strategy: str, tmp_path: Path) -> None:
    """The cap binds in the middle of the task; delays, concurrency and problems in flight all differ."""
    calls = UNCAPPED[strategy]["calls"]
    found = []
    for i, (concurrency, in_flight) in enumerate(((8, 512), (1, 512), (3, 4), (64, 512), (8, 1), (8, 512))):
        ledger = Ledger(delay=(0.0, 0.012), jitter=i)
        with ledger.serving():
            result = toys.run(
                strategy,
                ledger.base_url,
                tmp_path / str(i),
                problems=10,
                run_budget=Budget(calls=5 * calls, tokens=40_000),
                in_flight=in_flight,
                options={"concurrency": concurrency},
            )
            check_books(ledger, "test", result)
            assert ledger.most <= concurrency
        found.append(toys.tables(result))
        assert any(r.truncated for r in result.rows)
        assert any(r.done and not r.truncated for r in result.rows)
    assert all(tables == found[0] for tables in found)


@pytest.mark.parametrize("strategy", toys.METHODS)
def test_the_worst_case_is_one(strategy: str, tmp_path: Path) -> None:
    """Planned at most, spent at most that: unit by unit, problem by problem."""
    ledger = Ledger()
    with ledger.serving():
        result = toys.run(strategy, ledger.base_url, tmp_path, options={"price": PRICE})
        backend = OpenAIBackend(OpenAIConfig(ledger.base_url, "toy"))
    work = toys.task()
    sampling = Sampling(max_tokens=64, step_tokens=24, step=work.step_delimiter, logprobs=True)
    roles = {"policy": Role(backend, sampling, Price(**PRICE))}
    parsed = itc.parse(toys.METHODS[strategy])
    for example, row in zip(work.examples, result.rows, strict=True):
        worst, shape = parsed.bound(Shape(), Context(example.problem, roles, scorers=SCORERS))
        for field in dataclasses.fields(row.cost):
            if field.name != "cached_tokens":
                assert getattr(row.cost, field.name) <= getattr(worst, field.name)
        assert row.population <= shape.count
        assert worst.calls < 30 * row.calls


@pytest.mark.parametrize("strategy", toys.METHODS)
def test_when_the_money_ends_the_answers_so_far_are_there(strategy: str, tmp_path: Path) -> None:
    ledger = Ledger()
    with ledger.serving():
        whole = toys.run(strategy, ledger.base_url, tmp_path, "whole")
        part = toys.run(
            strategy, ledger.base_url, tmp_path, "part", run_budget=Budget(calls=int(whole.cost.calls) // 2)
        )
    full = [r for r in part.rows if not r.truncated]
    assert 5 < len(full) < 25
    # The first problems were served in full, and have the answers that they had without a cap.
    by_id = {r.problem: r for r in whole.rows}
    for row in full:
        assert row == by_id[row.problem]
    later = [r for r in part.rows if r.truncated]
    assert {r.problem for r in later} == {r.problem for r in part.rows[-len(later) :]}
    # Whatever had been drawn before the end is kept.
    for row in later:
        assert row.population >= 1
        assert not row.error
    assert part.accuracy is not None
    assert len(part.rows) == 30


def test_leftover_money_goes_to_later_problems(tmp_path: Path) -> None:
    """Admitted at their worst case, 24 calls each, only four would ever be served; most use half."""
    ledger = Ledger(delay=(0.0, 0.005))
    with ledger.serving():
        result = toys.run("particle_filter", ledger.base_url, tmp_path, run_budget=Budget(calls=100))
        assert 100 - 4 < ledger.spent("test")["calls"] <= 100
    served = [r for r in result.rows if r.calls]
    assert len(served) >= 6
    assert [r.problem for r in served] == [r.problem for r in result.rows[: len(served)]]


def test_nothing_at_all_can_be_bought(tmp_path: Path) -> None:
    ledger = Ledger()
    with ledger.serving():
        for _ in range(2):  # read again, it says so again
            with pytest.raises(BudgetEnded, match="The budget ended before any of 30 problems") as error:
                toys.run("beam", ledger.base_url, tmp_path, budget=Budget(completion_tokens=3))
            assert error.value.exit_code == EXIT_BUDGET
        assert not ledger.of()
        code, _, errors = finish(start(ledger, "sample(2).within(calls=0)", tmp_path, "child"))
        assert (code, ledger.of()) == (EXIT_BUDGET, [])
        assert errors.startswith("BudgetEnded")


def capped(ledger: Ledger, workspace: Path, client: str, seconds: float, **rest: Any) -> Result:
    return toys.run("beam", ledger.base_url, workspace, client, run_budget=Budget(seconds=seconds), **rest)


def test_seconds(tmp_path: Path) -> None:
    """It stops in time with what it has, and a resumed run refuses the same draws however fast it is now."""
    slow = Ledger(delay=(0.15, 0.25))
    with slow.serving():
        began = time.monotonic()
        result = capped(slow, tmp_path, "slow", 1.5)
        assert time.monotonic() - began < 1.5 + 1.0
    cut = [r for r in result.rows if r.truncated]
    assert cut
    assert all(not r.error for r in result.rows)
    assert len(slow.of("slow")) > 20
    before = toys.tables(result)
    quick = Ledger()
    with quick.serving():
        shutil.rmtree(result.manifest["directory"])
        again = capped(quick, tmp_path, "quick", 1.5)
        assert toys.tables(again) == before
        assert not quick.of("quick")


def test_seconds_of_a_killed_attempt_count(tmp_path: Path) -> None:
    """Killed after some two of its three seconds, the run has about one left, and ends in it."""
    ledger = Ledger(delay=(0.15, 0.25))
    rest = ("30", '{"run_budget": {"seconds": 3.0}}')
    with ledger.serving():
        with start(ledger, "beam", tmp_path, "first", *rest) as process:
            assert ledger.until(lambda: len(ledger.of("first")) > 8, lambda: process.poll() is not None)
            time.sleep(2.0)
            process.kill()
        began = time.monotonic()
        result = capped(ledger, tmp_path, "second", 3.0)
        # The killed attempt's seconds are known to within one.
        assert time.monotonic() - began < 1.0 + 1.0 + 1.0
    assert result.manifest["attempts"] == 2
    assert any(r.truncated for r in result.rows)
    assert not any(r.error for r in result.rows)


def test_seconds_are_no_cap_when_there_are_enough(tmp_path: Path) -> None:
    ledger = Ledger()
    with ledger.serving():
        free = toys.run("beam", ledger.base_url, tmp_path, "free")
        timed = capped(ledger, tmp_path, "timed", 500.0)
        assert not ledger.of("timed")
    assert list(free.rows) == list(timed.rows)
    assert free.manifest["hash"] != timed.manifest["hash"]
