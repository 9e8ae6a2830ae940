"""What every method promises, at any budget and in any order of replies."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

from itc.algebra.context import Context, Role, Scorer, Shape, Trace
from itc.algebra.strategy import Strategy
from itc.backends.base import Backend
from itc.backends.deadline import Decisions
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.budget.account import Account, Caps
from itc.budget.cost import UNLIMITED, ZERO, Budget, Cost
from itc.library import parse
from itc.scorers.base import SCORERS, ModelScorer
from itc.stages.score import Score
from itc.stages.stopping.enough import Enough
from itc.stages.stopping.finish_first import FinishFirst
from itc.testing.engine import PRICE, SAMPLING, Digits, Engine
from itc.testing.promise import Promise, require
from itc.types import Candidate, Population, Problem

PROBLEM = Problem("p", "How many?")


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    population: Population
    account: Account
    trace: Trace
    engine: Engine

    def result(self, timed: bool = False) -> tuple[object, ...]:
        """All that must not depend on the order of replies; of a ``timed`` method not what it cost."""
        spent = None if timed else self.account.spent
        return self.population, spent, self.account.path, self.account.refused


def timed(method: Strategy) -> bool:
    """Whether it stops draws under way, so that their cost depends on the clock; their result does not."""
    return any(isinstance(n, FinishFirst) or (isinstance(n, Enough) and n.ahead) for n in method.walk())


class Recorded:
    """Decisions in the journal of the draws."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def get(self, key: bytes) -> bytes | None:
        """What was decided."""
        return self.journal.get_decision(key)

    async def put(self, key: bytes, value: bytes) -> None:
        """Returns once it is durable."""
        await self.journal.put_decision(key, value)


def context(
    strategy: Strategy,
    cap: Budget = UNLIMITED,
    engine: Backend | None = None,
    decisions: Decisions | None = None,
) -> Context:
    """One engine in every role that the strategy names. A scorer nobody registered is a model in a role, of
    outcomes where its scores are not aggregated."""
    needs, nodes = strategy.needs, list(strategy.walk())
    whole = {node.by for node in nodes if isinstance(node, Score) and node.agg is None}
    scorers: dict[str, Scorer] = {
        n: SCORERS[n] if n in SCORERS else ModelScorer(n, n not in whole) for n in needs.scorers
    }
    roles = {"policy", *(role for role, _ in needs.capabilities)}
    roles |= {role for scorer in scorers.values() for role, _ in scorer.needs}
    role = Role(engine or Engine(), SAMPLING, PRICE)
    known: Mapping[str, Scorer] = {**SCORERS, **scorers}
    played = dict.fromkeys(roles, role)
    return Context(PROBLEM, played, Account(cap), known, Digits(), decisions=decisions)


async def run(
    strategy: Strategy,
    seed: int = 0,
    cap: Budget = UNLIMITED,
    jitter: int = 0,
    journal: Journal | None = None,
    caches: bool = True,
) -> Ran:
    """Run a strategy on the test engine; ``jitter`` shuffles the order of replies."""
    engine = Engine(jitter=jitter, caches=caches)
    decisions = Recorded(journal) if journal else None
    ctx = context(strategy, cap, Journaled(engine, journal) if journal else engine, decisions)
    return Ran(await strategy(Population.root(PROBLEM, seed), ctx), ctx.account, ctx.trace, engine)


def some_cap(rng: Random) -> Budget:
    """In one unit or two, from nothing to enough."""
    units = {
        "calls": rng.randint(0, 40),
        "tokens": rng.randint(0, 2500),
        "prompt_tokens": rng.randint(0, 2500),
        "completion_tokens": rng.randint(0, 150),
        "sequential_tokens": rng.randint(0, 60),
        "usd": rng.randint(0, 500) / 10**6,
        "flops": rng.randint(0, 10**6),
        "idealised_seconds": rng.randint(0, 10**6) / 10**12,
    }
    return Budget.of({unit: units[unit] for unit in rng.sample(sorted(units), rng.randint(1, 2))})


async def reads_back(method: Strategy, rng: Random) -> None:  # noqa: ARG001
    """parse(str(s)) == s."""
    again = parse(str(method))
    require(again == method and hash(again) == hash(method), f"{method} is read back as {again}")


async def one_candidate(method: Strategy, rng: Random) -> None:
    """Exactly one comes out."""
    ran = await run(method, rng.randrange(1000))
    require(len(ran.population) == 1, f"{len(ran.population)} candidates came out; expected 1")


async def any_order(method: Strategy, rng: Random) -> None:
    """Replies may come in any order. They may decide what draws that a method stops have cost by then."""
    seed, jitter = rng.randrange(1000), rng.randint(1, 10**6)
    one, two = await run(method, seed), await run(method, seed, jitter=jitter)
    require(
        one.result(timed(method)) == two.result(timed(method)),
        f"problem seed {seed}: {_told(one)} one after another, {_told(two)} with jitter {jitter}",
    )


async def any_budget(method: Strategy, rng: Random) -> None:
    """No cap is exceeded, and the best of what there is comes out."""
    seed, cap, jitter = rng.randrange(1000), some_cap(rng), rng.randint(1, 10**6)
    ran = await run(method, seed, cap, jitter)
    told = f"cap {cap.stated()}, problem seed {seed}"
    spent = ran.account.spent
    require(Caps.of(cap).covers(spent, ran.account.path), f"{told}: spent {_cost(spent)}")
    require(ran.account.held == ZERO, f"{told}: {_cost(ran.account.held)} still on hold at the end")
    require(ran.account.overrun == ZERO, f"{told}: {_cost(ran.account.overrun)} more than was reserved")
    require(len(ran.population) == 1, f"{told}: {len(ran.population)} candidates came out; expected 1")
    same = ran.result(timed(method)) == (await run(method, seed, cap)).result(timed(method))
    require(same, f"{told}: the result depends on the order of replies (jitter {jitter})")


async def booked_is_billed(method: Strategy, rng: Random) -> None:
    """What the account says was spent is what the engine sold."""
    # A draw that was stopped is charged its prompt in full: what of it was cached is told at the end.
    ran = await run(method, rng.randrange(1000), jitter=rng.randint(1, 10**6), caches=not timed(method))
    spent, sold = ran.account.spent, ran.engine.sold
    require(spent == sold, f"booked {_cost(spent)}, sold {_cost(sold)}")
    roles = sum(ran.trace.spent.values(), ZERO)
    require(roles == spent, f"booked {_cost(spent)}, by role {_cost(roles)}")


async def worst_case(method: Strategy, rng: Random) -> None:
    """The bound, stated before anything runs, covers what is spent, and is enough."""
    cost, shape = method.bound(Shape(), context(method))
    seed = rng.randrange(1000)
    ran = await run(method, seed)
    spent, out = ran.account.spent, ran.population
    caps = Caps.around(cost, cost.completion_tokens)
    require(caps.covers(spent, ran.account.path), f"bound {_cost(cost)}, spent {_cost(spent)}")
    require(len(out) <= shape.count, f"{len(out)} candidates came out; its bound is {shape.count}")
    given = await run(method, seed, Budget(calls=cost.calls, completion_tokens=cost.completion_tokens))
    told = f"problem seed {seed}, with {_cost(cost)} to spend, which is the bound"
    require(not given.account.refused, f"{told}: something was refused")
    same = given.result(timed(method)) == ran.result(timed(method))
    require(same, f"{told}: {_told(given)}; without a cap {_told(ran)}")


async def never_extended(method: Strategy, rng: Random) -> None:
    """A finished path is not extended. It may be rewritten, or commented on; notes alone are no answer."""
    made = (await run(method, rng.randrange(1000))).trace.made
    for c in made.values():
        above = made.get(c.parent) if c.parent is not None else None
        if above is not None and above.done and above.solution and _extends(c, above):
            require(False, f"{above.text!r} is finished, and was extended to {c.text!r}")


def _extends(c: Candidate, above: Candidate) -> bool:
    n = len(above.steps)
    same = [s.text for s in c.steps[:n]] == [s.text for s in above.steps]
    return same and any(s.kind == "solution" for s in c.steps[n:])


async def resumes(method: Strategy, rng: Random) -> None:
    """Run again on its journal it asks the engine for nothing, and finds the same."""
    seed = rng.randrange(1000)
    with tempfile.TemporaryDirectory(prefix="itc-") as folder, Journal.open(Path(folder) / "j.sqlite") as j:
        first, again = await run(method, seed, journal=j), await run(method, seed, journal=j)
    require(not again.engine.asked, f"problem seed {seed}: {len(again.engine.asked)} calls were made again")
    require(first.result() == again.result(), f"problem seed {seed}: another result the second time")


def _told(ran: Ran) -> str:
    texts = [c.text for c in ran.population]
    return f"{texts!r} for {ran.account.spent.calls} calls"


def _cost(cost: Cost) -> str:
    found = {f.name: getattr(cost, f.name) for f in fields(cost) if getattr(cost, f.name)}
    return str(found or "nothing")


PROMISES = (
    Promise("it prints as the expression that makes it", reads_back, 1),
    Promise("one candidate comes out", one_candidate),
    Promise("the order of replies does not matter", any_order),
    Promise("no cap is exceeded, and at any budget a candidate comes out", any_budget, 20),
    Promise("what is booked is what was billed", booked_is_billed),
    Promise("it costs no more than its bound, which is enough", worst_case),
    Promise("a finished path is never extended", never_extended),
    Promise("run again, it repeats no call and finds the same", resumes, 3),
)
