"""The policy's own probability of what it wrote (Wang et al. 2022, arXiv 2203.11171, section 3.1)."""

from __future__ import annotations

import math

from itc.scorers.base import scorer
from itc.types import Candidate

_LOGPROBS = frozenset({("policy", "logprobs")})


@scorer(needs=_LOGPROBS)
def likelihood(c: Candidate) -> float:
    """exp Σ log p over the tokens: the probability of the whole path, in [0,1].

    Below 1e-308, some 700 nats, it is 0; long paths are better compared by `normalized_likelihood`.
    """
    return math.exp(min(0.0, c.logprob))


@scorer(needs=_LOGPROBS)
def normalized_likelihood(c: Candidate) -> float:
    """exp of the mean log-probability of a token, in [0,1]: the geometric mean, blind to length."""
    return math.exp(min(0.0, c.logprob / max(1, c.tokens)))


@scorer(stepwise=True, needs=_LOGPROBS)
def step_likelihood(c: Candidate) -> tuple[float, ...]:
    """`normalized_likelihood` of each step by itself: a stand-in where there is no reward model."""
    return tuple(math.exp(min(0.0, s.logprob / max(1, s.tokens))) for s in c.steps)
