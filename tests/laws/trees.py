"""Random strategy trees, random caps, and one way to run them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from itc.algebra.context import Context, Role, Shape, Trace
from itc.algebra.control import route
from itc.algebra.parallel import empty, race
from itc.algebra.registry import predicate, prompt, router
from itc.algebra.sequence import identity
from itc.algebra.strategy import Strategy
from itc.backends.base import Backend, Completion
from itc.backends.deadline import Decisions
from itc.budget.account import Account
from itc.budget.cost import UNLIMITED, ZERO, Budget, Cost
from itc.frontiers.ab_mcts import thompson
from itc.frontiers.best_first import by_drops
from itc.frontiers.by_level import by_level
from itc.frontiers.depth_first import depth_first
from itc.frontiers.mctsr import refining
from itc.frontiers.puct import puct
from itc.library import parse
from itc.scorers.base import SCORERS, FunctionScorer, ModelScorer
from itc.stages.draws.extend import annotate, rewrite, sample, step
from itc.stages.draws.shuffle import shuffled
from itc.stages.draws.speculate import speculate
from itc.stages.draws.splitters import splitter
from itc.stages.draws.write import write
from itc.stages.judges.appraised import appraised
from itc.stages.judges.judge import judge
from itc.stages.judges.listwise import elected, ranked
from itc.stages.judges.tournament import knockout, round_robin
from itc.stages.judges.verdicts import odds, reading
from itc.stages.layers.fuse import fuse, restart
from itc.stages.layers.notes import forget
from itc.stages.layers.revise import revise
from itc.stages.layers.solve import solve
from itc.stages.layers.subsets import subsets
from itc.stages.particles.anneal import anneal
from itc.stages.particles.gibbs import gibbs
from itc.stages.particles.particles import particles
from itc.stages.particles.resample import SCHEMES, resample, reweight
from itc.stages.routing.bandit import bandit
from itc.stages.routing.difficulty import difficulty
from itc.stages.routing.more import more
from itc.stages.score import score
from itc.stages.search.allocate import allocate
from itc.stages.search.lookahead import lookahead
from itc.stages.search.search import search
from itc.stages.selection.borda import borda_vote
from itc.stages.selection.confident import confident
from itc.stages.selection.finished import finished
from itc.stages.selection.mbr import least_risk
from itc.stages.selection.merge import merge
from itc.stages.selection.passed import passed
from itc.stages.selection.prune import prune
from itc.stages.selection.ranked import rank_vote
from itc.stages.selection.select import distinct, top, vote
from itc.stages.selection.temper import temper
from itc.stages.stopping.enough import enough
from itc.stages.stopping.finish_first import finish_first
from itc.stages.stopping.online import online
from itc.stages.stopping.stops import adaptive, agreed, consensus
from itc.stages.stopping.trim import trim
from itc.types import Candidate, Population, Problem
from tests.laws.engine import PRICE, SAMPLING, Digits, Engine

__all__ = ["parse"]

REPEATABLE = bool(os.environ.get("ITC_LAWS_REPEATABLE"))
law = settings(
    max_examples=int(os.environ.get("ITC_LAWS_EXAMPLES", "250")),
    deadline=None,
    # Under CI the examples are the same each time, as Hypothesis has it for every other test there: what
    # lands depends on the change alone. Everywhere else each run tries new ones.
    derandomize=REPEATABLE or bool(os.environ.get("CI")),
    database=None,
    phases=[Phase.explicit, Phase.generate] if REPEATABLE else list(Phase),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""Decorates a law. A repeatable run makes the same examples each time and does not shrink what it finds."""

PROBLEM = Problem("p", "How many?")


@predicate
def law_never(pop: Population, ctx: Context) -> bool:
    return False


@predicate
def law_always(pop: Population, ctx: Context) -> bool:
    return True


@predicate
async def law_crowded(pop: Population, ctx: Context, size: int = 3) -> bool:
    return len(pop) >= size


@router
def law_size(pop: Population, ctx: Context) -> str:
    return "few" if len(pop) < 3 else "many"


@splitter()
def law_dot(text: str, logprobs: Sequence[float], least: int = 1) -> int | None:
    found = text.find(".", least)
    return found + 1 if found >= 0 else None


@prompt
def law_merge(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    return problem.prompt + "".join(c.text for c in candidates)


@prompt
def law_improve(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    draft = "".join(c.text for c in candidates)
    return f"{problem.prompt}\nHere is a draft of an answer:{draft}\nWrite a better one, in full."


@reading()
def law_digit(reply: Completion) -> float | None:
    found = [int(x) for x in reply.text if x.isdecimal()]
    return found[-1] / 9 if found else None


@reading(alternatives=3)
def law_told(reply: Completion) -> float | None:
    return odds(reply, ("w0",), ("w1", "w2"))


@dataclass(frozen=True)
class _Rule:
    def __call__(self, c: Candidate) -> float:
        return (sum(map(ord, c.text)) % 7) / 6


SCORERS_OF_LAWS = {**SCORERS, "prm": ModelScorer("prm"), "rule": FunctionScorer(_Rule())}


class Memory:
    """A dictionary as decisions of an earlier run."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.held.get(key)

    async def put(self, key: bytes, value: bytes) -> None:
        await asyncio.sleep(0)
        self.held.setdefault(key, value)


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    population: Population
    account: Account
    trace: Trace
    engine: Engine

    @property
    def spent(self) -> Cost:
        return self.account.spent

    @property
    def billed(self) -> Cost:
        return sum(self.trace.billed.values(), ZERO)

    def result(self) -> tuple[Population, Cost, object, bool]:
        """All that must not depend on the order of replies."""
        return self.population, self.account.spent, self.account.path, self.account.refused


def context(
    cap: Budget = UNLIMITED,
    engine: Backend | None = None,
    decisions: Decisions | None = None,
    problem: Problem = PROBLEM,
    scorers: Mapping[str, object] = SCORERS_OF_LAWS,
) -> Context:
    """One engine plays every role."""
    role = Role(engine or Engine(), SAMPLING, PRICE)
    roles = dict.fromkeys(("policy", "prm", "judge", "draft", "second"), role)
    return Context(problem, roles, Account(cap), scorers, Digits(), decisions=decisions)  # type: ignore[arg-type]


def run(
    strategy: Strategy,
    cap: Budget = UNLIMITED,
    *,
    seed: int = 0,
    population: Population | None = None,
    engine: Engine | None = None,
    backend: Backend | None = None,
    decisions: Decisions | None = None,
    **options: object,
) -> Ran:
    """Run a strategy from the root, or on a population; ``options`` are the engine's."""
    engine = engine or Engine(**options)  # type: ignore[arg-type]
    ctx = context(cap, backend or engine, decisions)
    start = Population.root(PROBLEM, seed) if population is None else population

    async def go() -> Population:
        return await strategy(start, ctx)

    return Ran(asyncio.run(go()), ctx.account, ctx.trace, engine)


def root(branch: int | None = None) -> Population:
    """Where a run starts, or where branch number ``branch`` of a union does."""
    pop = Population.root(PROBLEM)
    return pop if branch is None else pop.map(lambda c: c.forked("|", branch))


def bound(strategy: Strategy) -> tuple[Cost, Shape]:
    """The worst case from the root."""
    return strategy.bound(Shape(), context())


LOCAL = (
    sample(),
    sample(2),
    sample(3, temperature=0.5, max_tokens=8),
    sample(prompt=law_merge),
    step(),
    step(2),
    step(at=3),
    step(2, at=".", max_tokens=9),
    step(2, at=law_dot),
    step(at=law_dot(least=3)),
    rewrite(law_merge),
    rewrite(law_improve, 2),
    annotate(law_merge),
    annotate(law_improve, kind="plan"),
    sample(2, stop="..", confidence=3),
    step(2, kind="thought", max_tokens=7),
    step(at=4, stop="..", kind="thought", confidence=-1),
    write(" wait"),
    write(" 3", kind="thought", after="eos"),
    write(" so 4", reopen=True),
)
RATING = (
    score("prm", "last"),
    score("prm", "min"),
    score("prm", "model"),
    score("rule"),
    score("likelihood"),
)
SELECTING = (
    reweight("prm"),
    reweight("rule", "logit", "set", temperature=0.5),
    *(resample(1.0, scheme) for scheme in SCHEMES),
    resample(0.6),
    anneal(4),
    finished(),
    merge(),
    agreed(2),
    allocate(3, "rule"),
    top(1, "prm"),
    top(2, "rule"),
    top(1, "prm", live=True),
    vote(),
    vote("rule"),
    vote("weight"),
    rank_vote("irv"),
    rank_vote("borda"),
    borda_vote("rule", 1.5),
    least_risk("f1"),
    least_risk("edit"),
    least_risk("exact"),
    prune("rule"),
    distinct(),
    forget(),
    forget("plan"),
    passed("rule"),
    subsets(1, 2),
    temper("rule", 0.5),
)
WHOLE = (restart(), fuse(law_merge), fuse(law_merge, 2), identity)
JUDGING = (
    judge(law_improve, 2, "law_digit"),
    judge(law_improve, 3, "law_told", role="prm", by="rule", invalid=0.0, temperature=0.5, max_tokens=2),
    knockout(law_merge, 1, "law_digit"),
    round_robin(law_merge, 2, "law_told", by="rule", max_tokens=3),
    ranked(law_merge, 2),
    elected(law_merge, 2, max_tokens=1),
    appraised(law_merge, 2, by="rule", meta="prm", keep=1, max_tokens=2),
)
MIXED = (
    restart() >> sample(2) >> more(4),
    restart() >> sample(2) >> score("rule") >> route(difficulty(by="rule"), bin0=more(3), bin1=identity),
    revise(law_improve, 2),
    revise(law_improve, 2, recent=1, critique=law_merge, stop=law_crowded(size=1), last=True),
    revise(law_merge, 1, critique=law_improve, critic="judge", temperature=0.5),
    solve(law_improve, 2),
    annotate(law_merge, kind="observation") >> subsets(2, 2) >> solve(law_merge),
    shuffled(2),
    speculate(law_improve, 2.0, draft="judge"),
    speculate(law_improve, 1.5, draft="policy", at=3, mean=True),
    bandit("rule", 3, enough=0.9, a=sample(2) >> score("rule"), b=step() >> score("rule")),
    sample(3) >> score("prm", "last") >> top(2, "prm"),
    step(2) >> score("prm", "prod") >> reweight("prm") >> resample(),
    step() >> score("prm", "mean") >> reweight("prm"),
    sample(2) >> rewrite(law_merge),
    (step() | sample()) >> score("rule") >> reweight("rule") >> resample(1.0, "multinomial"),
    particles(step() >> score("prm", "model") >> reweight("prm"), resample(), 2),
    particles(step(2, at=law_dot) >> score("rule") >> top(2, "rule"), anneal(3), 2),
    gibbs(step(), score("prm", "last") >> reweight("prm"), 2, 2, 2, splice="rule"),
    annotate(law_improve) >> rewrite(law_merge),
    enough(sample(4), adaptive(threshold=0.7), 2),
    enough(step(3) >> score("rule"), consensus(share=0.6, by="rule")),
    # Deterministic only where none is stopped under way.
    finish_first(sample(2) >> score("prm", "last"), 2),
    finish_first((step() >> sample()) * 3, 3),
    restart() >> sample(3, confidence=2) >> confident(0.6, "bottom", 3),
    restart() >> online(sample(5, confidence=2), 2, 0.5, 2, 0.9, 2),
    (step(at=3, kind="thought") >> trim("law_improve")) ** 3 >> sample(),
    step(at=5, kind="thought") >> (write("x", after="eos") >> step(at=5, kind="thought")) ** 2,
    write("<", kind="thought") >> step(2, kind="thought") >> write(">", kind="thought") >> step(2) ** 2,
    sample() >> write("?", reopen=True) >> sample(2),
    lookahead(step(temperature=0.0) ** 2 >> score("prm", "last"), "prm"),
    search(step(2) >> merge() >> score("prm", "last"), "by_score", 3, 2),
    search(step(2) >> score("prm", "last"), by_drops(enough=2), 4),
    search((step() | step(at=2)) >> score("rule"), puct(by="rule", sims=4), 4, 2),
    search(step(2) >> score("rule"), depth_first(by="rule", above=0.3), 4, 2),
    search(step(2) >> score("rule"), by_level(by="rule", keep=2), 4, 2),
    search(rewrite(law_improve) >> score("rule"), refining(by="rule"), 3, 2),
    search((annotate(law_merge) >> rewrite(law_merge)).atomic() >> score("rule"), thompson(by="rule"), 3, 2),
)

locals_ = st.sampled_from(LOCAL)


def _nodes(body: st.SearchStrategy[Strategy], capped: bool) -> st.SearchStrategy[Strategy]:
    small = st.integers(0, 3)
    stops = st.sampled_from((law_never, law_always, law_crowded, law_crowded(size=5)))
    nodes = [
        st.builds(lambda a, b: a >> b, body, body),
        st.builds(lambda a, b: a >> b, body, body),
        st.builds(lambda a, b: a | b, body, body),
        st.builds(lambda a, n: a * n, body, small),
        st.builds(lambda a, n: a**n, body, st.integers(0, 2)),
        st.builds(lambda a, b: a.otherwise(b), body, body),
        st.builds(lambda a: a.atomic(), body),
        st.builds(lambda a, s, n: a.until(s, n), body, stops, small),
        st.builds(lambda a, s, n: a.grow(s, n), body, stops, small),
        st.builds(lambda a, b: route(law_size, few=a, many=b), body, body),
        # Deterministic races only: nothing is accepted, or one branch alone could be.
        st.builds(lambda a, b: race(a, b, accept=law_never), body, body),
        st.builds(lambda a: race(empty, a, accept=law_always), body),
    ]
    if capped:
        nodes.append(st.builds(lambda a, c: a.within(c), body, caps))
    return st.one_of(nodes)


one_cap = st.one_of(
    st.builds(Budget, calls=st.integers(0, 12)),
    st.builds(Budget, tokens=st.integers(0, 2500)),
    st.builds(Budget, prompt_tokens=st.integers(0, 2500)),
    st.builds(Budget, completion_tokens=st.integers(0, 150)),
    st.builds(Budget, sequential_tokens=st.integers(0, 60)),
    st.builds(Budget, usd=st.integers(0, 500).map(lambda millionths: millionths / 10**6)),
    st.builds(Budget, flops=st.integers(0, 10**6)),
    st.builds(Budget, idealised_seconds=st.integers(0, 10**6).map(lambda picos: picos / 10**12)),
)
caps = st.one_of(one_cap, one_cap, st.builds(lambda a, b: a & b, one_cap, one_cap))


def _affordable(strategy: Strategy) -> bool:
    return bound(strategy)[0].calls <= 120


def _trees(capped: bool, full: bool) -> st.SearchStrategy[Strategy]:
    leaves = (*LOCAL, *RATING, *SELECTING, *WHOLE, *JUDGING, *MIXED, *MIXED)
    leaf = st.sampled_from(leaves if full else (*leaves, empty))
    return st.recursive(leaf, lambda body: _nodes(body, capped), max_leaves=6).filter(_affordable)


trees = _trees(capped=True, full=False)
"""Any strategy."""
uncapped_trees = _trees(capped=False, full=False)
"""Without ``within``."""


def holds_empty(strategy: Strategy) -> bool:
    """Whether ``empty`` stands anywhere in it."""
    return any(node == empty for node in strategy.walk())
