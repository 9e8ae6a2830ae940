"""Where a draw ends, and what a stream may say before it is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.base import Completion
from itc.backends.embedded.draw import Draw
from tests.backends.embedded.tiny import ask


def play(pieces: list[str | None], **fields: object) -> tuple[Completion | None, list[str], Draw]:
    draw = Draw(ask(**fields), (5, 6), (), lambda *_: None)
    said = []
    for i, piece in enumerate(pieces):
        final = draw.take(10 + i, -0.5, piece)
        if (told := draw.piece(final)) is not None:
            said.append(told.text)
        if final is not None:
            return final, said, draw
    return None, said, draw


@pytest.mark.parametrize(
    ("pieces", "fields", "text", "finish", "ids"),
    [
        (["a", "b", None], {}, "ab", "eos", (10, 11)),
        (["a", "b", "c"], {"max_tokens": 2}, "ab", "length", (10, 11)),
        (["a", None], {"max_tokens": 2}, "a", "eos", (10,)),
        (["one", "\n", "two"], {"step": "\n"}, "one\n", "step", (10, 11)),
        (["one", "\n", "\nx"], {"step": "\n\n"}, "one\n\n", "step", ()),
        (["one", " st", "op", "x"], {"stop": ("stop",)}, "one ", "eos", ()),
        (["ab", "cd"], {"stop": ("cd", "bc")}, "a", "eos", ()),
        (["a\n", "b"], {"stop": ("\n",), "step": "\n"}, "a", "eos", ()),
        (["a", "\nQ"], {"stop": ("\nQ",), "step": "\n"}, "a", "eos", ()),
        (["a", "b"], {"stop": ("b",), "max_tokens": 2}, "a", "eos", ()),
    ],
)
def test_a_draw_ends_where_it_should(
    pieces: list[str | None], fields: dict[str, object], text: str, finish: str, ids: tuple[int, ...]
) -> None:
    final, said, draw = play(pieces, **fields)
    assert final is not None
    assert (final.text, final.finish, final.token_ids) == (text, finish, ids)
    assert "".join(said) == text
    assert final.usage.completion_tokens == len(final.token_logprobs) == len(draw.logprobs)


@given(
    st.lists(st.text("ab\n", min_size=0, max_size=3), max_size=12),
    st.sampled_from(["ab", "\n\n", "aab", "b"]),
)
def test_a_stream_never_says_what_a_stop_takes_back(pieces: list[str], stop: str) -> None:
    final, said, _ = play([*pieces, None], stop=(stop,), max_tokens=99)
    assert final is not None
    whole = "".join(pieces)
    assert final.text == (whole[: whole.index(stop)] if stop in whole else whole)
    assert "".join(said) == final.text
    assert all(said[:-1])
    starts = ["".join(said[:i]) for i in range(len(said) + 1)]
    assert all(b.startswith(a) for a, b in pairwise(starts))
