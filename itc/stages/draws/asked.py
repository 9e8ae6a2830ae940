"""How long a registered prompt may become, before the texts it will hold exist."""

from __future__ import annotations

import math
from typing import get_args

from itc.algebra.context import BYTES_PER_TOKEN
from itc.algebra.registry import Ref
from itc.budget.cost import Amount
from itc.keys import Key
from itc.types import Candidate, Kind, Problem, Step

_PROBE = 1000


def prompt_bytes(prompt: Ref, problem: Problem, count: Amount, tokens: Amount) -> Amount:
    """UTF-8 bytes of the prompt for ``count`` candidates of ``tokens`` tokens each, at most.

    Measured on probes, taking the prompt to be linear in the number of candidates and in their texts, of
    whatever kind it shows; infinite where it cannot be made from such probes.
    """
    try:
        none, one, two = (_length(prompt, problem, n, "") for n in (0 if count > 1 else 1, 1, 2))
        long = max(_length(prompt, problem, 1, "x" * _PROBE, kind) for kind in get_args(Kind))
    except Exception:
        return math.inf
    each = max(0, two - one, one - none)
    copies = math.ceil(max(0, long - one) / _PROBE)
    text = count * tokens * BYTES_PER_TOKEN * copies if copies else 0
    return one + each * max(0, count - 1) + text


def _length(prompt: Ref, problem: Problem, count: int, text: str, kind: Kind = "solution") -> int:
    steps = (Step(text, kind=kind),) if text else ()
    probes = tuple(Candidate(Key("probe", i), steps, done=True) for i in range(count))
    return len(str(prompt.run(problem, probes)).encode("utf-8", "surrogatepass"))
