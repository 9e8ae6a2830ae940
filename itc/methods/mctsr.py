"""Monte Carlo tree self-refine: a tree of whole answers, each a critique and a rewriting of its parent.

Zhang et al. 2024, "Accessing GPT-4 level Mathematical Olympiad Solutions via Monte Carlo Tree Self-refine",
arXiv 2406.07394; as run by https://github.com/trotsky1997/MathBlackBox. The answer of greatest UCT = Q + c
√(ln(N_parent + 1) / (N + ε)) is refined; Q = ½ (min R + mean R) of its rewards in [−100, 100], with children
½ (Q + max Q) of both. Deviations: the reward is a scorer's, 200 × score − 100, and a text is rated once,
where theirs asks the model anew at every visit; no answer "I don't know" is put beside the first; the gold
answer ends nothing.
"""

from __future__ import annotations

from itc.algebra.registry import prompt, strategy
from itc.algebra.strategy import Strategy, count, number
from itc.frontiers.mctsr import refining
from itc.stages.draws.extend import annotate, rewrite, sample
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.select import top
from itc.types import Candidate, Problem


@prompt
def find_flaws(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for criticism of an answer."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    return f"{problem.prompt}\n\nA weak answer:\n{answer}\n\nPoint out every flaw in it, step by step:\n"


@prompt
def mend(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a better answer than one that was criticised."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    flaws = "".join(s.text for c in candidates for s in c.steps if s.kind == "critique")
    return (
        f"{problem.prompt}\n\nA weak answer:\n{answer}\n\nIts flaws:\n{flaws}\n\n"
        "Write a better answer, in full:\n"
    )


@strategy
def mctsr(
    rollouts: int = 8,
    by: str = "prm",
    agg: str | None = "last",
    c: float = 1.4,
    children: int = 3,
    width: int = 1,
) -> Strategy:
    """A first answer, then ``rollouts`` refinements, ``width`` of them side by side under virtual loss.

    One unit of ``rollouts`` costs two draws, a critique and an answer, and a rating. An answer with
    ``children`` refinements, one at least as good as itself, is refined no more.
    """
    refine = (annotate(find_flaws) >> rewrite(mend)).atomic() >> score(by, agg)
    order = refining(by=by, c=number(c, "mctsr(c=)", 0.0, 1e6), width=count(children, "mctsr(children)", 1))
    return sample() >> score(by, agg) >> search(refine, order, rollouts, width) >> top(1, by)
