"""Alternatives and confidences on their way: through a function, the journal, a watch and a test's engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.backends.base import Completion, Request, Usage, Watch
from itc.backends.function import ALL, FunctionBackend
from itc.backends.journal import Journal
from itc.backends.journaled import Journaled
from itc.errors import BadResponse, CapabilityError
from itc.keys import Key
from itc.testing.engine import Engine

REQUEST = Request("2 + 2?", Key("told"), alternatives=2, confidence=2, max_tokens=9)
DRAWN = Completion(
    "Yes",
    "eos",
    Usage(3, 0, 2),
    alternatives=((("Yes", -0.1), ("No", -2.5)), (("", -0.5), (".", -1.0))),
    token_confidences=(1.3, 0.75),
)

logprobs = st.floats(-1e6, 0)
positions = st.lists(st.lists(st.tuples(st.text(), logprobs), max_size=3).map(tuple), max_size=3).map(tuple)


@settings(deadline=None)
@given(positions, st.lists(st.floats(0, 1e6), max_size=3).map(tuple))
def test_the_journal_gives_back_what_was_stored(
    told: tuple[tuple[tuple[str, float], ...], ...], sure: tuple[float, ...]
) -> None:
    drawn = Completion("x", alternatives=told, token_confidences=sure)
    assert Completion.load(drawn.dump()) == drawn
    assert not any(name in Completion("x").dump() for name in (b"alternatives", b"confidences"))


def test_a_replayed_draw_tells_its_watch_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.sqlite") as journal:
            engine = Journaled(FunctionBackend(lambda r: DRAWN, capabilities=ALL), journal)
            for _ in range(2):
                watch = Watch()
                assert await engine.generate(REQUEST, watch) == DRAWN
                assert tuple(watch.confidences) == DRAWN.token_confidences
            assert (engine.hits, engine.misses) == (1, 1)

    asyncio.run(main())


@pytest.mark.parametrize("drawn", [Completion("Yes", "eos", Usage(3, 0, 2)), "Yes indeed"])
def test_a_function_gives_what_it_was_asked_for(drawn: Completion | str) -> None:
    backend = FunctionBackend(lambda r: drawn, capabilities=ALL)
    with pytest.raises(BadResponse, match="0 alternatives for 2 tokens"):
        asyncio.run(backend.generate(REQUEST))


def test_a_function_claims_neither_unless_it_is_declared() -> None:
    backend = FunctionBackend(lambda r: "Yes")
    with pytest.raises(CapabilityError, match="alternatives, confidence"):
        asyncio.run(backend.open(frozenset({"alternatives", "confidence", "logprobs"})))


class Until(Watch):
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.most = tokens

    def keep_going(self, logprobs: Sequence[float]) -> bool:
        return self.completion_tokens < self.most


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_the_engine_of_tests_is_cut_where_a_watch_says(case: int, tokens: int) -> None:
    request = Request("q", Key(case), max_tokens=12, alternatives=2, confidence=3)

    async def main() -> None:
        engine = Engine()
        whole, watch = await engine.generate(request), Until(tokens)
        sold = engine.sold
        cut = await engine.generate(request, watch)
        made = cut.usage.completion_tokens
        assert (
            made
            == min(tokens, whole.usage.completion_tokens)
            == (engine.sold.completion_tokens - sold.completion_tokens)
        )
        assert cut.finish == ("cut" if made < whole.usage.completion_tokens else whole.finish)
        assert whole.text.startswith(cut.text)
        assert cut.text == watch.text
        assert cut.token_confidences == whole.token_confidences[:made] == tuple(watch.confidences)
        assert cut.alternatives == whole.alternatives[:made]
        plain = await engine.generate(Request("q", Key(case), max_tokens=12))
        assert (plain.text, plain.token_confidences) == (whole.text, ())

    asyncio.run(main())
