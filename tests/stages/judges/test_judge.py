"""A judge of single candidates: what it is shown, how often it is asked, and what its replies come to."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.algebra.context import Shape
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Usage
from itc.budget.cost import Budget
from itc.errors import ConfigError
from itc.keys import Key
from itc.library import parse
from itc.stages.draws.extend import step
from itc.stages.judges.judge import judge
from itc.stages.judges.listwise import Elected
from itc.stages.judges.shown import shown_bytes
from itc.types import Candidate, Kind, Population, Step
from tests.laws.trees import JUDGING, run
from tests.stages.judges.judging import PROBLEM, bare, candidates, judged, shown

texts = st.lists(st.sampled_from(("a", "b", "cc", "dé", "")), max_size=6)


def coin(r: Request, rng: Random) -> str:
    return f"Verdict: {'Yes' if rng.random() < 0.5 else 'No'}"


@pytest.mark.parametrize(("k", "right"), [(1, 0.7), (5, 0.7), (9, 0.6)])
def test_k_verifications_are_right_as_often_as_the_binomial_says(k: int, right: float) -> None:
    """A judge who is right with probability p about each text, independently: the majority of k is right with
    the binomial's upper tail."""
    pop = candidates(*(f"text {i}" for i in range(4000)))
    stage = judge(bare, k)
    ran = judged(stage, pop, lambda r, rng: f"Verdict: {'Yes' if rng.random() < right else 'No'}")
    scores = ran.scores()
    hits = sum(x is not None and x > 0.5 for x in scores) / len(scores)
    chance = sum(math.comb(k, i) * right**i * (1 - right) ** (k - i) for i in range(k // 2 + 1, k + 1))
    assert abs(hits - chance) < 4 * math.sqrt(chance * (1 - chance) / len(scores))
    mean = math.fsum(x or 0.0 for x in scores) / len(scores)
    assert abs(mean - right) < 4 * math.sqrt(right * (1 - right) / (k * len(scores)))


@settings(deadline=None)
@given(texts, st.integers(1, 4))
def test_equal_solutions_are_judged_once_and_alike(given_: list[str], k: int) -> None:
    ran = judged(judge(bare, k), candidates(*given_), coin)
    different = {t for t in given_ if t.strip()}
    assert len(ran.asked) == k * len(different)
    told = dict(zip(given_, ran.scores(), strict=True))
    assert ran.scores() == [told[t] for t in given_]
    assert all((x is None) == (not t.strip()) for t, x in told.items())


@settings(deadline=None)
@given(texts, st.integers(1, 3), st.integers(0, 3))
def test_the_first_verdicts_are_those_of_fewer(given_: list[str], k: int, more: int) -> None:
    pop = candidates(*given_)
    few, many = (judged(judge(bare, n), pop, coin) for n in (k, k + more))
    assert {r.identity("") for r in few.asked} <= {r.identity("") for r in many.asked}


@settings(deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_a_verdict_does_not_depend_on_its_company(given_: list[str], rng: Random) -> None:
    order = list(given_)
    rng.shuffle(order)
    stage = judge(bare, 2)
    told = [
        dict(zip(ts, judged(stage, candidates(*ts), coin).scores(), strict=True)) for ts in (given_, order)
    ]
    assert told[0] == told[1]


def test_under_a_cap_every_text_is_judged_before_any_is_judged_twice() -> None:
    ran = judged(judge(bare, 3), candidates("a", "b", "c"), coin, Budget(calls=5))
    assert [shown(r) for r in ran.asked] == [["a"], ["b"], ["c"], ["a"], ["b"]]
    assert None not in ran.scores()
    ran = judged(judge(bare, 3), candidates("a", "b", "c"), coin, Budget(calls=2))
    assert ran.scores()[2] is None
    assert ran.ctx.account.refused


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([j for j in JUDGING if not isinstance(j, Elected)]), st.integers(0, 99))
def test_a_judge_never_changes_a_later_draw(stage: Strategy, seed: int) -> None:
    plain = run(step(3) >> step(2), seed=seed).population
    with_judge = run(step(3) >> stage >> step(2) >> stage, seed=seed).population
    assert [(c.key, c.text, c.parent) for c in with_judge] == [(c.key, c.text, c.parent) for c in plain]


def unsure(r: Request, rng: Random) -> str:
    """Of each text: yes, unreadable, no, unreadable."""
    return ("Verdict: Yes", "Hm.", "Verdict: No", "Verdict: perhaps")[r.index]


@pytest.mark.parametrize(
    ("stage", "score", "share"),
    [
        (judge(bare, 4), 0.5, 0.5),
        (judge(bare, 4, invalid=0.0), 0.25, 0.5),
        (judge(bare, 4, invalid=1), 0.75, 0.5),
        (judge(bare, 1), 1.0, None),
        (judge(bare, 4, "winner"), None, 1.0),
        (judge(bare, 4, "winner", invalid=0.0), 0.0, 1.0),
    ],
)
def test_what_cannot_be_read_is_never_silently_zero(
    stage: object, score: float | None, share: float | None
) -> None:
    ran = judged(stage, candidates("a"), unsure)  # type: ignore[arg-type]
    assert ran.scores() == [score]
    assert ran.scores("judge_invalid") == [share]
    replies = [c for c in ran.ctx.trace.made.values() if c.steps[-1].kind == "critique"]
    assert len(replies) == len(ran.asked)
    assert sum(c.has_score("invalid") for c in replies) == (share or 0.0) * len(replies)


def test_it_sees_solutions_alone() -> None:
    """No critique, plan or thought, nothing of the policy's prompt and system turn."""
    kinds: tuple[Kind, ...] = ("thought", "solution", "critique", "plan", "observation", "solution")
    c = Candidate(Key("c"), tuple(Step(kind, 3, kind=kind) for kind in kinds))
    ran = judged(judge(bare), Population((c,)), coin)
    (r,) = ran.asked
    assert (r.prompt, r.system, r.prefix) == ("<solutionsolution>", "", "")
    for name in ("verify_solution", "is_correct", "grade_solution", "value_state", "could_do_better"):
        (r,) = judged(judge(name), Population((c,)), coin).asked
        assert PROBLEM.question in r.prompt
        assert "solutionsolution" in r.prompt
        assert r.system == ""
        assert not any(word in r.prompt for word in ("thought", "critique", "observation", PROBLEM.prompt))


def test_what_has_a_verdict_of_its_name_is_not_judged_again() -> None:
    stage = judge(bare, 2)
    once = judged(stage, candidates("a", "b"), coin)
    again = judged(stage, once.population, coin)
    assert (again.asked, again.scores()) == ([], once.scores())
    other = judged(judge(bare, 2, by="other"), once.population, coin)
    assert len(other.asked) == 4
    longer = once.population.map(lambda c: Candidate(c.key, (*c.steps, Step("more", 4)), scores=c.scores))
    assert len(judged(stage, longer, coin).asked) == 4


def test_a_probability_asks_for_the_likeliest_tokens() -> None:
    def sure(r: Request, rng: Random) -> Completion:
        assert (r.alternatives, r.max_tokens, r.temperature) == (20, 1, 0.25)
        likeliest = (("Yes", math.log(0.6)), ("No", math.log(0.2)))
        return Completion("Yes", usage=Usage(1, 0, 1), alternatives=(likeliest,))

    stage = judge("is_correct", reading="p_yes", max_tokens=1, temperature=0.25)
    assert judged(stage, candidates("a"), sure).scores() == [pytest.approx(0.75)]
    assert ("judge", "alternatives") in stage.needs.capabilities
    assert ("judge", "alternatives") not in judge("is_correct").needs.capabilities


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_no_prompt_is_longer_than_its_bound(given_: list[str]) -> None:
    """Of as many texts, each as long as the longest; a token is a byte at the least."""
    pop = candidates(*given_)
    longest = max(len(t.encode("utf-8", "surrogatepass")) for t in given_)
    for name in ("most_consistent", "rank_solutions", "principles_and_critiques", "bare"):
        stage = parse(f"elected({name})")
        asked = len(str(stage.prompt.run(PROBLEM, pop.members)).encode("utf-8", "surrogatepass"))  # type: ignore[attr-defined]
        assert asked <= shown_bytes(stage.prompt, PROBLEM, len(pop), longest)  # type: ignore[attr-defined]


def test_numbers_of_two_digits_are_in_the_bound() -> None:
    stage = parse("elected(most_consistent)")
    many = candidates(*("x" * 8 for _ in range(120)))
    asked = len(str(stage.prompt.run(PROBLEM, many.members)))  # type: ignore[attr-defined]
    assert asked <= shown_bytes(stage.prompt, PROBLEM, 120, 1) < asked + 10  # type: ignore[attr-defined]


def test_the_bound_is_k_replies_to_every_candidate() -> None:
    ran = judged(judge(bare, 3, max_tokens=7), candidates("a", "bb"), coin)
    cost, shape = judge(bare, 3, max_tokens=7).bound(Shape(2, 0, 2), ran.ctx)
    assert (cost.calls, cost.completion_tokens) == (6, 42)
    assert cost.prompt_tokens >= 3 * sum(len(r.prompt) for r in ran.asked[:2])
    assert shape == Shape(2, 0, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("judge(verify_solutoin)", "Did you mean 'verify_solution'"),
        ("judge(is_correct, reading=p_yse)", "Did you mean 'p_yes'"),
        ("judge(is_correct, 0)", "expected an integer ≥ 1"),
        ("judge(is_correct, invalid=2)", r"expected a number in \[0, 1\]"),
        ("judge(is_correct, max_tokens=0)", "expected an integer ≥ 1"),
        ("judge(is_correct, by='')", "expected a name"),
        ("temper(judge, 0)", "expected a number > 0"),
        ("appraised(is_correct, meta=meta)", "go together"),
        ("appraised(is_correct, 2, meta=meta, keep=3)", "expected at most k=2"),
        ("tournament(form=swiss)", "none of knockout, round_robin"),
        ("self_evaluation(5, 2)", "a width that divides n"),
    ],
)
def test_errors_say_what_to_try(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(text)
