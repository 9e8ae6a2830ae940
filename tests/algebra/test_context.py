"""What a strategy may use: roles, scorers, accounts; how draws are made, refused and lost."""

from __future__ import annotations

import asyncio

import pytest

from itc.algebra.context import PlainAnswers, Shape, Trace
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.budget.cost import ZERO, Budget, Cost
from itc.errors import BadResponse, ConfigError, ContextOverflow
from itc.keys import Key
from itc.stages.draws.extend import sample, step
from tests.laws.engine import PRICE, Engine
from tests.laws.trees import context, root, run


def requests(n: int, limit: int = 16) -> list[Request]:
    return [Request("How many?", Key("r", i), max_tokens=limit, index=i) for i in range(n)]


def test_unknown_roles_and_scorers_are_named() -> None:
    with pytest.raises(ConfigError, match="policy"):
        context().role("polcy")
    with pytest.raises(ConfigError, match="prm"):
        context().scorer("prn")


def test_draws_come_back_in_order_and_refused_ones_are_none() -> None:
    engine = Engine(jitter=5)
    ctx = context(Budget(calls=3), engine)
    drawn = asyncio.run(ctx.generate(requests(5)))
    assert drawn[:3] == [engine.reply(r) for r in requests(3)]
    assert drawn[3:] == [None, None]
    assert ctx.account.refused
    assert ctx.account.spent == engine.sold
    assert ctx.account.path == max(c.usage.completion_tokens for c in drawn[:3] if c)


def test_a_second_round_uses_what_the_first_left() -> None:
    """20 tokens hold one draw of 16 at worst; draws of 5 make room for three more."""

    def five(request: Request) -> Completion:
        return Completion("3", usage=Usage(1, 0, 5))

    ctx = context(Budget(completion_tokens=31), FunctionBackend(five))
    drawn = asyncio.run(ctx.generate(requests(9)))
    assert [d is not None for d in drawn] == [True] * 4 + [False] * 5
    assert ctx.account.spent.completion_tokens == 20
    assert ctx.account.path == 20


def test_a_path_that_outgrew_the_context_is_finished_and_truncated() -> None:
    def full(request: Request) -> Completion:
        if request.prefix:
            raise ContextOverflow("too long")
        return Completion("1", "step", Usage(1, 0, 1))

    ctx = context(engine=FunctionBackend(full))
    out = asyncio.run((step() >> step())(root(), ctx))
    assert out[0].done
    assert out[0].finish == "length"
    assert ctx.account.spent.calls == 2

    def never(request: Request) -> Completion:
        raise ContextOverflow("the prompt alone is too long")

    with pytest.raises(ContextOverflow):
        asyncio.run(sample()(root(), context(engine=FunctionBackend(never))))


def test_attempts_that_were_served_in_vain_are_paid_for() -> None:
    """Their tokens, and no call: what was asked for is one draw."""

    def late(request: Request) -> Completion:
        return Completion("3", usage=Usage(7, 2, 5), attempts=3, lost=((7, 0, 4), (7, 7, 1)))

    ctx = context(engine=FunctionBackend(late))
    asyncio.run(sample()(root(), ctx))
    spent = ctx.account.spent
    assert (spent.calls, spent.prompt_tokens, spent.cached_tokens, spent.completion_tokens) == (1, 21, 9, 10)
    assert spent.picodollars == sum(PRICE.picodollars(*t) for t in ((7, 2, 5), (7, 0, 4), (7, 7, 1)))
    assert ctx.trace.ledger == {("policy", "sample()"): spent}

    def never(request: Request) -> Completion:
        error = BadResponse("served, and of no use")
        error.sold = ((7, 0, 4),)
        raise error

    ctx = context(engine=FunctionBackend(never))
    with pytest.raises(BadResponse):
        asyncio.run(sample()(root(), ctx))
    assert (ctx.account.spent.calls, ctx.account.spent.tokens, ctx.account.held) == (0, 11, ZERO)
    assert ctx.trace.ledger.total() == ctx.account.spent


def test_the_trace_knows_roles_replays_and_retries() -> None:
    trace = Trace()
    trace.book("policy", Cost(1, 2), replayed=False, attempts=3)
    trace.book("policy", Cost(1, 5), replayed=True)
    trace.book("prm", Cost(1, 7), replayed=False)
    assert trace.spent == {"policy": Cost(2, 7), "prm": Cost(1, 7)}
    assert trace.billed == {"policy": Cost(1, 2), "prm": Cost(1, 7)}
    assert trace.retried == 1
    ran = run(sample(3))
    assert set(ran.trace.made) == {c.key for c in ran.population}


def test_shapes_join() -> None:
    assert Shape(1, 0, 9).join(Shape(2, 2, 3)) == Shape(2, 2, 9)


def test_plain_answers_are_texts() -> None:
    plain = PlainAnswers()
    assert plain.extract(" 7 \n") == "7"
    assert plain.extract(" \n") is None
    assert not plain.finished("7")
    assert asyncio.run(plain.classes(["b", "a", "b"])) == [0, 1, 0]


def test_nothing_asked_is_nothing_spent() -> None:
    ctx = context(Budget(calls=0))
    assert asyncio.run(ctx.generate([])) == []
    assert ctx.account.spent == ZERO
    assert not ctx.account.refused
