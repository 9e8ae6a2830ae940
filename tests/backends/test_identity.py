"""The identity of a request: everything that affects the draw is in it, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from itc.backends.attempts import Together
from itc.backends.base import Request
from itc.keys import Key

ROOT = Key("identity")
TEXTS = (
    "",
    "a",
    "b",
    "ab",
    "a b",
    "\n",
    "\n\n",
    '"',
    "\\",
    "\\n",
    "null",
    "0",
    "∑",
    "e\u0301",
    "é",
    "[]",
    "\0",
)
STEPS = ((), ("",), ("a",), ("a", "b"), ("b", "a"), ("ab",), ("a", ""), ('a","b',))
FRACTIONS = (1.0, 0.0, 0.5, 0.1, 0.30000000000000004, 0.3, 5e-324, 1e300)
FIELDS: dict[str, Sequence[Any]] = {
    "prompt": TEXTS,
    "key": (ROOT, ROOT.fold(0), ROOT.fold(1), ROOT.fold("0"), ROOT.fold(0, 0)),
    "system": TEXTS,
    "prefix": TEXTS,
    "prefix_ids": ((), (0,), (1,), (0, 1), (1, 0), (10,), (2**31,)),
    "temperature": FRACTIONS,
    "top_p": FRACTIONS,
    "top_k": (0, 1, 2, 20),
    "min_p": FRACTIONS,
    "max_tokens": (512, 1, 511, 2**20),
    "stop": STEPS,
    "step": TEXTS,
    "logprobs": (False, True),
    "alternatives": (0, 1, 5),
    "confidence": (0, -1, 1, 20),
    "score_steps": (None, *STEPS),
    "n": (1, 2, 64),
    "group": (None, ROOT, ROOT.fold(0)),
    "index": (0, 1, 255),
    "payer": (None, Together((), 1)),
}
WITHOUT_EFFECT = {"n", "group", "index", "payer"}
NAMES = sorted(FIELDS)
CHOICES = st.binary(min_size=len(NAMES), max_size=len(NAMES))
"""One byte chooses the value of one field: the cheapest way to many examples."""


def values_of(choices: bytes) -> dict[str, Any]:
    return {
        name: FIELDS[name][choice % len(FIELDS[name])] for name, choice in zip(NAMES, choices, strict=True)
    }


def test_every_field_of_a_request_is_examined_here() -> None:
    assert set(FIELDS) == {f.name for f in fields(Request)}


@settings(max_examples=6000, deadline=None)
@given(CHOICES, st.sampled_from(NAMES), st.integers(0, 255))
def test_one_changed_field_gives_a_new_identity(choices: bytes, field: str, choice: int) -> None:
    old = values_of(choices)
    value = FIELDS[field][choice % len(FIELDS[field])]
    before, after = Request(**old), Request(**{**old, field: value})
    rating = old["score_steps"] is not None
    same = value == old[field] or field in WITHOUT_EFFECT or (field == "key" and rating)
    assert (before.identity("model") == after.identity("model")) == same
    assert len(after.identity("model")) == 16


@settings(max_examples=2000, deadline=None)
@given(CHOICES, CHOICES)
def test_two_requests_have_one_identity_only_if_they_ask_for_the_same(one: bytes, two: bytes) -> None:
    def asked(choices: bytes) -> dict[str, Any]:
        values = {f: v for f, v in values_of(choices).items() if f not in WITHOUT_EFFECT}
        if values["score_steps"] is not None:
            del values["key"]
        return values

    identities = [Request(**values_of(choices)).identity("model") for choices in (one, two)]
    assert (identities[0] == identities[1]) == (asked(one) == asked(two))


def test_a_request_that_asks_for_nothing_new_is_found_where_it_was_stored() -> None:
    old = Request("Why?", ROOT, prefix="So", stop=("Q:",), logprobs=True)
    assert old.identity("model").hex() == "610b5f44d92c3ad3250540e9e57aaed3"


@settings(max_examples=1000, deadline=None)
@given(CHOICES, st.permutations(NAMES))
def test_the_order_of_construction_does_not_change_an_identity(choices: bytes, order: list[str]) -> None:
    values = values_of(choices)
    assert Request(**{f: values[f] for f in order}).identity("m") == Request(**values).identity("m")


@settings(max_examples=1000, deadline=None)
@given(CHOICES, *[st.sampled_from(TEXTS)] * 4)
def test_the_engine_and_the_watch_are_part_of_an_identity(
    choices: bytes, model: str, other_model: str, watch: str, other_watch: str
) -> None:
    request = Request(**values_of(choices))
    same = (model, watch) == (other_model, other_watch)
    assert (request.identity(model, watch) == request.identity(other_model, other_watch)) == same
