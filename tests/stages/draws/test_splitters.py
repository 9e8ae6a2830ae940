"""Any step: where one ends that no delimiter marks, whether an engine cuts it there or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.algebra.context import Context, Role
from itc.algebra.registry import Ref
from itc.backends.base import Backend, Completion, Request, Sampling, Usage, Watch
from itc.backends.embedded import EmbeddedBackend
from itc.backends.function import FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.config import strategy_of
from itc.errors import ConfigError, StrategyFailed
from itc.library import parse
from itc.stages.draws.extend import sample, step
from itc.stages.draws.splitters import Splitting, splitter, surprise
from itc.types import Population, Problem
from tests.laws.trees import law, law_dot

MODEL = Path(__file__).parents[2] / "backends/embedded/golden/policy"
PROBLEM = Problem("p", "what is two and two")


@splitter()
def every_third(text: str, logprobs: Sequence[float]) -> int | None:
    return 3 if len(text) >= 3 else None


@splitter()
def nowhere(text: str, logprobs: Sequence[float], where: int = 0) -> int | None:
    return where


class Speaking(FunctionBackend):
    """Speaks a whole text in pieces of ``size`` tokens of one character, and can be cut."""

    def __init__(self, text: str, size: int, costs: Sequence[float] = ()) -> None:
        super().__init__(lambda r: Completion())
        self.whole, self.size, self.asked = text, size, 0
        self.logprobs = tuple(-x for x in costs) or (-0.1,) * len(text)

    async def generate(self, request: Request, watch: Watch | None = None) -> Completion:
        self.asked += 1
        start = len(request.prefix)
        said, costs = "", tuple[float, ...]()
        while start + len(said) < len(self.whole):
            at = start + len(said)
            piece, cost = self.whole[at : at + self.size], self.logprobs[at : at + self.size]
            said, costs = said + piece, costs + cost
            if watch is not None and not watch.follow(piece, len(piece), cost):
                return Completion(said, "cut", Usage(1, 0, len(said)), costs, tuple(map(ord, said)))
        return Completion(said, "eos", Usage(1, 0, len(said)), costs, tuple(map(ord, said)))


def drawn(text: str, backend: Backend, rounds: int = 30) -> Population:
    role = Role(backend, Sampling(max_tokens=200, step_tokens=100, logprobs=True))
    ctx = Context(PROBLEM, {"policy": role})
    return asyncio.run(parse(f"({text}).until(done, {rounds})")(Population.root(PROBLEM), ctx))


def steps(text: str, backend: Backend) -> list[str]:
    (c,) = drawn(text, backend)
    assert c.done
    return [s.text for s in c.steps]


@law
@given(st.text(alphabet="ab.", min_size=1, max_size=30), st.integers(1, 7))
def test_a_step_does_not_depend_on_the_size_of_an_engines_pieces(text: str, size: int) -> None:
    for at in ("every_third", "law_dot", "law_dot(least=3)"):
        found = steps(f"step(at={at})", Speaking(text, size))
        assert (
            found == steps(f"step(at={at})", Speaking(text, 1)) == steps(f"step(at={at})", Speaking(text, 99))
        )
        assert "".join(found) == text


def test_an_engine_is_cut_where_the_step_ends() -> None:
    (c,) = drawn("step(at=every_third)", Speaking("abcdefgh", 1), 1)
    assert (c.text, c.tokens, c.finish, c.done) == ("abc", 3, "step", False)
    assert c.steps[0].token_ids == (97, 98, 99)
    (c,) = drawn("step(at=every_third)", Speaking("abcdefgh", 4), 1)
    assert (c.text, c.tokens, c.steps[0].token_ids) == ("abc", 4, ())  # the fourth was drawn and is paid for


def test_a_surprising_token_ends_a_step() -> None:
    costs = [0.1, 9.0, 0.1, 0.1, 3.0, 0.1, 0.1, 0.1]
    engine = Speaking("abcdefgh", 1, costs)
    assert steps("step(at=surprise(above=2.5, least=2))", engine) == ["ab", "cde", "fgh"]
    assert steps("step(at=surprise(above=2.5, least=3))", engine) == ["abcde", "fgh"]
    assert steps("step(at=surprise(above=9.5, least=1))", engine) == ["abcdefgh"]


def test_the_texts_of_the_embedded_model_are_distributed_as_before(tmp_path: Path) -> None:
    """Steps that end with a surprise change no distribution: the share of first letters stays."""
    engine = EmbeddedBackend(MODEL)
    sampling = Sampling(max_tokens=12, step_tokens=12, logprobs=True)
    ctx = Context(PROBLEM, {"policy": Role(engine, sampling)})

    async def go() -> tuple[Population, Population]:
        root = Population.root(PROBLEM)
        whole = await sample(300)(root, ctx)
        stepped = await parse("step(300, at=surprise(above=1.0, least=1)).until(done, 1)")(root, ctx)
        stepped = await parse("step(at=surprise(above=1.0, least=1)).until(done, 20)")(stepped, ctx)
        await engine.close()
        return whole, stepped

    whole, stepped = asyncio.run(go())
    assert stepped.done
    assert max(len(c.steps) for c in stepped) > 1
    for place in (0, 4):
        one, two = (Counter(c.text[place : place + 1] for c in pop) for pop in (whole, stepped))
        for letter, n in one.most_common(3):
            p = n / 300
            assert abs(two[letter] / 300 - p) < 5 * (2 * p * (1 - p) / 300) ** 0.5 + 0.01


def test_a_cut_draw_is_replayed_from_the_journal(tmp_path: Path) -> None:
    engine = Speaking("abcdefgh", 1)
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        first = steps("step(at=every_third)", Journaled(engine, journal))
        asked = engine.asked
        assert steps("step(at=every_third)", Journaled(engine, journal)) == first == ["abc", "def", "gh"]
        assert engine.asked == asked == 3
        # Another splitter, or another argument of the same, is another draw.
        steps("step(at=law_dot)", Journaled(engine, journal))
        assert engine.asked == asked + 1
        steps("step(at=law_dot(least=2))", Journaled(engine, journal))
        assert engine.asked == asked + 2
        steps("step(at=law_dot(least=1))", Journaled(engine, journal))
        assert engine.asked == asked + 2


def test_the_watch_is_named_for_all_arguments() -> None:
    assert Splitting(surprise).name == "split:surprise(above=2.5, least=8)"
    assert Splitting(surprise(above=2.5)).name == Splitting(surprise).name
    assert Splitting(surprise(above=3)).name != Splitting(surprise).name


def test_one_parameter_says_it_everywhere() -> None:
    ref = Ref("splitter", "surprise")(above=3.0)
    for at in (ref, "surprise(above=3.0)", " surprise( above = 3.0 )"):
        assert step(at=at) == step(at=ref)
    assert step(at="surprise") == step(at=surprise)
    assert str(step(2, at=ref)) == "step(2, at=surprise(above=3.0))"
    assert parse("step(2, at=surprise(above=3.0))") == step(2, at=ref)
    made, _ = strategy_of({"name": "particle_filter", "n": 2, "at": "surprise(above=3.0)"})
    assert made == parse("particle_filter(2, at=surprise(above=3.0))")
    assert step(at="surprised").own_needs() == step().own_needs()  # a delimiter like any other


def test_what_a_splitter_needs_is_asked_before_anything_is_spent() -> None:
    assert step(at=law_dot).needs.capabilities == {("policy", "continue"), ("policy", "stream")}
    assert ("judge", "logprobs") in step(at=surprise, role="judge").needs.capabilities


@pytest.mark.parametrize("where", [0, -1, 9])
def test_a_place_outside_of_the_text_is_refused(where: int) -> None:
    with pytest.raises(StrategyFailed, match="expected a number"):
        steps(f"step(at=nowhere(where={where}))", Speaking("ab", 1))


@pytest.mark.parametrize(
    "at",
    ["surprise(2.5)", "surprise(above=x)", "surprise(nothing=1)", "surprise(above=[1])", "surprise(above=)"],
)
def test_wrong_arguments_are_refused(at: str) -> None:
    with pytest.raises(ConfigError):
        step(at=at)
