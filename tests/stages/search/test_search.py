"""The one engine of tree searches: waves, families, caps, what is rated and what is lost (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context
from itc.algebra.registry import frontier
from itc.algebra.strategy import Strategy
from itc.budget.account import Caps
from itc.budget.cost import Budget
from itc.errors import ConfigError
from itc.frontiers.best_first import BestFirst, by_score
from itc.frontiers.by_level import by_level
from itc.frontiers.puct import puct
from itc.library import parse
from itc.scorers.base import SCORERS
from itc.stages.draws.extend import rewrite, sample, step
from itc.stages.layers.fuse import fuse, restart
from itc.stages.score import score
from itc.stages.search.search import search
from itc.stages.selection.merge import merge
from itc.stages.selection.select import first
from itc.types import Candidate, Population
from tests.laws.trees import bound, caps, context, law, law_improve, law_merge, run
from tests.methods.world import play

ALL = 10**6
GROW = step(2) >> merge() >> score("prm", "last")


@frontier
def law_breadth(pop: Population, ctx: Context) -> BestFirst:
    """All there is, in order of length."""
    return BestFirst(pop.members, lambda c: float(len(c.steps)), ALL)


ASKED: list[int] = []


class Again:
    """Asks for forks of the first root without end, and notes how often."""

    def __init__(self, root: Candidate) -> None:
        self.root = root
        ASKED.append(0)

    def ask(self) -> Candidate:
        ASKED[-1] += 1
        return self.root.forked("again", ASKED[-1])

    def tell(self, node: Candidate, children: Sequence[Candidate]) -> None:
        """Nothing to learn."""

    def ranked(self, finished: Sequence[Candidate]) -> Sequence[Candidate]:
        return finished

    def leaves(self) -> Sequence[Candidate]:
        return (self.root,)


@frontier
def law_again(pop: Population, ctx: Context) -> Again:
    return Again(pop[0])


SEARCHES = (
    search(GROW, by_score(enough=ALL), 12, 3),
    search(GROW, by_level(keep=2), 12, 2),
    search(GROW, puct(sims=12), 12, 3),
    search((step() | step(at=2)) >> score("rule"), by_score(by="rule"), 6, 2),
    search(rewrite(law_improve) >> score("rule"), "law_breadth", 5, 2),
    search(sample(2) >> score("rule"), by_score(by="rule"), 4),
)
REPLACING = search(step() >> fuse(law_merge) >> score("rule"), by_score(by="rule"), 4)
searches = st.sampled_from((*SEARCHES, REPLACING))


@law
@given(st.sampled_from(SEARCHES), st.integers(0, 99))
def test_no_finished_path_is_lost(a: Strategy, seed: int) -> None:
    """What comes out is all that finished, or all that can still be continued; of twins there is one."""
    ran = run(a, seed=seed)
    made = ran.trace.made.values()
    drawn_from = {c.parent for c in made}
    ended = {(c.parent, c.text) for c in made if c.done}
    left = {(c.parent, c.text) for c in made if c.key not in drawn_from}
    assert {(c.parent, c.text) for c in ran.population} >= (ended or left)
    assert all(c.done for c in ran.population) or not ended


@law
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_an_exhaustive_search_finds_the_same_at_any_width(seed: int, width: int) -> None:
    one, _, _ = play(search(GROW, by_score(enough=ALL), ALL), seed)
    many, _, ctx = play(search(GROW, by_score(enough=ALL), ALL, width), seed)
    assert {c.text for c in many} == {c.text for c in one}
    assert [c.score("prm") for c in many] == [c.score("prm") for c in one]
    assert not ctx.account.refused


@law
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(0, 9))
def test_more_expansions_only_add(seed: int, few: int, more: int) -> None:
    _, _, less = play(search(GROW, by_score(enough=ALL), few), seed)
    _, _, all_ = play(search(GROW, by_score(enough=ALL), few + more), seed)
    assert set(less.trace.made) <= set(all_.trace.made)


@law
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_equal_siblings_are_one_before_they_are_rated_and_nothing_is_rated_twice(
    seed: int, m: int, width: int
) -> None:
    """In that world a text tells a node but for its twins."""
    grow = step(m) >> merge() >> score("prm", "last")
    _, world, _ = play(search(grow, by_score(enough=ALL), ALL, width), seed)
    rated = [call[1] for call in world.asked if call[0] == "rate"]
    drawn_from = [call[1] for call in world.asked if call[0] == "draw"]
    assert len(rated) == len(set(rated))
    assert all(drawn_from.count(text) == m for text in drawn_from)


def test_a_wave_is_drawn_at_once() -> None:
    """Twelve expansions one after another are twelve draws long; side by side they are waves long."""
    slow, fast = (run(search(GROW, "law_breadth", 12, width)) for width in (1, 4))
    assert fast.account.path < slow.account.path
    assert fast.spent.calls == slow.spent.calls


@law
@given(searches, caps, st.integers(0, 99))
def test_under_any_cap_the_frontier_shows_what_there_is(a: Strategy, cap: Budget, jitter: int) -> None:
    ran = run(a, cap, jitter=jitter)
    assert len(ran.population) >= 1
    assert Caps.of(cap).covers(ran.spent, ran.account.path)
    assert ran.result() == run(a, cap).result()
    made = ran.trace.made.values()
    assert any(c.done for c in ran.population) == any(c.done for c in made)


def test_the_first_refusal_ends_it() -> None:
    """What is still affordable after a refusal is not bought: the search would go where it is cheap."""
    ran = run(search(rewrite(law_improve) >> score("rule"), "law_again", 50), Budget(calls=3))
    assert ran.spent.calls == 3
    assert ASKED.pop() == 4


@law
@given(searches, st.integers(0, 99))
def test_its_bound_covers_it(a: Strategy, seed: int) -> None:
    cost, shape = bound(a)
    ran = run(a, seed=seed)
    assert ran.spent.calls <= cost.calls
    assert ran.spent.completion_tokens <= cost.completion_tokens
    assert ran.spent.prompt_tokens <= cost.prompt_tokens
    assert len(ran.population) <= shape.count


def test_its_bound_grows_with_the_expansions() -> None:
    few, _ = bound(search(GROW, "by_score", 10))
    many, shape = bound(search(GROW, "by_score", 300))
    assert (few.calls, many.calls) == (10 * 4, 300 * 4)
    assert many.prompt_tokens > 30 * few.prompt_tokens  # later paths are longer
    assert shape.count == 1 + 300 * 2


def test_nothing_comes_of_nothing() -> None:
    async def go() -> Population:
        return await search(GROW, by_score, 5)(Population(), context())

    assert asyncio.run(go()) == Population()


def test_what_is_finished_comes_through() -> None:
    ran = run(sample(3) >> score("prm", "last") >> search(GROW, by_score, 5))
    assert ran.spent.calls == 3 + 3
    assert all(c.done for c in ran.population)
    assert len(ran.population) == 3


def test_a_fresh_start_has_no_place_in_a_search() -> None:
    """What descends from no node is left out: the node made nothing."""
    assert run(
        search(restart() >> sample() >> score("rule"), by_score(by="rule"), 3)
    ).population == Population.root(context().problem)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("search(3, by_score)", "expected a strategy"),
        ("search(step(), by_scroe)", "Did you mean 'by_score'"),
        ("search(step(), by_score, 0)", "integer ≥ 1"),
        ("search(step(), by_score, 4, 0)", "integer ≥ 1"),
        ("search(step(), by_score(bi=prm))", "no argument 'bi'. Known: by, enough"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "search(step() >> score(likelihood), by_score)",
            r"gives likelihood. Write by_score\(by='likelihood'\)",
        ),
        ("search(step(), puct)", "rates nothing"),
        ("search(step() >> score(prm, last), puct(by='rule'))", "goes by the score 'rule'"),
    ],
)
def test_a_frontier_that_goes_by_another_score_is_refused_before_anything_is_spent(
    text: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(text).check(SCORERS)


def test_one_that_goes_by_none_is_not() -> None:
    search(step(), "law_breadth").check(SCORERS)
    parse("a_star()").walk()
    for node in parse("mctsr() | ab_mcts() | dvts() | sbs() | tree_of_thoughts(order=depth)").walk():
        node.check(context().scorers)


def test_it_prints_as_it_was_made() -> None:
    a = search(GROW >> first(), by_score(enough=3), 7, 2)
    assert str(a) == ("search(step(2) >> merge() >> score(prm, last) >> first(), by_score(enough=3), 7, 2)")
    assert parse(str(a)) == a
    assert a.size == 7 * GROW.size + 7
