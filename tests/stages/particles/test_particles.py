"""Stages of particle methods: what is kept, what is noted, what a rating of the whole is."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Usage
from itc.backends.function import FunctionBackend
from itc.errors import ConfigError, StrategyFailed
from itc.keys import Key
from itc.library import parse
from itc.scorers.base import ModelScorer
from itc.stages.particles.anneal import anneal
from itc.stages.particles.gibbs import gibbs
from itc.stages.particles.particles import evidence, particles
from itc.stages.particles.resample import SCHEMES, effective_size, shares
from itc.stages.score import score
from itc.types import Candidate, Population, Step
from tests.laws.trees import PROBLEM, context, law, run, uncapped_trees


def weighted(*logs: float, done: bool = False) -> Population:
    return Population(
        tuple(
            Candidate(Key("w", i), (Step(f"{i}"),), log_weight=x, done=done and i == 0)
            for i, x in enumerate(logs)
        )
    )


# ------------------------------------------------------------------ the whole as one step
class Rater:
    """A step is worth 1/2, a step of more than one letter 1/4; notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, ...]] = []

    def __call__(self, r: Request) -> Completion:
        assert r.score_steps is not None
        self.shown.append(r.score_steps)
        return Completion(scores=tuple(0.25 if len(s) > 1 else 0.5 for s in r.score_steps), usage=Usage(1))


def rated(stage: Strategy, pop: Population, rater: Rater) -> Population:
    ctx = Context(PROBLEM, {"prm": Role(FunctionBackend(rater))}, scorers={"prm": ModelScorer("prm")})
    return asyncio.run(stage(pop, ctx))


def test_model_rates_the_whole_as_one_step_and_once() -> None:
    steps = (Step("a"), Step("no", kind="critique"), Step("b"))
    pop, rater = Population((Candidate(Key("c"), steps),)), Rater()
    pop = rated(score("prm", "model"), pop, rater)
    assert rater.shown == [("ab",)]
    assert pop[0].score("prm") == 0.25
    assert [s.text for s in pop[0].steps] == ["a", "no", "b"]
    assert rated(score("prm", "model"), pop, rater) == pop
    assert len(rater.shown) == 1
    # The scores of its steps are other numbers, and do not stand in for it.
    pop = rated(score("prm", "last"), pop, rater)
    assert (rater.shown[1:], pop[0].score("prm")) == ([("a", "b")], 0.5)
    pop = rated(score("prm", "model"), pop, rater)
    assert (len(rater.shown), pop[0].score("prm")) == (2, 0.25)
    # A longer path is another whole.
    longer = Population((Candidate(Key("d"), (*pop[0].steps, Step("c"))),))
    assert rated(score("prm", "model"), longer, rater)[0].score("prm") == 0.25
    assert rater.shown[2:] == [("abc",)]


# ------------------------------------------------------------------ particles, evidence, annealing
@law
@given(uncapped_trees)
def test_particles_are_the_loop_with_what_it_lost(a: Strategy) -> None:
    """Without a resampling that drops, it is ``until``."""
    start = run(a).population
    move = "step() >> score(prm, last) >> reweight(prm)"
    loop = run(parse(f"(resample(0.0) >> {move}).until(done, 3)"), population=start)
    same = run(parse(f"particles({move}, resample(0.0), 3)"), population=start)
    assert loop.result() == same.result()


@law
@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.sampled_from(SCHEMES))
def test_what_choosing_drops_stands_behind_with_weight_zero(logs: list[float], scheme: str) -> None:
    pop = weighted(*logs, done=True)
    stage = parse(f"particles(identity, resample(1.0, {scheme}), 1)")
    out = asyncio.run(stage(pop, context()))
    assert len(out) - len(pop) in (0, 1)
    if not pop.done:
        chosen = out.members[: len(pop)]
        lost = pop[0].text not in {c.text for c in chosen}
        assert [c.text for c in out.members[len(pop) :]] == [pop[0].text] * lost
    assert math.isclose(out.log_total, pop.log_total, rel_tol=1e-9, abs_tol=1e-9)


def test_evidence_is_the_mean_weight_of_the_particles() -> None:
    pop = weighted(math.log(0.2), math.log(0.6), -math.inf)
    (z,) = {dict(c.potentials)["evidence"] for c in asyncio.run(evidence()(pop, context()))}
    assert math.exp(z) == pytest.approx(0.4)
    nothing = weighted(-math.inf)
    assert asyncio.run(evidence()(nothing, context())) == nothing


@law
@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.integers(2, 20))
def test_annealing_keeps_count_and_weighs_what_it_drew(logs: list[float], rounds: int) -> None:
    pop = weighted(*logs)
    out = asyncio.run(anneal(rounds)(pop, context()))
    assert len(out) == len(pop)
    heat = anneal(rounds).heat(effective_size(shares(pop)) / len(pop), 1)  # type: ignore[attr-defined]
    if heat == 1.0:
        assert {round(c.log_weight, 6) for c in out} == {round(pop.log_total - math.log(len(pop)), 6)}
    else:
        tempered = [x / heat for x in logs]
        top = max(tempered)
        total = top + math.log(math.fsum(math.exp(x - top) for x in tempered))
        for c in out:
            drawn = int(c.text)
            expected = logs[drawn] - (tempered[drawn] - total) - math.log(len(pop))
            assert c.log_weight == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: particles("step()", parse("resample()")),
        lambda: particles(parse("step()"), 3),
        lambda: particles(parse("step()"), parse("resample()"), 0),
        lambda: gibbs(parse("step()"), None),
        lambda: gibbs(parse("step()"), parse("identity"), 1),
        lambda: gibbs(parse("step()"), parse("identity"), 2, 0),
        lambda: anneal(0),
        lambda: anneal(4, "best"),
        lambda: parse("particle_filter(0)"),
        lambda: parse("particle_filter(4, agg=best)"),
    ],
)
def test_wrong_arguments_are_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


def test_a_move_of_gibbs_keeps_places() -> None:
    with pytest.raises(StrategyFailed, match="one of each"):
        run(gibbs(parse("step(2)"), parse("score(prm, last) >> reweight(prm)"), 2, 1, 2))
