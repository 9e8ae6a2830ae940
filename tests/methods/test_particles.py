"""Particle methods against a naive reference on random tiny models, and what they promise on known ones."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from itertools import pairwise, product
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.base import Completion, Request, Usage
from itc.keys import Key
from itc.library import parse
from itc.scorers.base import FunctionScorer
from itc.stages.particles.anneal import Anneal
from itc.stages.particles.gibbs import Gibbs
from itc.stages.particles.particles import Shelf
from itc.stages.particles.resample import SCHEMES
from itc.types import Candidate, Population, Step
from tests.laws.trees import law, run
from tests.methods.naive_filters import PROBLEM, Naive, Particle, Tiny, agrees, context, ran

aggs = st.sampled_from(("last", "min", "prod", "model"))
plain = st.sampled_from([s for s in SCHEMES if s != "residual"])
sizes = st.integers(1, 6)
salts = st.integers(0, 10**6)


@law
@given(salts, salts, sizes, aggs, plain, st.sampled_from((0.4, 1.0)), st.sampled_from((0.5, 1.0, 4.0)))
def test_the_filter_is_the_naive_one(
    salt: int, seed: int, n: int, agg: str, scheme: str, ess: float, heat: float
) -> None:
    naive = Naive(Tiny(salt), agg, heat, "set", scheme, ess)
    told = f"rounds=5, scheme={scheme}, ess_below={ess}, temperature={heat}"
    agrees(f"particle_filter({n}, agg={agg}, {told})", naive, seed, n, 5)


@law
@given(salts, salts, sizes, aggs, plain, st.sampled_from((0.3, 0.5, 1.0)), st.sampled_from((0.5, 1.0, 4.0)))
def test_smc_is_the_naive_one(
    salt: int, seed: int, n: int, agg: str, scheme: str, ess: float, heat: float
) -> None:
    naive = Naive(Tiny(salt), agg, heat, "ratio", scheme, ess)
    told = f"rounds=5, scheme={scheme}, ess_below={ess}, temperature={heat}, weighted=False"
    method = f"smc({n}, agg={agg}, {told})"
    agrees(method, naive, seed, n, 5)
    (best,) = ran(parse(method), seed, context(naive.model))
    z = fmean(p.weight for p in naive.run(seed, n, 5))
    assert math.exp(dict(best.potentials)["evidence"]) == pytest.approx(z, rel=1e-6)


@law
@given(salts, salts, sizes, aggs, plain, st.sampled_from((4, 6)))
def test_the_entropic_filter_is_the_naive_one(
    salt: int, seed: int, n: int, agg: str, scheme: str, rounds: int
) -> None:
    naive = Naive(Tiny(salt), agg, 1.0, "set", scheme, 1.0, annealed=rounds)
    method = f"entropic_particle_filter({n}, agg={agg}, rounds={rounds}, scheme={scheme})"
    agrees(method, naive, seed, n, rounds)


# ------------------------------------------------------------------ a model that can be enumerated
LENGTH = 3
TEXTS = ["".join(x) for x in product("ab", repeat=LENGTH)]


def chance(prefix: str, letter: str) -> float:
    """Of the next letter: the last one comes again more often than not."""
    again = 0.8 if prefix.endswith(letter) else 0.2
    return again if prefix else 0.5


def likely(text: str) -> float:
    return math.prod(chance(text[:i], x) for i, x in enumerate(text))


def worth(text: str) -> float:
    """In (0,1), of a prefix: likes a first, and at the end those that began with b or turned."""
    if len(text) < LENGTH:
        return 0.8 if text.startswith("a") else 0.2
    turns = sum(x != y for x, y in pairwise(text))
    return 0.05 + 0.25 * turns + (0.4 if text.startswith("b") else 0.0)


def letters(r: Request) -> Completion:
    if r.score_steps is not None:
        whole = "".join(r.score_steps)
        return Completion(scores=tuple(worth(whole[: i + 1]) for i in range(len(r.score_steps))))
    letter = Random(r.seed).choices("ab", [chance(r.prefix, x) for x in "ab"])[0]
    return Completion(letter, "eos" if len(r.prefix) == LENGTH - 1 else "step", Usage(1, 0, 1))


EVIDENCE = sum(likely(x) * worth(x) for x in TEXTS)
POSTERIOR = {x: likely(x) * worth(x) / EVIDENCE for x in TEXTS}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_evidence_is_unbiased(scheme: str) -> None:
    found = [
        math.exp(
            dict(ran(parse(f"smc(4, scheme={scheme})"), seed, context(letters))[0].potentials)["evidence"]
        )
        for seed in range(250)
    ]
    assert abs(fmean(found) - EVIDENCE) <= 5 * stdev(found) / math.sqrt(len(found))


@pytest.mark.parametrize("choose", ["resample(1.0, multinomial)", "resample(0.5)", "anneal(4)", "anneal(9)"])
def test_weighted_sums_are_unbiased(choose: str) -> None:
    """E[mean of w f(x)] = Σ p(x) G(x) f(x), annealed or not, finished ones dropped or not."""
    whole = parse(f"identity * 5 >> particles(step() >> score(prm, last) >> reweight(prm), {choose}, 9)")
    found = []
    for seed in range(300):
        out = ran(whole, seed, context(letters))
        found.append(math.fsum(math.exp(c.log_weight) for c in out if c.text == "bab") / 5)
    exact = POSTERIOR["bab"] * EVIDENCE
    assert abs(fmean(found) - exact) <= 5 * stdev(found) / math.sqrt(len(found))


def test_the_filter_is_unbiased_for_its_own_target() -> None:
    """The model times the odds of every step, as Puri et al. weigh: Z is the product of the mean odds."""
    move = "(resample() >> step() >> score(prm, last) >> reweight(prm, logit, set))"

    def odds(text: str) -> float:
        return math.prod(worth(text[: i + 1]) / (1 - worth(text[: i + 1])) for i in range(len(text)))

    n, found = 6, []
    for seed in range(300):
        ctx, pop, z = context(letters), Population.root(PROBLEM, seed), 1.0
        pop = asyncio.run(parse(f"identity * {n}")(pop, ctx))
        for _ in range(LENGTH):
            pop = asyncio.run(parse(move)(pop, ctx))
            z *= math.exp(pop.log_total) / n
        found.append(z * sum(math.exp(c.log_weight - pop.log_total) for c in pop if c.text == "aab"))
    exact = likely("aab") * odds("aab")
    assert abs(fmean(found) - exact) <= 5 * stdev(found) / math.sqrt(len(found))


# ------------------------------------------------------------------ particle Gibbs
def path(text: str) -> Candidate:
    return Candidate(Key("kept", text), tuple(Step(x, 1, finish="step") for x in text), done=True)


def joint(c: Candidate) -> float:
    return likely(c.text) * worth(c.text)


@pytest.mark.parametrize("splice", [None, "joint"])
@pytest.mark.parametrize("n", [2, 3])
def test_a_sweep_leaves_the_posterior_as_it_is(n: int, splice: str | None) -> None:
    """A path drawn from the exact posterior is, after a sweep, again one."""
    weigh = parse("score(prm, last) >> reweight(prm)")
    stage = Gibbs(parse("step()"), weigh, n, 2, 9, splice)
    start = Population.root(PROBLEM)[0]
    sweeps, seen, moved = 600, Counter[str](), 0

    async def go() -> None:
        nonlocal moved
        for seed in range(sweeps):
            rng = Random(seed)
            kept = path(rng.choices(TEXTS, [POSTERIOR[x] for x in TEXTS])[0])
            ctx = context(letters, {"joint": FunctionScorer(joint)})
            pop = await stage.sweep(start.forked("chain", seed), kept, 1, Shelf(), ctx)
            assert n == len(pop)
            weights = [math.exp(c.log_weight) for c in pop]
            after = rng.choices(pop.members, weights)[0]
            seen[after.text] += 1
            moved += after.text != kept.text

    asyncio.run(go())
    for text, p in POSTERIOR.items():
        assert abs(seen[text] / sweeps - p) <= 4.5 * math.sqrt(p * (1 - p) / sweeps), text
    assert moved > sweeps / 10


def test_a_chain_converges_and_ancestor_sampling_changes_the_past() -> None:
    whole = parse("gibbs(step(), score(prm, last) >> reweight(prm), 3, 6, 9, splice=joint)")
    totals, firsts = Counter[str](), set()
    for seed in range(150):
        out = ran(whole, seed, context(letters, {"joint": FunctionScorer(joint)}))
        assert out.log_total == pytest.approx(0.0, abs=1e-9)
        for c in out:
            totals[c.text] += math.exp(c.log_weight)  # type: ignore[assignment]
            if c.key.path[-1] == "kept":
                firsts.add(tuple(x for x in c.key.path if x == "kept"))
    for text, p in POSTERIOR.items():
        # The first sweeps have yet to find the paths that begin badly.
        assert abs(totals[text] / 150 - p) < 0.1, text
    assert len(firsts) >= 2  # the retained path was kept for one step, two or three


@law
@given(salts, salts, st.integers(2, 4), st.integers(1, 3))
def test_the_chain_is_the_naive_one(salt: int, seed: int, n: int, sweeps: int) -> None:
    model = Tiny(salt)
    whole = parse(f"gibbs(step(), score(prm, last) >> reweight(prm), {n}, {sweeps}, 4)")
    out = ran(whole, seed, context(model))
    found = [c.text for c in out if c.log_weight > -math.inf]
    assert found == naive_chain(model, seed, n, sweeps, 4)


def naive_chain(model: Tiny, seed: int, n: int, sweeps: int, rounds: int) -> list[str]:
    origin, kept, out = Key(seed, PROBLEM.id), None, list[str]()

    def pool(ps: list[Particle]) -> Key:
        key = Key("population")
        for p in ps:
            key = key.fold(p.key.digest.hex())
        return key

    for k in range(sweeps):
        ps = [Particle(origin.fold("sweep", k, "copy", i)) for i in range(n)]
        for t in range(rounds):
            if all(p.done for p in ps):
                break
            total = math.fsum(p.weight for p in ps)
            if t:
                share = [p.weight / total for p in ps]
                picks = Random(pool(ps).fold("resample").seed64).choices(range(n), share, k=n)
                if kept is not None:
                    picks[0] = 0
                ps = [
                    Particle(ps[j].key.fold("copy", i), ps[j].text, ps[j].done, total / n, ps[j].potential)
                    for i, j in enumerate(picks)
                ]
            for i, p in enumerate(ps):
                if i == 0 and kept is not None:
                    if t < len(kept.text):
                        p.key, p.text = p.key.fold("kept"), kept.text[: t + 1]
                        p.done = kept.done and t + 1 == len(kept.text)
                elif not p.done:
                    p.key = p.key.fold("draw", 0)
                    letter, p.done = model.write(p.text, p.key.seed)
                    p.text += letter
                now = min(max(model.rate(p.text), 1e-6), 1 - 1e-6)
                p.weight, p.potential = p.weight * now / p.potential, now
        out += [p.text for p in ps]
        (kept,) = Random(pool(ps).fold("keep").seed64).choices(ps, [p.weight for p in ps])
    return out


# ------------------------------------------------------------------ calls, and annealing
def test_finished_particles_cost_nothing() -> None:
    """On a model that ends in three steps, sixteen particles take at most 48 draws and as many ratings."""
    for method in ("particle_filter(16)", "entropic_particle_filter(16)", "smc(16)"):
        drawn = []

        def noted(r: Request, drawn: list[bool] = drawn) -> Completion:
            drawn.append(r.score_steps is None)
            return letters(r)

        ran(parse(method), 0, context(noted))
        assert sum(drawn) == 48
        assert len(drawn) - sum(drawn) <= 48


@law
@given(salts, st.integers(1, 8))
def test_no_budget_of_rounds_returns_a_fragment_over_an_answer(seed: int, rounds: int) -> None:
    for method in ("particle_filter", "entropic_particle_filter", "smc"):
        done = run(parse(f"{method}(4, rounds={rounds})"), seed=seed)
        if any(c.done for c in done.trace.made.values()):
            assert done.population[0].done


@law
@given(st.floats(0.01, 1), st.integers(0, 20))
def test_the_heat_is_the_papers(effective: float, steps: int) -> None:
    heat = Anneal(20).heat(effective, steps)
    if effective < 0.5 and steps / 20 < 0.5:
        assert heat == pytest.approx(max(1.0, (1 - steps / 20) / effective))
    else:
        assert heat == 1.0
    # As the official code's own tests have it.
    assert Anneal(20).heat(0.2, 4) == pytest.approx(4.0)
    assert Anneal(20, before=1.0).heat(0.49, 16) == 1.0
