"""What the laws do not fix: needs, worst cases worked by hand, arguments that are refused."""

from __future__ import annotations

import asyncio

import pytest

from itc.algebra.context import Shape
from itc.algebra.control import Atomic, Within, route
from itc.algebra.parallel import empty, race
from itc.algebra.registry import router
from itc.algebra.sequence import Pipeline, identity, repeats
from itc.algebra.strategy import Needs, Strategy
from itc.budget.cost import UNBOUNDED, UNLIMITED, Budget
from itc.errors import ConfigError, StrategyFailed
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.score import score
from itc.stages.selection.select import top, vote
from tests.laws.engine import Engine
from tests.laws.trees import Memory, bound, context, law_always, law_never, law_size, root, run


@router
def law_astray(pop: object, ctx: object) -> str:
    return "nowhere"


@router
async def law_slowly(pop: object, ctx: object) -> str:
    await asyncio.sleep(0)
    return "here"


def test_needs_are_gathered_from_everywhere() -> None:
    s = (step() >> score("prm", "last")).until(law_never, 2) | sample(role="judge").within(calls=2).atomic()
    assert s.needs == Needs(frozenset({("policy", "continue"), ("judge", "")}), frozenset({"prm"}))
    assert identity.needs == Needs()


def test_worst_cases_by_hand() -> None:
    """A prompt has 9 bytes; an answer 16 tokens of 8 bytes, a step 6."""
    cost, shape = bound(sample(3) >> score("prm", "last") >> vote())
    assert (cost.calls, cost.completion_tokens) == (6, 48)
    assert cost.prompt_tokens == 3 * 9 + 3 * (9 + 16 * 8)
    assert (shape.count, shape.live) == (1, 0)
    cost, shape = bound(step(2) ** 3)
    assert (cost.calls, cost.completion_tokens) == (2 + 4 + 8, 2 * 6 + 4 * 6 + 8 * 6)
    assert (shape.count, shape.live, shape.tokens) == (8, 8, 16)
    assert bound(step(2).within(calls=1) >> top(1, "prm"))[0].calls == 1
    assert bound(sample() * 4)[0].calls == bound(sample().grow(law_never, 4))[0].calls == 4
    assert bound(route(law_size, few=sample(2), many=step(5)))[0].completion_tokens == 32
    assert Strategy().bound(Shape(), context())[0] == UNBOUNDED


def test_until_is_bounded_quickly_when_nothing_changes() -> None:
    assert bound(vote().until(law_never, 10**9))[0].calls == 0


def test_atomic_and_within_simplify() -> None:
    assert sample().atomic().atomic() == Atomic(sample())
    assert sample().within(Budget(calls=3)) == Within(sample(), Budget(calls=3))
    assert sample().within(UNLIMITED) == sample()
    with pytest.raises(ConfigError, match="run"):
        sample().within(seconds=5)


def test_what_an_atomic_discards_stays_spent() -> None:
    ran = run((sample() >> rewrite("law_merge")).atomic(), Budget(calls=1))
    assert ran.population == root()
    assert ran.spent.calls == 1


def test_a_router_may_be_slow_and_must_name_an_arm() -> None:
    assert run(route(law_slowly, here=sample())).population == run(sample()).population
    with pytest.raises(StrategyFailed, match="few, many"):
        run(route(law_astray, few=sample(), many=step()))
    assert run(route(law_astray, few=sample()).otherwise(sample())).population == run(sample()).population
    with pytest.raises(ConfigError):
        route(law_size)


def test_a_race_needs_branches() -> None:
    with pytest.raises(ConfigError):
        race(accept=law_always)
    with pytest.raises(ConfigError):
        race(3, accept=law_always)  # type: ignore[arg-type]


def test_a_race_that_was_won_is_not_run_again() -> None:
    contest = race(sample(temperature=0.5), sample(temperature=0.25), accept=law_always)
    memory = Memory()
    slow = Engine(delay=lambda r: 99 if r.temperature == 0.5 else 0, caches=False)
    ctx = context(engine=slow, decisions=memory)
    won = asyncio.run(contest(root(), ctx))
    other = Engine(delay=lambda r: 99 if r.temperature == 0.25 else 0, caches=False)
    again = context(engine=other, decisions=memory)
    assert asyncio.run(contest(root(), again)) == won
    assert again.account.spent == ctx.account.spent
    assert len(other.asked) == 1


@pytest.mark.parametrize("n", [-1, 1.5, True, "2", None])
def test_counts_are_whole(n: object) -> None:
    for make in (
        lambda: sample() ** n,
        lambda: sample().until(law_never, n),
        lambda: sample().grow(law_never, n),
    ):
        with pytest.raises(ConfigError):
            make()
    with pytest.raises(ConfigError):
        sample() * n


def test_operators_take_strategies_only() -> None:
    for make in (lambda: sample() >> 3, lambda: sample() | 3, lambda: sample() * sample()):
        with pytest.raises((TypeError, ConfigError)):
            make()
    with pytest.raises(ConfigError):
        sample().otherwise(3)  # type: ignore[arg-type]


def test_repetitions_are_found() -> None:
    a, b = sample(), step()
    assert repeats((a, b, a, b, a)) == [((a, b), 2), ((a,), 1)]
    assert repeats(()) == []
    assert repeats((a,) * 5) == [((a,), 5)]


def test_units_are_themselves() -> None:
    assert (str(identity), str(empty)) == ("identity", "empty")
    assert Pipeline.of() == identity
    assert empty >> identity == empty
    assert (empty >> empty).parts() == (empty, empty)
    assert len(run(empty).population) == 0


def test_a_strategy_that_is_none_of_ours_says_so() -> None:
    with pytest.raises(TypeError):
        str(Strategy())
    with pytest.raises(TypeError):
        run(Strategy())
