"""Options in another order, and answers read back."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable

import pytest
from scipy.stats import chisquare

from itc.algebra.context import Context, Role
from itc.answers import Answers
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.library import parse
from itc.stages.draws.shuffle import letters, reordered
from itc.types import Candidate, Population, Problem

QUESTION = "Which is even?\n(A) 1\n(B) 3\n(C) 4\n(D) 5"
TEMPLATE = "Which is odd?\n(A) 2\n(B) 7\nAnswer: (B)\n\n{}\nAnswer:"


def ask(
    says: Callable[[str], str], n: int, question: str = QUESTION, template: str = TEMPLATE
) -> list[Candidate]:
    prompts = []

    def reply(r: Request) -> Completion:
        prompts.append(r.prompt)
        return Completion(says(r.prompt), "eos", Usage(1, 0, 1))

    async def go() -> Population:
        async with Answers.named("choice") as answers:
            ctx = Context(
                Problem("q", question, template.format(question)),
                {"policy": Role(FunctionBackend(reply))},
                answers=answers,
            )
            return await parse(f"shuffled({n})")(Population.root(ctx.problem), ctx)

    out = list(asyncio.run(go()))
    examples = template.partition("{")[0]
    assert all(p.startswith(examples) for p in prompts), "worked examples are left alone"
    return out


def test_who_knows_the_answer_is_always_understood() -> None:
    def right(prompt: str) -> str:
        found = re.findall(r"^\(([A-D])\) 4$", prompt, re.MULTILINE)
        return f"The answer is {found[-1]}."

    assert {c.answer for c in ask(right, 40)} == {"C"}


def test_a_favourite_place_favours_no_answer() -> None:
    """Who always says A says each option a quarter of the time."""
    said = Counter(c.answer for c in ask(lambda prompt: "The answer is (A).", 800))
    assert set(said) == set("ABCD")
    assert chisquare(list(said.values())).pvalue > 1e-4


def test_draws_are_a_prefix_of_more_draws() -> None:
    assert ask(lambda prompt: "(A)", 8)[:3] == ask(lambda prompt: "(A)", 3)


def test_an_answer_that_is_no_option_stays() -> None:
    assert {c.answer for c in ask(lambda prompt: "The answer is (J).", 5)} == {"J"}


@pytest.mark.parametrize("question", ["Is 4 even?", "A) x\nC) y", "A) x\nA) y"])
def test_a_question_without_options_is_asked_as_it_stands(question: str) -> None:
    assert letters(question) == []
    assert {c.answer for c in ask(lambda prompt: "(B)", 5, question)} == {"B"}


def test_a_prompt_that_words_the_question_otherwise_is_left_alone() -> None:
    assert {c.answer for c in ask(lambda prompt: "(A)", 5, template="Pick a letter.")} == {"A"}


def test_options_keep_their_letters_and_change_their_texts() -> None:
    assert reordered("Q?\nA) x\n B. y\n(C) z\nEnd", [2, 0, 1]) == "Q?\nA) z\n B. x\n(C) y\nEnd"
