"""Texts that are given, thoughts beside the solution, and the budgets of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role, Shape
from itc.algebra.strategy import Strategy
from itc.backends.base import Request, Sampling
from itc.backends.embedded import EmbeddedBackend
from itc.budget.cost import ZERO, Budget
from itc.errors import ConfigError
from itc.library import parse
from itc.stages.draws.extend import sample, step
from itc.stages.draws.write import write
from itc.types import Finish, Kind, Population, Step
from tests.laws.engine import Digits
from tests.laws.trees import PROBLEM, bound, context, law, run
from tests.stages.draws.test_extend import draw, replies

MODEL = Path(__file__).parents[2] / "backends/embedded/golden/policy"
THINK = step(at=6, stop="</t>", kind="thought", max_tokens=10)


def test_a_text_is_a_step_that_costs_nothing_and_is_sent_back() -> None:
    out, (request,) = draw(write("so ") >> sample(), replies(("7", "eos", 1)))
    assert out[0].steps == (Step("so ", finish="step"), Step("7", 1, -0.5, (-0.5,)))
    assert (request.prefix, request.prefix_ids, request.max_tokens) == ("so ", (), 20)
    assert (out[0].text, out[0].tokens, out[0].answer) == ("so 7", 1, "7")
    ran = run(write("so "), Budget(calls=0, tokens=0))
    assert (ran.spent, ran.population[0].text, ran.account.refused) == (ZERO, "so ", False)


def test_what_is_written_has_a_key_and_a_place_in_the_tree() -> None:
    ran = run(write("a") >> write("b") >> sample(2))
    first, second = (c for c in ran.trace.made.values() if not c.done)
    assert [first.text, second.text] == ["a", "ab"]
    assert (second.parent, {c.parent for c in ran.population}) == (first.key, {second.key})
    assert len({c.key for c in ran.trace.made.values()}) == 4


def test_finished_candidates_are_left_unless_reopened() -> None:
    out, asked = draw(sample() >> write("no") >> sample(), replies(("7", "eos", 1)))
    assert (out[0].text, len(asked)) == ("7", 1)
    out, asked = draw(
        sample() >> write(" Wait", reopen=True) >> sample(), replies(("7", "eos", 1), ("8", "eos", 1))
    )
    assert [r.prefix for r in asked] == ["", "7 Wait"]
    assert (out[0].text, out[0].answer, out[0].done) == ("7 Wait8", "8", True)
    (held,) = draw(sample() >> write(" Wait", reopen=True), replies(("7", "eos", 1)))[0]
    assert (held.done, held.answer) == (False, None)


def test_only_what_ended_so_is_lengthened() -> None:
    out, _ = draw(
        step(3) >> write("!", after="step"),
        replies(("a\n\n", "step", 1), ("b", "eos", 1), ("c", "length", 8)),
    )
    assert [c.text for c in out] == ["a\n\n!", "b", "c"]
    out, _ = draw(write("(", after="open") >> write("[", after="open"), replies())
    assert out[0].text == "("


def test_a_thought_finishes_nothing_and_is_no_answer() -> None:
    for text, finish in (("is it 4? ", "eos"), ("is it 4?", "length"), ("", "eos"), ("so 4\n\n", "step")):
        out, _ = draw(step(kind="thought"), replies((text, cast(Finish, finish), 3)))
        assert (out[0].done, out[0].answer, out[0].solution) == (False, None, ())
        assert out[0].steps[0].kind == "thought"
    out, asked = draw(
        THINK >> write("</t>", kind="thought") >> sample(), replies(("4?", "eos", 2), ("3", "eos", 1))
    )
    assert (out[0].text, out[0].answer) == ("4?</t>3", "3")
    assert (asked[0].stop, asked[0].step, asked[0].max_tokens) == (("Q:", "</t>"), "", 6)
    assert (asked[1].stop, asked[1].prefix) == (("Q:",), "4?</t>")


def test_thoughts_and_solution_have_budgets_of_their_own() -> None:
    out, asked = draw(
        THINK**4 >> sample(max_tokens=3),
        replies(("a" * 6, "length", 6), ("b" * 4, "length", 4), ("7", "eos", 1)),
    )
    # The thoughts are used up after 6 + 4 tokens, so two of the four draw nothing.
    assert [r.max_tokens for r in asked] == [6, 4, 3]
    assert (out[0].spent_on("thought"), out[0].spent_on("solution"), out[0].answer) == (10, 1, "7")
    out, asked = draw(sample(max_tokens=5) >> step(), replies(("7", "eos", 5)))
    assert len(asked) == 1


def test_a_thought_that_has_ended_is_not_drawn_again_until_more_is_written() -> None:
    out, asked = draw(THINK**5, replies(("hm", "eos", 1)))
    assert (len(asked), out[0].text) == (1, "hm")
    force = (
        THINK >> (write("Wait", kind="thought", after="eos") >> THINK) ** 2 >> write("</t>", kind="thought")
    )
    out, asked = draw(
        force >> sample(),
        replies(("hm", "eos", 2), ("well", "eos", 2), ("yes", "length", 6), ("3", "eos", 1)),
    )
    assert [r.prefix for r in asked] == ["", "hmWait", "hmWaitwellWait", "hmWaitwellWaityes</t>"]
    assert [r.max_tokens for r in asked] == [6, 6, 6, 20]
    # What ended at its limit is not lengthened.
    out, asked = draw(force, replies(("hm", "length", 6), ("so", "length", 4)))
    assert ([r.prefix for r in asked], out[0].text) == (["", "hm"], "hmso</t>")


def test_an_empty_thought_is_over() -> None:
    _, asked = draw(step(kind="thought") ** 3, replies(("", "step", 0)))
    assert len(asked) == 1


def test_what_the_server_did_not_say_is_told_by_the_text_alone() -> None:
    """A thought may hold an answer that is none."""
    out, _ = draw(step(kind="thought"), replies(("it is 4", "open", 1)))
    assert (out[0].text, out[0].finish) == ("it is 4\n\n", "step")
    out, _ = draw(step(kind="thought"), replies((" ", "open", 1)))
    assert out[0].finish == "eos"


pieces = st.sampled_from(
    [
        write("ä" * 9),
        write("x", kind="thought"),
        write("y" * 30, reopen=True),
        THINK,
        step(2, kind="thought", at=3),
        step(),
        step(max_tokens=3),
        sample(),
    ]
)


@law
@given(st.lists(pieces, min_size=1, max_size=7))
def test_a_path_is_never_longer_than_its_bound(stages: list[Strategy]) -> None:
    whole = stages[0]
    for stage in stages[1:]:
        whole = whole >> stage
    cost, shape = bound(whole)
    for seed in range(3):
        ran = run(whole, seed=seed)
        assert ran.spent.prompt_tokens <= cost.prompt_tokens
        assert ran.spent.completion_tokens <= cost.completion_tokens
        assert sum(not c.done for c in ran.population) <= shape.live
        for c in ran.population:
            given = sum(len(s.text.encode()) for s in c.steps if not s.tokens)
            assert c.tokens + given / 8 <= shape.tokens
            assert c.tokens - c.spent_on("solution") <= shape.apart


def test_a_bound_knows_the_two_budgets_apart() -> None:
    ctx = context()
    alone = (step() ** 9).bound(Shape(), ctx)[1]
    assert alone.apart == 0
    thought = THINK.bound(Shape(), ctx)[1]
    assert (thought.tokens, thought.apart, thought.live) == (6, 6, 1)
    both = (THINK >> step() ** 9).bound(Shape(), ctx)[1]
    assert (both.tokens, both.apart) == (alone.tokens + 6, 6)
    assert ((step() | THINK) >> step() ** 9).bound(Shape(), ctx)[1].apart == 6
    assert write("123456789").bound(Shape(), ctx) == (ZERO, Shape(1, 1, 2, apart=2))
    assert write("1", reopen=True).bound(Shape(5, 0), ctx)[1] == Shape(5, 5, 1, apart=1)
    assert write("1").bound(Shape(5, 0), ctx)[1] == Shape(5, 0)


def test_texts() -> None:
    for text in (
        'write("Wait", kind=thought, after=eos)',
        "write('</t>\\n', reopen=True)",
        "step(2, at=6, stop='</t>', kind=thought, max_tokens=10, confidence=20)",
        "sample(4, stop='.', confidence=-1)",
    ):
        assert parse(str(parse(text))) == parse(text)
    assert str(write("Wait", kind="thought")) == "write(Wait, kind=thought)"
    assert str(THINK) == "step(max_tokens=10, stop='</t>', at=6, kind=thought)"
    assert step(kind="solution") == step()


def test_what_is_needed_is_asked_before_anything_is_spent() -> None:
    assert sample(confidence=20).needs.capabilities == {("policy", ""), ("policy", "confidence")}
    over_all = step(role="judge", confidence=-1).needs.capabilities
    assert {("judge", "confidence"), ("judge", "vocabulary")} <= over_all
    assert write("x").needs.capabilities == {("policy", "continue")}


def test_the_embedded_model_thinks_and_answers_with_confidences() -> None:
    async def go() -> Population:
        engine = EmbeddedBackend(MODEL)
        ctx = Context(
            PROBLEM, {"policy": Role(engine, Sampling(max_tokens=12, confidence=4))}, answers=Digits()
        )
        strategy = step(3, at=5, kind="thought", confidence=2) >> write(" so ", kind="thought") >> sample()
        try:
            return await strategy(Population.root(PROBLEM), ctx)
        finally:
            await engine.close()

    for c in asyncio.run(go()):
        thought, given, answer = c.steps
        assert [s.kind for s in c.steps] == ["thought", "thought", "solution"]
        assert (given.tokens, given.token_confidences) == (0, ())
        assert len(thought.token_confidences) == thought.tokens <= 5
        assert len(answer.token_confidences) == answer.tokens <= 12


def test_the_keyword_goes_before_the_roles_own() -> None:
    seen: list[Request] = []
    for strategy, wanted in ((sample(), 0), (sample(confidence=5), 5), (step(confidence=-1), -1)):
        ran = run(strategy)
        seen += ran.engine.asked
        assert [r.confidence for r in ran.engine.asked] == [wanted]
    assert len({r.identity("m") for r in seen}) == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: write(""),
        lambda: write("x", kind="verdict"),
        lambda: write("x", after="tired"),
        lambda: step(kind="answer"),
        lambda: sample(stop=""),
        lambda: sample(confidence=-2),
        lambda: step(confidence=1.5),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Strategy]) -> None:
    with pytest.raises(ConfigError):
        make()


def test_every_kind_can_be_written_and_drawn() -> None:
    for kind in get_args(Kind):
        out, _ = draw(write("x", kind=kind) >> step(kind=kind), replies(("y\n\n", "step", 1)))
        assert [s.kind for s in out[0].steps] == [kind, kind]
