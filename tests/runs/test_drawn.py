"""Finished runs as draws: which may be exchanged, and that the curves end where the runs' own votes do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import numpy as np
import pytest

from itc.analysis.curves import curves
from itc.analysis.draws import NO_ANSWER
from itc.api import run
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.budget.cost import Budget
from itc.errors import ConfigError, Rejected
from itc.library import parse
from itc.runs.drawn import Drawing, drawing, draws_of
from itc.runs.job import Errors
from itc.runs.result import Result
from itc.scorers.base import FunctionScorer
from itc.tasks import Example, Task
from itc.types import Candidate, Problem

N = 9
ASKED = tuple(Example(Problem(f"p{i}", f"How many are {i}?"), gold="7") for i in range(16))
PROBLEMS = Task("counts", ASKED, "gsm8k", "0" * 64, "here", "none")


def guess(r: Request) -> Completion:
    """Right more often on the later problems; equal answers in several spellings, and sometimes none."""
    rng = Random(f"{r.seed}/{r.prompt}")
    easy = int(r.prompt.split()[1 + r.prompt.split().index("are")].rstrip("?")) / 16
    said = "7" if rng.random() < 0.2 + 0.6 * easy else str(rng.randrange(4))
    said = rng.choice([said, f"{said}.0", f"{said}.00"])
    words = rng.randrange(2, 9)
    text = f"{'so ' * words}\n#### {said}" if rng.random() < 0.9 else "so so"
    return Completion(text, "eos", Usage(5, 0, words + 1))


def length(c: Candidate) -> float:
    return 1 / (1 + c.tokens)


def ran(text: str, folder: Path, **more: object) -> Result:
    return run(
        text,
        task=PROBLEMS,
        model=FunctionBackend(guess),
        scorers={"length": FunctionScorer(length)},
        workspace=folder,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sample(4)", Drawing(4, False, ())),
        ("sample()", Drawing(1, False, ())),
        ("sample() * 4", Drawing(4, True, ())),
        ("(sample() >> rewrite(refine)) * 3", Drawing(3, True, ())),
        ("(step(2) ** 3 >> top(1, prm)) * 5", Drawing(5, True, ())),
        ("sample(4) >> score(prm, last)", Drawing(4, False, (("prm", "score(prm, last)"),))),
        (
            "sample(2) >> score(a) >> score(b, min) >> reweight(b)",
            Drawing(2, False, (("a", "score(a)"), ("b", "score(b, min)"))),
        ),
        ("sample(4) >> vote()", None),
        ("sample(4) >> score(prm, last) >> top(1, prm)", None),
        ("sample(4) >> resample()", None),
        ("sample(2) >> sample(2)", None),
        ("step(4) ** 3", None),
        ("sample().grow(majority, 4)", None),
        ("sample(4).within(tokens=9)", None),
        ("sample(4) | sample(3)", None),
        ("score(a)", None),
        ("identity", None),
        ("beam(4)", None),
    ],
)
def test_which_strategies_leave_draws_that_may_be_exchanged(text: str, found: Drawing | None) -> None:
    assert drawing(parse(text)) == found


@pytest.mark.parametrize("text", [f"sample({N})", f"sample() * {N}"])
def test_the_curves_end_where_the_votes_do(text: str, tmp_path: Path) -> None:
    drawn = ran(f"{text} >> score(length)", tmp_path)
    found = curves(draws_of(drawn))
    assert found.draws.problems == tuple(e.problem.id for e in PROBLEMS)
    ends = {
        "maj@k": "vote()",
        "best-of-k length": "top(1, length)",
        "weighted maj@k length": "vote(length)",
    }
    for name, end in ends.items():
        ended = ran(f"{text} >> score(length) >> {end}", tmp_path)
        assert found.named(name).as_drawn.tolist() == [float(bool(row.correct)) for row in ended.rows], name
    assert drawn.oracle is not None
    assert found.named("pass@k").at(N).mean == drawn.oracle.mean


def test_particle_weights_vote_too(tmp_path: Path) -> None:
    weighed = f"sample({N}) >> score(length) >> reweight(length, mode=set)"
    found = curves(draws_of(ran(weighed, tmp_path)))
    assert "best-of-k weight" not in [curve.name for curve in found.all]
    ended = ran(f"{weighed} >> vote(weight)", tmp_path)
    verdicts = [float(bool(row.correct)) for row in ended.rows]
    assert found.named("weighted maj@k weight").as_drawn.tolist() == verdicts
    # The weight is the score, up to a factor.
    by_score = found.named("weighted maj@k length").values
    assert found.named("weighted maj@k weight").values == pytest.approx(by_score, abs=1e-12)


def test_equal_answers_are_those_of_the_rule(tmp_path: Path) -> None:
    draws = draws_of(ran(f"sample({N})", tmp_path))
    assert draws.classes is not None
    spellings = {c.answer for c in ran(f"sample({N})", tmp_path).candidates}
    assert {"7", "7.0"} <= spellings
    assert (draws.classes == NO_ANSWER).any()
    for row, good in zip(draws.classes, draws.right, strict=True):
        assert len(set(row[good].tolist())) <= 1
        assert not good[row == NO_ANSWER].any()


def test_tokens_are_those_of_fewer_draws(tmp_path: Path) -> None:
    """A prompt for each draw here: k of them cost k prompts, and the completions k of the mean."""
    drawn = ran(f"sample({N})", tmp_path)
    draws = draws_of(drawn)
    assert draws.drawing is not None
    assert draws.drawing[-1] == pytest.approx(drawn.cost.tokens / len(PROBLEMS))
    assert draws.drawing == pytest.approx(draws.drawing[0] * np.arange(1, N + 1))
    copies = draws_of(ran(f"sample() * {N}", tmp_path))
    assert copies.drawing is not None
    assert copies.drawing[-1] == pytest.approx(ran(f"sample() * {N}", tmp_path).cost.tokens / len(PROBLEMS))


def test_one_prompt_for_several_draws_is_paid_once(tmp_path: Path) -> None:
    """An engine that makes several draws in a call: all k of them cost its prompt once."""

    def several(r: Request) -> Completion:
        made = [guess(r) for _ in range(r.n)]
        others = tuple(Completion(c.text, "eos", Usage(0, 0, c.usage.completion_tokens)) for c in made[1:])
        return Completion(made[0].text, "eos", made[0].usage, others=others)

    model = FunctionBackend(several, capabilities=FunctionBackend(guess).capabilities | {"n"})
    result = run(f"sample({N})", task=PROBLEMS, model=model, workspace=tmp_path)
    draws = draws_of(result)
    assert draws.drawing is not None
    prompt = 5.0
    assert result.cost.prompt_tokens == prompt * len(PROBLEMS)
    each = np.diff(draws.drawing)
    assert each == pytest.approx(np.full(N - 1, each[0]))
    assert draws.drawing[0] == pytest.approx(each[0] + prompt)


def test_reading_works_where_a_loop_runs(tmp_path: Path) -> None:
    result = ran("sample(3)", tmp_path)

    async def notebook() -> int:
        return draws_of(result).n

    assert asyncio.run(notebook()) == 3


def test_a_run_that_chose_says_what_to_run_instead(tmp_path: Path) -> None:
    voted = ran(f"sample({N}) >> score(length) >> vote(length)", tmp_path)
    with pytest.raises(ConfigError, match=r"strategy='sample\(9\) >> score\(length\)'") as told:
        draws_of(voted)
    assert "sample(9) >> score(length) >> vote(length)" in str(told.value)
    # It is as good as promised.
    instead = ran(f"sample({N}) >> score(length)", tmp_path)
    assert instead.manifest["billed"]["calls"] == 0
    assert draws_of(instead).n == N
    with pytest.raises(ConfigError, match="depend on one another") as told:
        draws_of(ran("step(2) ** 2", tmp_path))
    assert "Run strategy=" not in str(told.value)


def test_a_budget_that_cut_draws_leaves_the_first_of_each(tmp_path: Path) -> None:
    whole = ran(f"sample({N})", tmp_path)
    cut = ran(f"sample({N})", tmp_path, budget=Budget(calls=4))
    draws = draws_of(cut)
    assert draws.n == 4
    assert np.array_equal(draws.right, draws_of(whole).right[:, :4])


def test_failed_problems_count_as_wrong(tmp_path: Path) -> None:
    def failing(r: Request) -> Completion:
        if "are 3?" in r.prompt:
            raise Rejected("no")
        return guess(r)

    result = run(
        "sample(4)", task=PROBLEMS, model=FunctionBackend(failing), workspace=tmp_path, errors=Errors(most=2)
    )
    draws = draws_of(result)
    assert (draws.failed, len(draws.right)) == (1, len(PROBLEMS))
    assert not draws.right[3].any()
    assert result.accuracy is not None


def test_what_cannot_be_graded_or_was_never_drawn(tmp_path: Path) -> None:
    asked = Example(Problem("p", "How many are 1?"), gold=None)
    ungraded = run(
        "sample(2)",
        task=Task("asked", (asked,), "gsm8k", "0" * 64, "here", "none"),
        model=FunctionBackend(guess),
        workspace=tmp_path,
    )
    with pytest.raises(ConfigError, match="no gold answers"):
        draws_of(ungraded)
    with pytest.raises(ConfigError, match=r"4 candidates of 2 copies"):
        draws_of(ran("sample(2) * 2", tmp_path))
