"""Methods against traces worked by hand on a tiny model: who is drawn from and rated, when, and who wins.

A file in tests/golden holds the model (for each text so far, what slot 0, 1, … writes next and whether it
ends), the ratings, every call in order, and the working. A slot is the number of the draw, or in a particle
filter the place after resampling; "slots" names what else a place may be read off a key, "|" for a branch.
With "trees" a slot is branch.draw. What is drawn at temperature 0 is noted as drawn greedily, and a prompt
that is not the problem's by itself. A third entry beside a text and its end has other fields of the draw,
and its "tokens", where they are not 2.
"""

from __future__ import annotations

import asyncio
import json
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from itc.algebra.context import Context, Role
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.library import parse
from itc.scorers.base import SCORERS, ModelScorer
from itc.types import Population, Problem
from tests.laws.engine import Digits
from tests.methods.world import number

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.json"))
TRACES = {path.stem: trace for path in GOLDEN if "strategy" in (trace := json.loads(path.read_text("utf-8")))}


class Model:
    """Answers from the table and notes what it was asked."""

    def __init__(self, trace: dict[str, Any]) -> None:
        self.table, self.ratings = trace["model"], trace["ratings"]
        self.slots, self.trees = trace.get("slots", ["copy"]), trace.get("trees", False)
        self.calls: list[list[object]] = []

    def __call__(self, r: Request) -> Completion:
        if r.score_steps is not None:
            path = "".join(r.score_steps)
            self.calls.append(["rate", path])
            ends = accumulate(map(len, r.score_steps))
            return Completion(scores=tuple(self.ratings[path[:end]] for end in ends), usage=Usage(5))
        copies = [after for part, after in pairwise(r.key.path) if part in self.slots]
        slot: Any = copies[-1] if copies else number(r)
        if self.trees:
            slot = f"{slot}.{number(r)}"
        asked = r.prefix if r.prompt == "?" else r.prompt
        if r.temperature == 0.0:
            asked = f"greedily {asked}"
        self.calls.append(["draw", asked, slot])
        text, finish, *told = self.table[asked][slot]
        given = {field: values for each in told for field, values in each.items()}
        tokens = given.pop("tokens", 2)
        more = {field: tuple(values) for field, values in given.items()}
        return Completion(text, finish, Usage(10, 0, tokens), **more)


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_does_what_was_worked_by_hand(name: str, seed: int) -> None:
    trace = TRACES[name]
    model = Model(trace)
    role = Role(FunctionBackend(model), Sampling(max_tokens=100, step_tokens=10))
    problem = Problem("golden", "?")
    ctx = Context(
        problem,
        {"policy": role, "prm": role},
        scorers={**SCORERS, "prm": ModelScorer("prm")},
        answers=Digits(),
    )
    out = asyncio.run(parse(trace["strategy"])(Population.root(problem, seed), ctx))
    assert model.calls == trace["calls"]
    assert [[c.text, c.score("prm") if c.has_score("prm") else None] for c in out] == trace["result"]
    spent = ctx.account.spent
    assert (spent.calls, spent.prompt_tokens) == (trace["calls_made"], trace["prompt_tokens"])
    assert (spent.completion_tokens, ctx.account.path) == (
        trace["completion_tokens"],
        trace["sequential_tokens"],
    )


def test_every_method_has_a_trace() -> None:
    assert {"best_of_n", "self_consistency", "beam", "particle_filter"} <= set(TRACES)
    assert {"entropic_particle_filter", "smc", "particle_gibbs"} <= set(TRACES)
    assert {"sbs", "dvts", "rebase", "a_star", "best_first", "tree_of_thoughts"} <= set(TRACES)
    assert {"beam_ahead", "mcts", "mctsr", "ab_mcts"} <= set(TRACES)
    assert {"adaptive_consistency", "esc", "first_finish", "short_majority"} <= set(TRACES)
    assert {"deepconf", "deepconf_online", "budget_forcing", "elastic"} <= set(TRACES)
    assert {"no_thinking", "concise", "trimr"} <= set(TRACES)
    assert {"mbr", "ranked_vote", "likelihood_vote", "rpc", "self_certainty"} <= set(TRACES)
