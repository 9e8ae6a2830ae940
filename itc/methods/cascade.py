"""A cascade of models: the cheap one answers, and the next is asked where the answer is in doubt.

Chen et al. 2023, "FrugalGPT", arXiv 2305.05176, section 3, where a scorer's threshold accepts an answer; Yue
et al. 2023, "Large Language Model Cascades with Mixture of Thoughts Representations", arXiv 2310.03094,
where the agreement of several draws does. Deviations: one threshold for all models, given and not learned;
where the budget refuses the next model, the cheaper one's answers stand.
"""

from __future__ import annotations

from itc.algebra.control import route
from itc.algebra.registry import prompt, strategy
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy, count, number
from itc.errors import ConfigError
from itc.stages.draws.extend import sample
from itc.stages.layers.fuse import fuse
from itc.stages.layers.roles import roles
from itc.stages.routing.difficulty import certain
from itc.stages.score import score
from itc.stages.selection.select import vote
from itc.types import Candidate, Problem


@prompt
def asked_anew(problem: Problem, candidates: tuple[Candidate, ...]) -> str:  # noqa: ARG001
    """The question as at first: whoever is asked sees nothing of earlier answers."""
    return problem.prompt


@strategy
def cascade(
    models: str = "draft policy",
    n: int = 4,
    by: str | None = None,
    agg: str | None = None,
    at_least: float = 0.7,
) -> Strategy:
    """``n`` draws of each of the roles ``models``, apart by spaces, in turn, until the score ``by`` of one of
    them, or without it the share of them that agree, is ``at_least`` so much.

    One unit of ``n`` costs at most a draw of every model, and with ``by`` a rating. ConfigError for one draw
    without a scorer.
    """
    if by is None and n < 2:
        raise ConfigError("cascade(n=1): a single draw agrees with itself. Raise n, or name a scorer by=.")
    number(at_least, "cascade(at_least)", 0.0, 1.0)
    first, *later = roles(models, "cascade(models)")
    rate = identity if by is None else score(by, agg)
    test = certain(at_least=at_least) if by is None else certain(by=by, at_least=at_least)
    onward: Strategy = identity
    for role in reversed(later):
        ask = fuse(asked_anew, count(n, "cascade(n)", 1), role=role) >> rate
        onward = route(test, sure=identity, unsure=ask >> onward)
    return sample(n, role=first) >> rate >> onward >> vote(by)
