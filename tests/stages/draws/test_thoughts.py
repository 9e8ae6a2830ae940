"""Thinking in pieces: where they end, what a verifier ends, and that no budget of a thought is exceeded."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role
from itc.algebra.strategy import Strategy, holds
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.errors import ConfigError
from itc.keys import Key
from itc.library import parse
from itc.methods.budget_forcing import budget_forcing
from itc.stages.draws.thoughts import reflection, thought
from itc.stages.stopping.trim import settled, trim
from itc.testing.promise import Promise, demand
from itc.testing.splitters import PROMISES
from itc.types import Candidate, Population, Problem, Step
from tests.laws.engine import Digits
from tests.laws.trees import context, law, run

LINES = (
    "so 3",
    "Wait, no",
    "But then",
    "Butter",
    "Waiting",
    "Hmm.",
    "let me check",
    "Let me double-check it",
)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda p: p.says)
def test_reflection_is_a_splitter(promise: Promise) -> None:
    asyncio.run(demand(reflection(least=1), promise, 30, 0))


@law
@given(st.lists(st.sampled_from(LINES), max_size=8), st.integers(1, 20))
def test_a_passage_ends_before_a_line_that_takes_it_up_anew(lines: list[str], least: int) -> None:
    text = "\n".join(lines)
    turns = ("Wait, ", "But ", "Hmm.", "Let me double-check ")
    starts = [len("\n".join(lines[:i])) + 1 for i in range(1, len(lines)) if f"{lines[i]} ".startswith(turns)]
    expected = next((at for at in starts if at - 1 >= least), None)
    found = reflection(least=least).run(text + "\n", ())
    assert found == expected
    for end in range(expected or 0, len(text) + 1):
        told = reflection(least=least).run(text[:end], ())
        assert told in (None, expected)


def thinking(*steps: Step, done: bool = False) -> Candidate:
    return Candidate(Key("t", len(steps)), steps, done=done)


def test_a_thought_is_over_where_it_ended() -> None:
    def over(*candidates: Candidate) -> bool:
        return asyncio.run(holds(thought, Population(candidates), context()))

    ended, open_ = Step("a", 1, kind="thought"), Step("a", 1, kind="thought", finish="length")
    assert over(thinking(ended))
    assert not over(thinking(open_))
    assert not over(thinking())
    assert not over(thinking(Step("a", 1)))
    assert over(thinking(Step("a", 1), done=True))


@law
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3), st.integers(1, 3), st.integers(0, 99))
def test_a_thought_keeps_to_its_budget_and_the_answer_to_its_own(
    thinking_tokens: int, solution_tokens: int, waits: int, n: int, seed: int
) -> None:
    method = budget_forcing(thinking_tokens, solution_tokens, waits, n=n, open="<", close=">")
    for c in run(method, seed=seed).trace.made.values():
        assert c.spent_on("thought") <= thinking_tokens
        assert c.spent_on("solution") <= solution_tokens
        assert sum(s.text == "Wait" for s in c.steps) <= waits
    made = run(method, seed=seed).population[0]
    assert made.text.startswith("<")
    assert [s.text for s in made.steps if s.kind == "thought"][-1] == ">"
    assert made.steps[-1].kind == "solution"


class Thinker:
    """Thinks one passage after another, for ever; the verifier agrees from passage ``enough`` on."""

    def __init__(self, enough: int, says: str = "Yes") -> None:
        self.enough, self.says = enough, says
        self.judged: list[str] = []
        self.passages = 0

    def __call__(self, r: Request) -> Completion:
        if r.prompt.startswith("Problem:"):
            self.judged.append(r.prompt)
            yes = f"passage {self.enough}." in r.prompt
            return Completion(self.says if yes else "No", "eos", Usage(5, 0, 1))
        if r.step:
            self.passages += 1
            return Completion(f"passage {self.passages}.\n\n", "step", Usage(5, 0, 4))
        return Completion("so 4", "eos", Usage(5, 0, 2))


def played(strategy: Strategy, thinker: Thinker) -> tuple[Candidate, Context]:
    role = Role(FunctionBackend(thinker), Sampling(max_tokens=1000, step_tokens=100))
    ctx = Context(Problem("p", "What?"), {"policy": role, "judge": role}, answers=Digits())
    return asyncio.run(strategy(Population.root(ctx.problem), ctx))[0], ctx


TRIMR = parse(r"trimr(200, 50, 20, at='\n\n')")


@pytest.mark.parametrize("enough", [2, 3, 7])
def test_a_verifier_ends_a_thought(enough: int) -> None:
    thinker = Thinker(enough)
    answer, ctx = played(TRIMR, thinker)
    assert thinker.passages == enough
    assert len(thinker.judged) == enough - 1
    assert answer.answer == "4"
    assert answer.spent_on("thought") == 4 * enough
    assert ctx.trace.spent["judge"].calls == enough - 1
    assert "passage 1." not in thinker.judged[-1] or enough == 2


@pytest.mark.parametrize("says", ["No", "perhaps", ""])
def test_a_thought_that_is_not_ended_has_its_budget(says: str) -> None:
    thinker = Thinker(2, says)
    answer, _ = played(TRIMR, thinker)
    assert thinker.passages == 20
    assert answer.answer == "4"
    short, _ = played(parse(r"trimr(10, 50, 20, at='\n\n')"), thinker := Thinker(99))
    assert thinker.passages == 3
    assert short.answer == "4"


def test_only_thoughts_are_judged_and_each_passage_once() -> None:
    passages = tuple(Step(f"passage {i} ", 2, kind="thought", finish="step") for i in (1, 2))
    due, single, done = (
        thinking(*passages),
        thinking(passages[0]),
        thinking(*passages, Step("4", 1), done=True),
    )
    thinker = Thinker(99)
    role = Role(FunctionBackend(thinker))
    ctx = Context(Problem("p", "What?"), {"judge": role}, answers=Digits())
    pop = asyncio.run((trim() >> trim())(Population((due, single, done)), ctx))
    assert len(thinker.judged) == 1
    assert pop.members[1:] == (single, done)
    assert pop[0].steps[-1].finish == "step"
    assert "passage 1" in thinker.judged[0]
    with pytest.raises(ConfigError):
        trim(reading="nothing of the kind")
    assert settled.kind == "prompt"
