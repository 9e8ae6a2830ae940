"""Layers, routes and cascades against traces worked by hand: who is asked what, in order, and who wins.

A file in tests/golden/layered holds the calls. Each names the role that is asked, texts that its prompt shows
in this order and texts that it must not show, and the reply; a call that shows nothing is the question as it
stands. A reply of {"option": …} is the letter at which that option stands in the prompt. The result is the
solution, null for any, and the answer; "spent" is calls and completion tokens, of which a draw has 2.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import itc.methods
from itc.algebra.context import Context, Role
from itc.answers import Answers
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.library import parse
from itc.scorers.base import SCORERS, ModelScorer
from itc.stages.draws.path import solution
from itc.types import Population, Problem
from tests.laws.engine import Digits

FOLDER = Path(__file__).parents[1] / "golden" / "layered"
TRACES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
ROLES = ("policy", "second", "draft", "judge", "prm")


class Script:
    """Replies in the order written, if it is asked what is written."""

    def __init__(self, trace: dict[str, Any]) -> None:
        self.question = trace.get("question", "?")
        self.calls = iter(trace["calls"])

    def played(self, role: str, r: Request) -> Completion:
        call = next(self.calls, None)
        assert call is not None, f"{role} is asked once more: {r.prompt!r}"
        assert call["role"] == role, r.prompt
        if r.score_steps is not None:
            assert "".join(r.score_steps) == call["rates"]
            return Completion(scores=(call["reply"],) * len(r.score_steps), usage=Usage(5))
        self.check(call, r)
        reply, tokens = call["reply"], call.get("tokens", 2)
        if isinstance(reply, dict):
            letter = re.search(rf"^([A-J])\) {reply['option']}$", r.prompt, re.MULTILINE)
            assert letter is not None
            reply = f"The answer is ({letter[1]})."
        return Completion(reply, call.get("finish", "eos"), Usage(10, 0, tokens))

    def check(self, call: dict[str, Any], r: Request) -> None:
        assert r.prefix == call.get("prefix", "")
        assert r.max_tokens >= call.get("tokens", 2)
        at = 0
        for shown in call.get("shows", []):
            at = r.prompt.find(shown, at)
            assert at >= 0, f"{shown!r} is not in its place in {r.prompt!r}"
            at += len(shown)
        for hidden in call.get("hides", []):
            assert hidden not in r.prompt
        if "shows" not in call and not isinstance(call["reply"], dict):
            assert r.prompt == self.question


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_does_what_was_worked_by_hand(name: str, seed: int) -> None:
    trace = TRACES[name]
    script = Script(trace)

    def role(name: str) -> Role:
        engine = FunctionBackend(lambda request: script.played(name, request))
        return Role(engine, Sampling(max_tokens=100, step_tokens=10, step="\n"))

    async def go() -> None:
        async with Answers.named(trace.get("answers", "text")) as rules:
            answers = rules if "answers" in trace else Digits()
            scorers = {**SCORERS, "prm": ModelScorer("prm")}
            ctx = Context(problem, {r: role(r) for r in ROLES}, scorers=scorers, answers=answers)
            out = await strategy(Population.root(problem, seed), ctx)
            assert next(script.calls, None) is None
            expected = trace["result"]
            assert [
                [solution(c) if told[0] else None, c.answer] for c, told in zip(out, expected, strict=True)
            ] == expected
            spent = ctx.account.spent
            assert [spent.calls, spent.completion_tokens] == trace["spent"]
            assert ctx.account.path == trace["sequential_tokens"]

    problem = Problem("golden", script.question)
    strategy = parse(trace["strategy"].replace("{folder}", str(FOLDER)))
    asyncio.run(go())


def test_every_method_in_layers_has_a_trace() -> None:
    methods = {
        *("self_refine", "revisions", "critique_revise", "mixture_of_agents", "archon", "plan_search"),
        *("plangen", "choice_shuffle", "cascade", "spec_reason", "compute_optimal"),
    }
    assert methods <= set(TRACES)
    assert methods <= {path.stem for path in Path(itc.methods.__file__).parent.glob("*.py")}
