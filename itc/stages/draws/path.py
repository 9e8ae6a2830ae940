"""A path as the prefix of its next draw, and a draw as its next step."""

from __future__ import annotations

from typing import cast

from itc.backends.base import Completion
from itc.types import Candidate, Kind, Step


def step_of(drawn: Completion, kind: str = "solution") -> Step:
    """What was drawn, as a step."""
    return Step(
        drawn.text,
        drawn.usage.completion_tokens,
        sum(drawn.token_logprobs),
        drawn.token_logprobs,
        drawn.token_ids,
        cast(Kind, kind),
        drawn.finish,
        token_confidences=drawn.token_confidences,
    )


def solution(c: Candidate) -> str:
    """The answer's text, without critiques, plans and thoughts."""
    return "".join(s.text for s in c.solution)


def stops(given: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """The stops, and the rest of each that the prefix already begins: "\\nQuestion:" after a line's end."""
    rests = [s[k:] for s in given for k in range(1, len(s)) if prefix.endswith(s[:k])]
    return tuple(dict.fromkeys((*given, *rests)))


def ids_of(c: Candidate) -> tuple[int, ...]:
    """The tokens of the path, which continue it exactly; () unless every step has its own."""
    if all(s.token_ids for s in c.steps):
        return tuple(t for s in c.steps for t in s.token_ids)
    return ()
