"""Drafted steps and their grades."""

from __future__ import annotations

import asyncio
import math

import pytest

from itc.algebra.context import Context, Role
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import ALL, FunctionBackend
from itc.budget.account import Account
from itc.budget.cost import Budget
from itc.errors import ConfigError
from itc.library import parse
from itc.types import Population, Problem
from tests.laws.engine import Digits

PROBLEM = Problem("s", "?")


def steps(
    grade: Completion, text: str = "speculate(rate_step)", cap: Budget = Budget(), same: bool = False
) -> list[str]:
    """What comes of one round, with the names of who wrote it."""

    def by(name: str) -> FunctionBackend:
        def reply(r: Request) -> Completion:
            return grade if r.max_tokens == 1 else Completion(f"{name}{r.key.part}\n", "step", Usage(3, 0, 2))

        return FunctionBackend(reply, capabilities=ALL)

    sampling = Sampling(max_tokens=100, step_tokens=10, step="\n")
    base = Role(by("base"), sampling)
    ctx = Context(
        PROBLEM,
        {"policy": base, "draft": base if same else Role(by("draft"), sampling)},
        Account(cap),
        answers=Digits(),
    )
    return [c.text for c in asyncio.run(parse(text)(Population.root(PROBLEM), ctx))]


def said(text: str, *told: tuple[str, float]) -> Completion:
    return Completion(
        text, "length", Usage(9, 0, 1), alternatives=(tuple((t, math.log(p)) for t, p in told),)
    )


@pytest.mark.parametrize(
    ("grade", "writer"),
    [("7", "draft"), (" 9", "draft"), ("6", "base"), ("x", "base"), ("", "base"), ("10", "base")],
)
def test_the_grade_decides_who_wrote_the_step(grade: str, writer: str) -> None:
    assert steps(said(grade)) == [f"{writer}0\n"]


def test_the_mean_of_the_digits_decides() -> None:
    mean = "speculate(rate_step, mean=True)"
    # (0.3 * 9 + 0.1 * 5) / 0.4 = 8; the x has no say.
    assert steps(said("5", ("x", 0.6), ("9", 0.3), (" 5", 0.1)), mean) == ["draft0\n"]
    # (0.1 * 9 + 0.3 * 5) / 0.4 = 6
    assert steps(said("9", ("x", 0.6), ("9", 0.1), ("5", 0.3)), mean) == ["base0\n"]
    assert steps(said("9", ("x", 0.6)), mean) == ["base0\n"]


@pytest.mark.parametrize(("calls", "text"), [(0, ""), (1, ""), (2, ""), (3, "base0\n")])
def test_a_step_that_cannot_be_bought_leaves_the_candidate(calls: int, text: str) -> None:
    assert steps(said("1"), cap=Budget(calls=calls)) == [text]


def test_one_model_in_both_roles_writes_another_step() -> None:
    seen: list[bytes] = []

    def reply(r: Request) -> Completion:
        seen.append(r.identity("model"))
        return said("0") if r.max_tokens == 1 else Completion("a\n", "step", Usage(3, 0, 2))

    role = Role(FunctionBackend(reply), Sampling(max_tokens=100, step_tokens=10, step="\n"))
    ctx = Context(PROBLEM, {"policy": role, "draft": role}, answers=Digits())
    asyncio.run(parse("speculate(rate_step)")(Population.root(PROBLEM), ctx))
    assert len(set(seen)) == len(seen) == 3


def test_a_grade_beyond_the_scale_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[0, 9\]"):
        parse("speculate(rate_step, 10.0)")
