"""A text asked for by a prompt of its own: the request, and the most that it costs."""

from __future__ import annotations

from dataclasses import replace

from itc.algebra.context import Context
from itc.algebra.registry import Ref
from itc.backends.base import Request, Sampling
from itc.budget.cost import Amount, Cost
from itc.keys import Key
from itc.stages.draws.asked import prompt_bytes


def asked(
    prompt: str,
    key: Key,
    ctx: Context,
    role: str,
    index: int | None = None,
    sampling: Sampling | None = None,
) -> Request:
    """One draw from ``prompt`` with the sampling of ``role``, or the one given.

    With ``index`` it is that one of the draws whose keys were folded from the same.
    """
    s = sampling or ctx.role(role).sampling
    return Request(
        prompt,
        key,
        ctx.problem.system,
        temperature=s.temperature,
        top_p=s.top_p,
        top_k=s.top_k,
        min_p=s.min_p,
        max_tokens=s.max_tokens,
        stop=s.stop,
        logprobs=s.logprobs,
        confidence=s.confidence,
        group=None if index is None else key.parent,
        index=index or 0,
    )


def heated(ctx: Context, role: str, temperature: float | None) -> Sampling:
    """The sampling of ``role``, at ``temperature`` if one is given."""
    sampling = ctx.role(role).sampling
    return sampling if temperature is None else replace(sampling, temperature=temperature)


def worst(ctx: Context, role: str, prompt: Ref, count: Amount, tokens: Amount) -> tuple[Cost, int]:
    """The most that one draw from ``prompt`` costs, asked about ``count`` candidates of ``tokens`` tokens
    each; and the most completion tokens it has."""
    played = ctx.role(role)
    limit = played.sampling.max_tokens
    request = Request("", Key(), ctx.problem.system, max_tokens=limit)
    bytes_ = prompt_bytes(prompt, ctx.problem, count, tokens)
    return played.price.cost(played.backend.prompt_bound(request) + bytes_, 0, limit), limit
