"""First to finish, over HTTP: the losers are aborted upstream, by the server's own log, and paid for."""

from __future__ import annotations

import pytest

from itc.algebra.context import Context, Role
from itc.backends.base import Sampling
from itc.backends.openai import OpenAIBackend
from itc.budget.account import Account
from itc.budget.cost import ZERO
from itc.methods.first_finish import first_finish
from itc.methods.short_majority import short_majority
from itc.stages.draws.extend import sample
from itc.stages.stopping.enough import enough
from itc.types import Population, Problem
from tests.backends.client import run
from tests.backends.server import Server
from tests.laws.trees import law_crowded

PROBLEM = Problem("p", "what is two and two")


def context(backend: OpenAIBackend) -> Context:
    return Context(PROBLEM, {"policy": Role(backend, Sampling(max_tokens=60))}, Account())


async def lengths(server: Server, backend: OpenAIBackend, seed: int) -> list[int]:
    """Tokens of eight whole draws, from a server in no hurry to be slow."""
    made = await sample(8)(Population.root(PROBLEM, seed), context(backend))
    server.calls.clear()
    return [c.tokens for c in made]


async def told(server: Server, backend: OpenAIBackend) -> tuple[int, list[int]]:
    """A seed for which the shortest draw is short and alone, and the lengths of all."""
    for seed in range(50):
        found = await lengths(server, backend, seed)
        least, second = sorted(found)[:2]
        if least <= 8 and second >= least + 3:
            return seed, found
    raise AssertionError("no seed has one short draw")


@pytest.mark.parametrize("dialect", ["vllm", "llama.cpp"])
def test_one_finishes_and_seven_are_aborted(dialect: str) -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        seed, tokens = await told(server, backend)
        server.token_seconds = 0.1
        ctx = context(backend)
        made = await first_finish(8)(Population.root(PROBLEM, seed), ctx)
        await server.until(lambda: sum(c.aborted for c in server.calls) == 7)
        assert [c.tokens for c in made] == [min(tokens)]
        assert [c.tokens for c in server.calls if c.done] == [min(tokens)]
        spent = ctx.account.spent
        assert spent.calls == len(server.calls) == 8
        assert spent.completion_tokens == sum(c.tokens for c in server.calls)
        assert spent.completion_tokens <= 8 * (min(tokens) + 1) < sum(tokens)
        assert spent.prompt_tokens == 8 * 5
        assert ctx.account.held == ZERO
        assert ctx.account.path == min(tokens)

    run(body, dialect)  # type: ignore[arg-type]


def test_three_finish_and_the_other_five_are_aborted() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        for seed in range(200):
            tokens = await lengths(server, backend, seed)
            third, fourth = sorted(tokens)[2:4]
            if third <= 12 and fourth >= third + 3:
                break
        server.token_seconds = 0.1
        ctx = context(backend)
        made = await short_majority(8, 3)(Population.root(PROBLEM, seed), ctx)
        await server.until(lambda: sum(c.aborted for c in server.calls) == 5)
        assert made[0].tokens == min(tokens)
        assert ctx.account.spent.completion_tokens == sum(c.tokens for c in server.calls)

    run(body)


def test_what_was_begun_too_early_is_aborted() -> None:
    async def body(server: Server, backend: OpenAIBackend) -> None:
        seed = 0
        while (tokens := await lengths(server, backend, seed))[0] + 3 > min(tokens[1:4]) or tokens[0] > 12:
            seed += 1
        server.token_seconds = 0.1
        ctx = context(backend)
        lazy = enough(sample(8), law_crowded(size=1), 1, 3)
        made = await lazy(Population.root(PROBLEM, seed), ctx)
        await server.until(lambda: sum(c.aborted for c in server.calls) == 3)
        assert [c.tokens for c in made] == tokens[:1]
        assert len(server.calls) == ctx.account.spent.calls == 4
        assert ctx.account.spent.completion_tokens == sum(c.tokens for c in server.calls)

    run(body)
