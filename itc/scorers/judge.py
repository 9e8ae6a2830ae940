"""Judges as scorers: whatever takes ``by=`` can be told to ask a language model.

``score(judge)``, ``tree_of_thoughts(by=value, agg=None)``, ``best_of_n(by=p_true, agg=None)``: the scorers
below are there under their names, and `judged` makes one of your own. What each asks, and how the reply is
read, is a judge of `itc.stages.judges.judge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from itc.algebra.context import Context, Shape
from itc.algebra.registry import Ref
from itc.budget.cost import Cost
from itc.scorers.base import SCORERS
from itc.stages.judges.judge import Judge, judge
from itc.stages.judges.judge_prompts import grade_solution, is_correct, value_state, verify_solution
from itc.types import Candidate


@dataclass(frozen=True)
class JudgeScorer:
    """One score for the whole path, in [0,1]; None where no reply came or none could be read."""

    judge: Judge
    reads_text: ClassVar[bool] = True

    @property
    def stepwise(self) -> bool:
        """It rates the solution so far as a whole."""
        return False

    @property
    def about(self) -> str:
        """What it asks."""
        return f"A judge: {self.judge}."

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """The judge's role, and what is read of it."""
        return self.judge.needs.capabilities

    @property
    def fingerprint(self) -> str:
        """The judge's expression."""
        return str(self.judge)

    async def __call__(
        self, candidates: Sequence[Candidate], ctx: Context
    ) -> Sequence[tuple[float, ...] | None]:
        """Equal solutions are judged once."""
        verdicts = await self.judge.verdicts(candidates, ctx)
        return [None if v is None or v.value is None else (v.value,) for v in verdicts]

    def bound(self, shape: Shape, ctx: Context) -> Cost:
        """k replies about every candidate at its longest."""
        return self.judge.cost(shape, ctx)

    def named(self, by: str) -> JudgeScorer:
        """The same under another name: a path that has a score of its name is not judged again."""
        return JudgeScorer(replace(self.judge, by=by))


def judged(
    by: str,
    prompt: Ref | str,
    k: int = 1,
    reading: str = "verdict",
    role: str = "judge",
    invalid: float | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> JudgeScorer:
    """The scorer ``by`` that asks ``role`` k times, as the stage `judge` does. ConfigError as there."""
    made = judge(
        prompt,
        k,
        reading,
        role=role,
        by=by,
        invalid=invalid,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    assert isinstance(made, Judge)
    return JudgeScorer(made)


JUDGES: Mapping[str, JudgeScorer] = {
    "judge": judged("judge", verify_solution),
    "grade": judged("grade", grade_solution, reading="grade"),
    "value": judged("value", value_state, reading="likeliness"),
    "p_true": judged("p_true", is_correct, reading="p_yes", role="policy", max_tokens=1),
}
"""By name: ``judge`` checks step by step and gives a verdict; ``grade`` gives 0 to 10; ``value`` says of an
unfinished solution that it is sure, likely or impossible to be completed (1, ½, 0), as a tree of thoughts is
searched by (Yao et al. 2023, arXiv 2305.10601, who add up three such values of 20, 1 and 0.001); ``p_true``
is the policy's own probability that its solution is right (Kadavath et al. 2022, arXiv 2207.05221). The
first three ask the role ``judge``."""
SCORERS.update(JUDGES)
