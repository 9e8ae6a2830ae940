"""From finished runs to a policy, and from the policy to what it really does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import numpy as np
import pytest

from itc.analysis.allocate import applied, ladder
from itc.answers import Answers
from itc.api import run
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.runs.outcomes import ease_of, outcome
from itc.runs.result import Result
from itc.scorers.base import FunctionScorer
from itc.stages.routing.policy_file import Policy
from itc.tasks import Example
from itc.types import Candidate, Problem

PROBLEMS = [Example(Problem(f"p{i}", f"How many are {i}?"), gold="7") for i in range(24)]


def guess(r: Request) -> Completion:
    """Right more often on the later problems, in answers of some length."""
    rng = Random(f"{r.seed}/{r.prompt}")
    easy = int(r.prompt.split()[-1].rstrip("?")) / 24
    said = 7 if rng.random() < 0.2 + 0.7 * easy else rng.randrange(3)
    words = rng.randrange(2, 9)
    return Completion(f"{'so ' * words}{said}", "eos", Usage(5, 0, words + 1))


def length(c: Candidate) -> float:
    return 1 / (1 + c.tokens)


def ran(text: str, folder: Path) -> Result:
    return run(
        text,
        task=PROBLEMS,
        model=FunctionBackend(guess),
        scorers={"length": FunctionScorer(length)},
        workspace=folder,
    )


@pytest.mark.parametrize("by", ["length", None])
def test_a_policy_does_what_its_arms_did(by: str | None, tmp_path: Path) -> None:
    rate = "score(length)"
    whole = {"identity": 2, f"more(5) >> {rate}": 5, f"more(9) >> {rate}": 9}
    arms = {arm: outcome(ran(f"sample({n}) >> {rate} >> vote(length)", tmp_path)) for arm, n in whole.items()}
    probed = ran(f"sample(2) >> {rate}", tmp_path)
    ease = asyncio.run(ease_of(probed, by, Answers.named("math")))
    for rung in ladder(ease, arms, bins=3):
        policy = Policy(f"sample(2) >> {rate}", rung.arms, "vote(length)", rung.edges, by)
        result = ran(str(policy.strategy()), tmp_path)
        did, told = outcome(result), applied(rung, ease, arms)
        assert np.array_equal(did.right, told.right)
        assert np.array_equal(did.tokens, told.tokens)
        assert result.manifest["billed"]["calls"] == 0


def test_ease_is_that_of_the_probe(tmp_path: Path) -> None:
    probed = ran("sample(4) >> score(length)", tmp_path)
    agreement = asyncio.run(ease_of(probed, None, Answers.named("math")))
    assert set(agreement) <= {0.25, 0.5, 0.75, 1.0}
    # What the model knows best it agrees on most.
    assert np.corrcoef(agreement, np.arange(24))[0, 1] > 0.3
