"""What is recorded of a run: each call under one role and one stage, and the answers on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Trace
from itc.algebra.parallel import race
from itc.algebra.strategy import Stage, Strategy
from itc.algebra.trace import Anytime, Instant, first_answer
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.budget.cost import UNLIMITED, ZERO, Budget, Cost
from itc.frontiers.best_first import by_score
from itc.frontiers.by_level import by_level
from itc.frontiers.mctsr import refining
from itc.frontiers.puct import puct
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.layers.revise import revise
from itc.stages.particles.particles import particles
from itc.stages.particles.resample import resample, reweight
from itc.stages.routing.bandit import bandit
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import top, vote
from itc.stages.stopping.enough import enough
from itc.stages.stopping.finish_first import finish_first
from itc.testing.methods import Recorded
from itc.types import Population
from tests.laws.engine import Engine
from tests.laws.trees import (
    caps,
    context,
    law,
    law_always,
    law_crowded,
    law_improve,
    law_merge,
    law_never,
    parse,
    root,
    trees,
    uncapped_trees,
)

jitters = st.integers(1, 10**6)
budgets = caps | st.just(UNLIMITED)


@dataclass(frozen=True)
class Told:
    """What was recorded of a run."""

    population: Population
    trace: Trace
    instants: list[Instant]
    spent: Cost
    path: object

    def curve(self, spent: Cost) -> str | None:
        """The answer that so much bought."""
        bought = [i.answer for i in self.instants if i.spent | spent == spent]
        return bought[-1] if bought else None

    def all(self) -> tuple[object, ...]:
        """All that must not depend on the order of replies."""
        return self.trace.ledger, self.trace.draws, dict(self.trace.made), self.instants


def tell(a: Strategy, ctx: Context) -> Told:
    anytime = Anytime(ctx.account)
    out = asyncio.run(_go(a, replace(ctx, anytime=anytime)))
    anytime.end(first_answer(out.members))
    return Told(out, ctx.trace, anytime.instants, ctx.account.spent, ctx.account.path)


async def _go(a: Strategy, ctx: Context) -> Population:
    return await a(root(), ctx)


def told(a: Strategy, cap: Budget = UNLIMITED, **options: object) -> Told:
    return tell(a, context(cap, Engine(**options)))  # type: ignore[arg-type]


@law
@given(trees, budgets, jitters)
def test_every_call_is_booked_to_one_role_and_one_stage(a: Strategy, cap: Budget, jitter: int) -> None:
    ran = told(a, cap, jitter=jitter)
    ledger = ran.trace.ledger
    assert sum(ledger.by_role().values(), ZERO) == ran.spent
    assert sum(ledger.by_stage().values(), ZERO) == ran.spent
    stages = {str(node) for node in a.walk() if isinstance(node, Stage)}
    assert set(ledger.by_stage()) <= stages


@law
@given(trees, budgets, jitters)
def test_the_record_depends_on_no_order_of_replies(a: Strategy, cap: Budget, jitter: int) -> None:
    assert told(a, cap, jitter=jitter).all() == told(a, cap).all()


@law
@given(trees, budgets)
def test_draws_cost_what_was_booked(a: Strategy, cap: Budget) -> None:
    """No draw is told to have cost more than its stage."""
    ran = told(a, cap)
    by_stage = ran.trace.ledger.by_stage()
    for key, draw in ran.trace.draws.items():
        stage = by_stage[draw.stage]
        assert draw.cached_tokens <= draw.prompt_tokens <= stage.prompt_tokens
        made = ran.trace.made.get(key)
        assert made is None or made.steps[-1].tokens <= stage.completion_tokens


@law
@given(trees, budgets)
def test_the_curve_ends_with_what_was_returned(a: Strategy, cap: Budget) -> None:
    ran = told(a, cap)
    assert ran.instants[-1] == (first_answer(ran.population.members), ran.spent, ran.path)
    for before, after in zip(ran.instants, ran.instants[1:], strict=False):
        assert before.spent | after.spent == after.spent
        assert before.path <= after.path
        assert before[1:] != after[1:]


@law
@given(uncapped_trees, jitters)
def test_the_curve_passes_through_what_a_part_would_have_returned(a: Strategy, jitter: int) -> None:
    part, whole = told(a), told(a >> score("prm", "last"), jitter=jitter)
    assert whole.curve(part.spent) == part.instants[-1].answer


GROWING: dict[str, Callable[[int], Strategy]] = {
    "a power": lambda n: (step(2) >> score("prm", "last") >> top(2, "prm")) ** n,
    "until": lambda n: step(2).until(law_never, n),
    "later": lambda n: sample(2) >> score("prm", "last") >> rewrite(law_improve).until(law_never, n),
    "within": lambda n: (
        sample() >> (rewrite(law_improve) >> score("rule")).until(law_never, n).within(calls=99)
    ),
    "revise": lambda n: sample(2) >> revise(law_improve, n, critique=law_merge, last=True),
    "grow": lambda n: (step() >> sample()).grow(law_crowded(size=99), n + 1),
    "a search": lambda n: search(step(3) >> merge() >> score("prm", "last"), by_score(enough=9), n),
    "puct": lambda n: search((step() | step(at=2)) >> score("rule"), puct(by="rule", sims=4), n),
    "by level": lambda n: search(step(2) >> score("rule"), by_level(by="rule", keep=2), n),
    "refining": lambda n: search(rewrite(law_improve) >> score("rule"), refining(by="rule"), n),
    "particles": lambda n: particles(step() >> score("prm", "last") >> reweight("prm"), resample(), n),
    "a bandit": lambda n: bandit("rule", n, a=sample() >> score("rule"), b=step() >> score("rule")),
}


@pytest.mark.parametrize("name", GROWING)
@law
@given(few=st.integers(1, 3), more=st.integers(1, 4), copies=st.integers(1, 3))
def test_what_goes_on_passes_through_what_ends_sooner(name: str, few: int, more: int, copies: int) -> None:
    grown = GROWING[name]
    start = parse(f"identity * {copies}")
    short, long = told(start >> grown(few)), told(start >> grown(few + more))
    assert long.curve(short.spent) == short.instants[-1].answer


def test_side_by_side_and_half_done_things_note_nothing() -> None:
    body = sample() >> score("prm", "last") >> rewrite(law_improve)
    for a in (body * 2, body.atomic(), race(body, body, accept=law_never), enough(body, law_never)):
        assert len(told(a).instants) == 1
    assert len(told(body.atomic() >> rewrite(law_improve)).instants) > 1


def test_of_one_cost_the_last_answer_stands() -> None:
    ran = told(sample(9) >> vote())
    assert [i.answer for i in ran.instants] == [ran.population[0].answer]


CONTESTS = {
    "race": race(sample(2) >> score("prm", "last"), step() >> score("prm", "min"), accept=law_always),
    "nested": race(sample(), race(step(), sample(2), accept=law_always) >> step(), accept=law_always),
    "finish_first": finish_first(sample(3) >> score("prm", "last")) >> rewrite(law_improve),
    "enough": enough(sample(6) >> score("prm", "last"), law_always, 1, 3) >> score("rule"),
}


@pytest.mark.parametrize("name", CONTESTS)
@law
@given(jitter=jitters)
def test_what_a_contest_lost_is_recorded_as_it_was_the_first_time(
    name: str, jitter: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("contest") / "journal.sqlite"
    with Journal.open(path) as journal:
        runs = []
        for order in (jitter, jitter + 1, 0):
            engine = Journaled(Engine(jitter=order, caches=False), journal)
            runs.append(tell(CONTESTS[name], context(engine=engine, decisions=Recorded(journal))))
    first, *others = runs
    for other in others:
        assert other.all() == first.all()
        assert other.trace.ledger.total() == first.spent == other.spent
        assert not other.trace.paid.total().calls
