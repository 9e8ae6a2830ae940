"""Finished runs as what a compute-optimal policy is fitted on."""

from __future__ import annotations

import json
import math

import numpy as np

from itc.analysis.allocate import Floats, Outcome
from itc.answers import Answers
from itc.runs.result import Result
from itc.runs.rows import Answer


def outcome(result: Result) -> Outcome:
    """Right answers, and tokens computed by any model: those of prompts that were in a cache are left out."""
    right = [float(bool(row.correct)) for row in result.rows]
    tokens = [row.cost.tokens - row.cost.cached_tokens for row in result.rows]
    return Outcome(np.array(right), np.array(tokens, float))


async def ease_of(probe: Result, by: str | None, answers: Answers) -> Floats:
    """How easy each problem looks to the router `difficulty`, from a run of the probe alone: the mean score
    ``by`` of its candidates, or without it the share of them that agree."""
    members: dict[str, list[Answer]] = {row.problem: [] for row in probe.rows}
    for c in probe.candidates:
        members[c.problem].append(c)
    found = []
    for some in members.values():
        if by is not None:
            # Summed as the router sums: the edges of bins are values like these.
            found.append(math.fsum(json.loads(c.scores).get(by, 0.0) for c in some) / max(1, len(some)))
            continue
        classes = list(await answers.classes([c.answer for c in some if c.answer is not None]))
        found.append(max(map(classes.count, classes), default=0) / max(1, len(some)))
    return np.array(found)
