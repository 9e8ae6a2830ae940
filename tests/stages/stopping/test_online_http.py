"""Draws that are stopped for want of confidence, over HTTP: aborted by the server's own log, and paid for."""

from __future__ import annotations

import pytest

from itc.algebra.context import Context, Role
from itc.backends.base import Sampling
from itc.backends.openai import OpenAIBackend
from itc.budget.account import Account
from itc.budget.cost import ZERO
from itc.methods.deepconf_online import deepconf_online
from itc.types import Population, Problem
from tests.backends.client import run
from tests.backends.server import Server

PROBLEM = Problem("p", "what is two and two")


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_unsure_draws_are_aborted_upstream(dialect: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        ctx = Context(PROBLEM, {"policy": Role(backend, Sampling(max_tokens=60))}, Account())
        server.token_seconds = 0.05
        strict = deepconf_online(10, 4, 0.3, window=3, share=1.0, every=6, k=4)
        winner = await strict(Population.root(PROBLEM), ctx)
        cut = [c for c in ctx.trace.made.values() if c.finish == "cut"]
        await server.until(lambda: sum(c.aborted for c in server.calls) == len(cut))
        assert len(server.calls) == 10
        assert len(cut) >= 3
        assert all(c.answer is None and c.score("confidence") == 0.0 for c in cut)
        assert winner[0].finish != "cut"
        assert sum(c.tokens for c in cut) == sum(c.tokens for c in server.calls if c.aborted)
        assert ctx.account.spent.completion_tokens == sum(c.tokens for c in server.calls)
        assert ctx.account.held == ZERO

    run(body, dialect)  # type: ignore[arg-type]
