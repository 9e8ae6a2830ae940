"""Weights and resampling: what is conserved, what is unbiased, what converges to the exact answer."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role
from itc.algebra.sequence import Pipeline, identity
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.errors import StrategyFailed
from itc.keys import Key
from itc.methods.particle_filter import particle_filter
from itc.scorers.base import ModelScorer
from itc.stages.draws.extend import step
from itc.stages.particles.resample import SCHEMES, effective_size, resample, reweight
from itc.stages.score import score
from itc.stages.selection.select import done, top
from itc.types import Candidate, Population, logsumexp
from tests.laws.trees import PROBLEM, bound, context, law, run, trees, uncapped_trees

log_weights = st.lists(st.floats(-30, 30), min_size=1, max_size=12)
schemes = st.sampled_from(SCHEMES)


def weighted(logs: list[float], seed: int = 0) -> Population:
    return Population(tuple(Candidate(Key("weighted", seed, i), log_weight=x) for i, x in enumerate(logs)))


def resampled(pop: Population, scheme: str, ess_below: float = 1.0) -> Population:
    return asyncio.run(resample(ess_below, scheme)(pop, context()))


def copies(pop: Population, out: Population) -> list[int]:
    """How often each member was copied; a copy's key is its original's, folded."""
    made = Counter(c.key.parent.parent for c in out if c.key.parent is not None)
    assert sum(made.values()) == len(out)
    return [made[c.key] for c in pop]


def normalised(logs: list[float]) -> list[float]:
    total = logsumexp(logs)
    return [math.exp(x - total) for x in logs]


@law
@given(log_weights, schemes, st.integers(0, 99))
def test_resampling_keeps_count_and_total_weight(logs: list[float], scheme: str, seed: int) -> None:
    pop = weighted(logs, seed)
    out = resampled(pop, scheme)
    assert len(out) == len(pop) == sum(copies(pop, out))
    assert math.isclose(out.log_total, pop.log_total, rel_tol=1e-12, abs_tol=1e-9)
    assert len({c.log_weight for c in out}) == 1
    assert [c.key.part for c in out] == list(range(len(pop)))


@law
@given(uncapped_trees, schemes)
def test_resampling_keeps_count_and_total_weight_of_anything(a: Strategy, scheme: str) -> None:
    weighed = a >> score("prm", "last") >> reweight("prm", "logit")
    before = run(weighed).population
    after = run(weighed >> resample(1.0, scheme)).population
    assert len(after) == len(before)
    assert math.isclose(after.log_total, before.log_total, rel_tol=1e-12, abs_tol=1e-9) or not len(before)
    texts = Counter(c.text for c in before)
    assert {c.text for c in after} <= set(texts)


@law
@given(log_weights, st.integers(0, 99))
def test_systematic_gives_floor_or_ceiling(logs: list[float], seed: int) -> None:
    pop = weighted(logs, seed)
    n = len(pop)
    for p, made in zip(normalised(logs), copies(pop, resampled(pop, "systematic")), strict=True):
        assert math.floor(n * p - 1e-9) <= made <= math.ceil(n * p + 1e-9)


@law
@given(log_weights, st.integers(0, 99))
def test_residual_gives_at_least_the_floor(logs: list[float], seed: int) -> None:
    pop = weighted(logs, seed)
    for p, made in zip(normalised(logs), copies(pop, resampled(pop, "residual")), strict=True):
        assert made >= math.floor(len(pop) * p - 1e-9)


@law
@given(log_weights, schemes, st.floats(-50, 50), st.integers(0, 99))
def test_a_common_factor_changes_no_choice(logs: list[float], scheme: str, shift: float, seed: int) -> None:
    pop, moved = weighted(logs, seed), weighted([x + shift for x in logs], seed)
    assert effective_size(normalised(logs)) == pytest.approx(
        effective_size(normalised([x + shift for x in logs]))
    )
    p, n = normalised(logs), len(logs)
    # Away from the edges of the cumulative distribution, where rounding may decide.
    assume(all(abs(n * x - round(n * x)) > 1e-9 for x in p) or n == 1)
    out, same = resampled(pop, scheme), resampled(moved, scheme)
    assert [c.key for c in out] == [c.key for c in same]
    assert same.log_total == pytest.approx(out.log_total + shift)


@law
@given(log_weights)
def test_effective_size_lies_between_one_and_n(logs: list[float]) -> None:
    assert 1 - 1e-9 <= effective_size(normalised(logs)) <= len(logs) * (1 + 1e-9)
    assert effective_size([1 / len(logs)] * len(logs)) == pytest.approx(len(logs))


@law
@given(log_weights, schemes, st.floats(0, 1))
def test_it_resamples_below_the_threshold_only(logs: list[float], scheme: str, ess_below: float) -> None:
    pop = weighted(logs)
    size = effective_size(normalised(logs))
    assume(abs(size - ess_below * len(pop)) > 1e-6)
    assert (resampled(pop, scheme, ess_below) == pop) == (size > ess_below * len(pop))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "logs", [[0.0, 0.0, 0.0], [0.3, -0.4, 1.1, -2.0, 0.0], [3.0, 0.0, 0.0, -1.0], [-40.0, 0.0, 0.2]]
)
def test_resampling_is_unbiased(scheme: str, logs: list[float]) -> None:
    """E[copies of i] = N p_i, within five standard errors of the scheme with most variance."""
    rounds, n = 4000, len(logs)
    stage, ctx, sums = resample(1.0, scheme), context(), [0] * n

    async def go() -> None:
        for seed in range(rounds):
            pop = weighted(logs, seed)
            for i, made in enumerate(copies(pop, await stage(pop, ctx))):
                sums[i] += made

    asyncio.run(go())
    for p, made in zip(normalised(logs), sums, strict=True):
        assert abs(made / rounds - n * p) <= 5 * math.sqrt(n * p * (1 - p) / rounds) + 1e-12


@pytest.mark.parametrize("scheme", ["stratified", "systematic"])
def test_where_a_scheme_has_less_variance_its_own_bound_holds(scheme: str) -> None:
    """Half a copy expected of each of two in four: an offset that is always the same would show here."""
    logs = [math.log(x) for x in (0.125, 0.375, 0.375, 0.125)]
    made = [copies(pop, resampled(pop, scheme)) for pop in (weighted(logs, seed) for seed in range(1000))]
    for i, expected in enumerate((0.5, 1.5, 1.5, 0.5)):
        assert abs(fmean(m[i] for m in made) - expected) < 5 * 0.5 / math.sqrt(1000)
        assert len({m[i] for m in made}) == 2


@law
@given(uncapped_trees, st.sampled_from(("log", "logit")), st.floats(0.1, 10))
def test_weighing_twice_is_weighing_once(a: Strategy, transform: str, temperature: float) -> None:
    assume(bound(a)[0].calls <= 40)
    weigh = score("prm", "last") >> reweight("prm", transform, temperature=temperature)
    start = run(a).population
    once = run(weigh, population=start).population
    assert run(reweight("prm", transform, temperature=temperature) ** 2, population=once).population == once
    fixed = reweight("prm", transform, "set", temperature=temperature)
    assert (
        run(weigh >> fixed, population=start).population
        == run(weigh >> fixed >> fixed, population=start).population
    )


@law
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.sampled_from(("log", "logit")))
def test_weights_are_incremental(scores: list[float], transform: str) -> None:
    """However many rounds it took, the weight of a path is its latest potential."""
    stage, ctx = reweight("prm", transform), context()
    clipped = [min(max(x, 1e-6), 1 - 1e-6) for x in scores]
    pop = Population((Candidate(Key("c"), log_weight=0.75),))

    async def go() -> Population:
        now = pop
        for x in scores:
            now = await stage(now.map(lambda c, x=x: c.scored("prm", x)), ctx)
        return now

    last = clipped[-1]
    expected = math.log(last) if transform == "log" else math.log(last / (1 - last))
    assert asyncio.run(go())[0].log_weight == pytest.approx(0.75 + expected)


def test_weights_that_are_no_numbers_are_refused() -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(StrategyFailed):
            resampled(weighted([0.0, bad]), "systematic")
    nothing = weighted([-math.inf, -math.inf])
    assert resampled(nothing, "systematic") == nothing
    dead = weighted([0.0, -math.inf, 0.0])
    for seed in range(50):
        for scheme in SCHEMES:
            pop = weighted([c.log_weight for c in dead], seed)
            assert copies(pop, resampled(pop, scheme))[1] == 0


@law
@given(st.integers(1, 8), st.integers(0, 999), schemes, st.sampled_from((0.3, 1.0, 3.0)))
def test_the_filter_returns_the_best_of_what_finished(n: int, seed: int, scheme: str, heat: float) -> None:
    """Nothing is resampled after the last step: the best particle that stands at the end is the answer."""
    whole = particle_filter(n, scheme=scheme, temperature=heat)
    assert isinstance(whole, Pipeline)
    particles = run(Pipeline(whole.stages[:-2]), seed=seed)
    standing, shelf = particles.population.members[:n], particles.population.members[n:]
    assert len(standing) == n
    assert particles.population.done
    assert all(c.log_weight == -math.inf for c in shelf)
    assert not {c.text for c in shelf} & {c.text for c in standing}
    ran = run(whole, seed=seed)
    assert len(ran.population) == 1
    # The best finished candidate is never lost, whatever resampling did to it.
    ended = [c for c in ran.trace.made.values() if c.done]
    assert ran.population[0].score("prm") == max(c.score("prm") for c in ended)
    assert {c.text for c in particles.population} == {c.text for c in ended}
    # All that was drawn in the last round is still there.
    asked = [r for r in particles.engine.asked if r.score_steps is None]
    final = {c.key for c in standing}
    last_round = [c for c in standing if c.key.path[-2] == "draw"]
    assert {r.key for r in asked[len(asked) - len(last_round) :]} == {c.key for c in last_round} <= final


def test_the_last_thing_a_filter_does_is_a_step() -> None:
    """Unless resampling dropped the last unfinished particle, what was drawn last stands at the end."""
    whole = particle_filter(4)
    assert isinstance(whole, Pipeline)
    ends = [run(Pipeline(whole.stages[:-2]), seed=seed).population.members[:4] for seed in range(30)]
    assert any(c.key.path[-2] == "draw" for pop in ends for c in pop)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_very_hot_filter_is_independent_sampling(n: int) -> None:
    """Nearly equal weights: a scheme with low variance keeps each particle, so the lineages never meet."""
    hot = particle_filter(n, temperature=1e6)
    assert isinstance(hot, Pipeline)
    for seed in range(40):
        particles = run(Pipeline(hot.stages[:-1]), seed=seed).population
        paths = [c.key.path for c in particles]
        # Key(seed, problem, "|", branch, …); a single particle is not forked.
        assert [path[3] if n > 1 else 0 for path in paths] == list(range(n))


def toy(request: Request) -> Completion:
    """Two steps, each a or b with probability 1/2; the rating of a path is a table."""
    if request.score_steps is not None:
        path = "".join(request.score_steps)
        return Completion(scores=tuple(RATING[path[: i + 1]] for i in range(len(path))))
    text = Random(request.seed).choice("ab")
    return Completion(text, "eos" if len(request.prefix) == 1 else "step", Usage(1, 0, 1))


RATING = {"a": 0.9, "b": 0.2, "aa": 0.05, "ab": 0.4, "ba": 0.8, "bb": 0.1}
EVIDENCE = fmean(RATING[x] for x in ("aa", "ab", "ba", "bb"))


def toy_context() -> Context:
    role = Role(FunctionBackend(toy), Sampling(max_tokens=8, step_tokens=4))
    return Context(PROBLEM, {"policy": role, "prm": role}, scorers={"prm": ModelScorer("prm")})


@pytest.mark.parametrize(
    ("ess_below", "scheme"),
    [(0.0, "systematic"), (1.0, "systematic"), *((0.7, scheme) for scheme in SCHEMES)],
)
def test_a_weighted_population_estimates_the_exact_posterior(ess_below: float, scheme: str) -> None:
    """On a model small enough to enumerate: the evidence is unbiased, the posterior converges."""
    n, runs = 16, 120
    move = resample(ess_below, scheme) >> step() >> score("prm", "last") >> reweight("prm")
    smc = identity * n >> move.until(done, 5)
    evidence, estimate = [], []

    async def go() -> None:
        for seed in range(runs):
            out = await smc(Population.root(PROBLEM, seed), toy_context())
            evidence.append(math.exp(out.log_total) / n)
            mass = logsumexp([c.log_weight for c in out if c.text == "ba"]) - out.log_total
            estimate.append(math.exp(mass))

    asyncio.run(go())
    assert abs(fmean(evidence) - EVIDENCE) <= 5 * stdev(evidence) / math.sqrt(runs)
    exact = RATING["ba"] / (4 * EVIDENCE)
    # A ratio of estimates is biased by O(1/n).
    assert abs(fmean(estimate) - exact) <= 5 * stdev(estimate) / math.sqrt(runs) + 0.5 / n


def test_a_hot_filter_draws_as_the_model_does() -> None:
    """T → ∞ in distribution: half of the particles end with a, whatever the ratings."""
    move = resample(1.0, "multinomial") >> step() >> score("prm", "last")
    hot = identity * 8 >> (move >> reweight("prm", "logit", "set", temperature=1e6)).until(done, 5)
    ends = Counter[str]()

    async def go() -> None:
        for seed in range(150):
            ends.update(c.text for c in await hot(Population.root(PROBLEM, seed), toy_context()))

    asyncio.run(go())
    # Multinomial copies of one parent agree in their first letter: eight particles are at least one draw.
    for path in ("aa", "ab", "ba", "bb"):
        assert abs(ends[path] / ends.total() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 150)


@law
@given(trees, st.integers(1, 5))
def test_selection_adds_nothing(a: Strategy, k: int) -> None:
    before = run(a >> score("prm", "last")).population
    after = run(top(k, "prm"), population=before).population
    assert len(after) == min(k, len(before))
    assert set(after) <= set(before)
    ranked = sorted(before, key=lambda c: -(c.score("prm") if c.has_score("prm") else -math.inf))
    assert after.members == tuple(ranked[:k])
