"""When stages are fused, and that fusing removes the barrier."""

from __future__ import annotations

import asyncio

from itc.algebra.local import Chain, fuse
from itc.backends.base import Completion, Request
from itc.budget.cost import Budget
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.score import score
from itc.types import Population
from tests.laws.engine import Engine
from tests.laws.trees import PROBLEM, context, law_improve, root

STAGES = (sample(2), rewrite(law_improve), score("rule"), step())


def test_a_run_of_local_stages_becomes_a_chain() -> None:
    chain, taken = fuse(STAGES, root(), context())
    assert chain == Chain(STAGES[:2])
    assert taken == 2
    assert fuse(STAGES[1:], root(), context()) == (STAGES[1], 1)
    assert fuse(STAGES, Population(), context()) == (STAGES[0], 1)


def test_it_needs_a_budget_that_covers_the_worst_case() -> None:
    for cap in (Budget(calls=4), Budget(completion_tokens=64), Budget(sequential_tokens=64)):
        assert fuse(STAGES, root(), context(cap))[1] == 2
    for cap in (Budget(calls=3), Budget(completion_tokens=63), Budget(sequential_tokens=63)):
        assert fuse(STAGES, root(), context(cap))[1] == 1
    for cap in (Budget(tokens=10**9), Budget(usd=10**6)):  # prompts yet unwritten are not bounded exactly
        assert fuse(STAGES, root(), context(cap))[1] == 1


def test_no_draw_waits_for_a_sibling() -> None:
    """The first candidate is rewritten while the second is still being drawn."""
    order: list[str] = []

    class Noted(Engine):
        def reply(self, r: Request) -> Completion:
            order.append("draw" if r.prompt == PROBLEM.prompt else "rewrite")
            return super().reply(r)

    engine = Noted(delay=lambda r: 400 if r.index == 1 and r.prompt == PROBLEM.prompt else 1)

    async def go() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task((sample(2) >> rewrite(law_improve))(root(), context(engine=engine)))
            for _ in range(100):
                await asyncio.sleep(0)
            assert order == ["draw", "draw", "rewrite"]

    asyncio.run(go())
    assert order == ["draw", "draw", "rewrite", "rewrite"]
