"""Answers written from the whole population, and a fresh start."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from itc.algebra.context import Context, Role
from itc.budget.cost import Budget
from itc.stages.draws.extend import sample
from itc.stages.layers.fuse import fuse, restart
from tests.laws.engine import SAMPLING, Digits, Engine
from tests.laws.trees import PROBLEM, root, run


def test_a_fusion_is_written_from_all_members() -> None:
    drawn = run(sample(3)).population
    ran = run(fuse("law_merge", 2), population=drawn)
    assert {r.prompt for r in ran.engine.asked} == {"How many?" + "".join(c.text for c in drawn)}
    assert [c.key for c in ran.population] == [drawn.key.fold("fuse", i) for i in range(2)]
    assert all(c.done for c in ran.population)
    assert ran.population.members[:1] == run(fuse("law_merge"), population=drawn).population.members


def test_a_fusion_keeps_how_sure_the_model_was() -> None:
    role = Role(Engine(), replace(SAMPLING, confidence=5))
    ctx = Context(PROBLEM, {"policy": role}, answers=Digits())
    (made,) = asyncio.run(fuse("law_merge")(run(sample(3)).population, ctx))
    assert len(made.steps[0].token_confidences) == made.tokens


def test_a_refused_fusion_leaves_the_population() -> None:
    drawn = run(sample(3)).population
    assert run(fuse("law_merge"), Budget(calls=0), population=drawn).population == drawn
    assert len(run(fuse("law_merge", 3), Budget(calls=2), population=drawn).population) == 2


def test_a_restart_forgets_all_but_has_randomness_of_its_own() -> None:
    drawn = run(sample(3)).population
    (fresh,) = run(restart(), population=drawn).population
    assert fresh.steps == ()
    assert fresh.key not in (root()[0].key, *(c.key for c in drawn))
    assert run(sample(3) >> restart() >> sample()).population[0].text is not None
    assert fuse("law_merge").needs.capabilities == {("policy", "")}
