"""Draws: what is asked for, what a child inherits, when it is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from itc.algebra.context import Context, Role
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.errors import ConfigError
from itc.stages.draws.extend import annotate, rewrite, sample, step
from itc.types import Candidate, Finish, Population, Step
from tests.laws.engine import Digits
from tests.laws.trees import PROBLEM, Memory, law_improve, law_merge, run


def draw(
    strategy: Strategy,
    reply: Callable[[Request], Completion],
    sampling: Sampling | None = None,
    pop: tuple[Candidate, ...] = (),
) -> tuple[Population, list[Request]]:
    """What a strategy makes of an engine, and what it asked for."""
    asked: list[Request] = []

    def noted(request: Request) -> Completion:
        asked.append(request)
        return reply(request)

    role = Role(FunctionBackend(noted), sampling or Sampling(max_tokens=20, step_tokens=8, stop=("Q:",)))
    ctx = Context(PROBLEM, {"policy": role, "judge": role}, answers=Digits(), decisions=Memory())
    start = Population(pop) if pop else Population.root(PROBLEM)
    return asyncio.run(strategy(start, ctx)), asked


def replies(*texts: tuple[str, Finish, int]) -> Callable[[Request], Completion]:
    """One after another."""
    left = iter(texts)

    def reply(request: Request) -> Completion:
        text, finish, tokens = next(left)
        return Completion(text, finish, Usage(1, 0, tokens), (-0.5,) * tokens)

    return reply


def test_a_sample_is_keyed_by_candidate_and_number_alone() -> None:
    out, asked = draw(sample(3), replies(*[("7", "eos", 1)] * 3))
    origin = Population.root(PROBLEM)[0].key
    assert [c.key for c in out] == [origin.fold("draw", i) for i in range(3)] == [r.key for r in asked]
    assert [c.parent for c in out] == [origin] * 3
    assert [(r.index, r.group) for r in asked] == [(i, origin) for i in range(3)]
    assert len({r.identity("m") for r in asked}) == 3


def test_candidates_of_one_text_may_share_a_call() -> None:
    """Each keeps its key; a candidate of another text is apart."""
    alike, _ = draw(identity * 2, replies())
    (other,), _ = draw(step(), replies(("b", "step", 1)))
    _, asked = draw(step(2), replies(*[("a", "step", 1)] * 6), pop=(alike[0], other, alike[1]))
    assert [r.prefix for r in asked] == ["", "", "b", "b", "", ""]
    assert [r.group for r in asked] == [alike[0].key] * 2 + [other.key] * 2 + [alike[0].key] * 2
    assert [r.index for r in asked] == [0, 1, 0, 1, 2, 3]
    assert [r.key for r in asked[4:]] == [alike[1].key.fold("draw", i) for i in range(2)]


def test_every_sampling_field_is_sent() -> None:
    _, (request,) = draw(sample(temperature=0.5, top_p=0.9, max_tokens=11), replies(("7", "eos", 1)))
    assert (request.temperature, request.top_p, request.max_tokens) == (0.5, 0.9, 11)
    assert (request.stop, request.step, request.prefix) == (("Q:",), "", "")
    _, (request,) = draw(step(), replies(("7", "eos", 1)))
    assert (request.temperature, request.max_tokens, request.step) == (1.0, 8, "\n\n")
    _, (request,) = draw(step(at=5), replies(("7", "eos", 1)))
    assert (request.max_tokens, request.step) == (5, "")
    _, (request,) = draw(step(at="."), replies(("7", "eos", 1)))
    assert (request.max_tokens, request.step) == (8, ".")


def test_a_step_goes_on_until_the_model_ends_or_the_path_is_full() -> None:
    out, asked = draw(
        step() ** 4, replies(("a\n\n", "step", 8), ("b", "length", 8), ("c", "length", 4), ("!", "eos", 1))
    )
    assert [r.max_tokens for r in asked] == [8, 8, 4]  # 20 tokens a path, 8 a step
    assert [r.prefix for r in asked] == ["", "a\n\n", "a\n\nb"]
    assert (out[0].text, out[0].done, out[0].tokens, out[0].finish) == ("a\n\nbc", True, 20, "length")
    assert out[0].logprob == -10.0
    out, asked = draw(step() ** 3, replies(("a\n\n", "step", 2), ("the answer is 7", "eos", 4)))
    assert (len(asked), out[0].done, out[0].answer) == (2, True, "7")


def test_a_step_of_which_the_server_did_not_say_how_it_ended() -> None:
    """An empty piece, or one that states the answer, is the end; any other gets its delimiter."""
    out, _ = draw(step(), replies(("one", "open", 1)))
    assert (out[0].text, out[0].done, out[0].finish) == ("one\n\n", False, "step")
    out, _ = draw(step(), replies(("it is 4", "open", 1)))
    assert (out[0].text, out[0].done, out[0].answer) == ("it is 4", True, "4")
    out, _ = draw(step() ** 2, replies(("one", "open", 1), (" ", "open", 1)))
    assert (out[0].done, out[0].finish) == (True, "eos")


def test_an_empty_step_ends_a_path() -> None:
    """Else a model that has nothing to add would be asked for ever."""
    out, asked = draw(step() ** 5, replies(("", "step", 0), ("x", "eos", 1)))
    assert out[0].done
    assert len(asked) == 1


def test_finished_candidates_are_not_drawn_from_again() -> None:
    out, asked = draw(sample() >> sample(5) >> step(5), replies(("7", "eos", 1)))
    assert len(out) == len(asked) == 1


def test_a_rewrite_replaces_and_an_annotation_adds() -> None:
    texts = (("draft 1", "eos", 2), ("wrong", "eos", 1), ("draft 2", "eos", 2))
    out, asked = draw(sample() >> annotate(law_merge) >> rewrite(law_improve), replies(*texts))
    assert asked[1].prompt == "How many?draft 1"
    assert "draft 1wrong" in asked[2].prompt
    assert [(s.text, s.kind) for s in out[0].steps] == [("draft 2", "solution")]
    assert out[0].answer == "2"
    out, _ = draw(sample() >> annotate(law_merge, kind="plan"), replies(*texts))
    assert [(s.text, s.kind) for s in out[0].steps] == [("draft 1", "solution"), ("wrong", "plan")]
    # A text that no longer ends in a solution has no answer to vote with.
    assert out[0].answer is None


def test_token_ids_continue_a_path_exactly() -> None:
    def reply(request: Request) -> Completion:
        return Completion("ab\n\n", "step", Usage(1, 0, 2), token_ids=(len(request.prefix_ids), 9))

    _, asked = draw(step() ** 2, reply)
    assert asked[1].prefix_ids == (0, 9)
    assert asked[1].prefix == "ab\n\n"
    _, asked = draw(step() ** 2, replies(("a\n\n", "step", 1), ("b", "eos", 1)))
    assert asked[1].prefix_ids == ()


def test_how_sure_the_model_was_is_kept() -> None:
    def reply(request: Request) -> Completion:
        told = (1.5, 0.25)[: 2 if request.confidence else 0]
        return Completion("ab", "eos", Usage(1, 0, 2), token_confidences=told)

    out, (request,) = draw(sample(confidence=20), reply)
    assert (request.confidence, request.alternatives) == (20, 0)
    assert out[0].steps[0].token_confidences == (1.5, 0.25)
    out, _ = draw(sample(), reply, Sampling(confidence=3))
    assert out[0].steps[0].token_confidences == (1.5, 0.25)
    out, _ = draw(sample(), reply)
    assert out[0].steps[0].token_confidences == ()


def test_other_roles_draw_too() -> None:
    assert run(sample(role="judge")).trace.spent.keys() == {"judge"}
    assert sample(role="judge").needs.capabilities == {("judge", "")}
    assert step().needs.capabilities == {("policy", "continue")}


def test_what_is_drawn_is_kept_whole() -> None:
    out, _ = draw(sample(), replies(("7", "eos", 2)))
    assert out[0].steps == (Step("7", 2, -1.0, (-0.5, -0.5), (), "solution", "eos"),)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sample(0),
        lambda: sample(True),
        lambda: sample(temperature=-0.1),
        lambda: sample(top_p=1.1),
        lambda: sample(max_tokens=0),
        lambda: step(at=0),
        lambda: step(at=""),
        lambda: annotate(law_merge, kind="solution"),
        lambda: rewrite("unheard_of"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Strategy]) -> None:
    with pytest.raises(ConfigError):
        make()
