"""What a judge is shown: solutions, under labels; and how long a prompt of them may become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import get_args

from itc.algebra.context import BYTES_PER_TOKEN
from itc.algebra.registry import Ref
from itc.budget.cost import Amount
from itc.keys import Key
from itc.stages.draws.path import solution
from itc.types import Candidate, Kind, Problem, Step

_PROBE = 1000


def listed(candidates: Sequence[Candidate], label: str = "Response") -> str:
    """The solutions, each under its number from 1: "Response 1:" and so on."""
    return "\n\n".join(f"{label} {i}:\n{solution(c).strip()}" for i, c in enumerate(candidates, 1))


def worth_showing(candidates: Iterable[Candidate]) -> list[Candidate]:
    """One candidate for each solution that has any text, in order of first appearance."""
    seen: dict[str, Candidate] = {}
    for c in candidates:
        if solution(c).strip():
            seen.setdefault(solution(c), c)
    return list(seen.values())


def text_key(what: str, problem: Problem, *texts: str) -> Key:
    """Randomness that belongs to texts about a problem, wherever and under whatever seed they were made."""
    parts = (blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() for t in texts)
    return Key(what, problem.id, *parts)


def shown_bytes(prompt: Ref, problem: Problem, n: Amount, tokens: Amount) -> Amount:
    """UTF-8 bytes of the prompt for ``n`` candidates of ``tokens`` tokens each, at most.

    Measured on ``n`` empty and ``n`` long candidates, so that labels and numbers count as they are, taking
    the prompt to be linear in the texts, of whatever kind; infinite where it cannot be made of such probes.
    """
    if n == math.inf:
        return math.inf
    try:
        none = _length(prompt, problem, int(n), 0)
        long = max(_length(prompt, problem, int(n), _PROBE, kind) for kind in get_args(Kind))
    except Exception:
        return math.inf
    longer = max(0, long - none)
    if not longer or tokens == math.inf:
        return math.inf if longer else none
    return none + math.ceil(longer * tokens * BYTES_PER_TOKEN / _PROBE)


def _length(prompt: Ref, problem: Problem, n: int, size: int, kind: Kind = "solution") -> int:
    probes = tuple(Candidate(Key("probe", i), (Step("x" * size, kind=kind),), done=True) for i in range(n))
    return len(str(prompt.run(problem, probes)).encode("utf-8", "surrogatepass"))
