"""Logits against transformers', and the same bits whichever way a token came to be computed."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from itc.backends.embedded.cache import Slots
from itc.backends.embedded.model import Model, Rows
from itc.backends.embedded.tiles import Linear, lanes_for, to_rows, to_tiles
from tests.backends.embedded.tiny import ask, backend, logits, model, texts

NAMES = ("policy", "untied", "prm")


def prefill(made: Model, ids: np.ndarray, slots: Slots, slot: int, start: int = 0) -> np.ndarray:
    n = len(ids)
    return made.forward(Rows(ids[start:], np.arange(start, n), 0, 0, [(0, n - start, slot)]), slots)


def room(made: Model, slots: int, length: int) -> Slots:
    found = Slots(made.shape, slots, 64)
    found.reserve(length, 0)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name: str) -> None:
    made = model(name)
    for ids, wanted in logits(name):
        got = made.head(prefill(made, ids, room(made, 3, len(ids)), 2))
        assert np.abs(got[-len(wanted) :] - wanted).max() <= 1e-3


def test_greedy_text_is_that_of_transformers() -> None:
    async def main() -> None:
        engine = backend()
        for text, wanted in texts()["greedy"]:
            got = await engine.generate(ask(prompt=text, temperature=0.0, max_tokens=48))
            assert list(got.token_ids) == [i for i in wanted if i != 1]
        await engine.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_decoding_and_prefill_and_a_prefix_before_it_agree_bitwise(name: str) -> None:
    made = model(name)
    ids = logits(name)[-1][0]
    whole = prefill(made, ids, room(made, 1, len(ids)), 0)
    for cut in (1, 63, 64, 65, len(ids) - 1):
        slots = room(made, 5, len(ids))
        prefill(made, ids[:cut], slots, 3)
        assert np.array_equal(prefill(made, ids, slots, 3, start=cut), whole[cut:])
    slots = room(made, 2, len(ids))
    for i in range(len(ids)):
        one = made.forward(Rows(ids[i : i + 1], np.array([i]), 1, 1, []), slots)
        assert np.array_equal(one[0], whole[i])


def test_rows_do_not_see_their_company() -> None:
    made = model()
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 200, 64)
    paths = [rng.integers(3, made.shape.vocab, n) for n in lengths]
    alone = [prefill(made, ids, room(made, 1, 200), 0)[-1] for ids in paths]
    slots = room(made, 64, 200)
    for slot, ids in enumerate(paths):
        if len(ids) > 1:
            prefill(made, ids[:-1], slots, slot)
    last = np.array([ids[-1] for ids in paths])
    got = made.forward(Rows(last, lengths - 1, 0, 64, []), slots)
    assert np.array_equal(got, np.stack(alone))
    order = rng.permutation(64)
    heads = made.head(got)
    assert np.array_equal(made.head(got[order]), heads[order])
    assert np.array_equal(made.head(got[5:6])[0], heads[5])


def test_a_product_treats_every_lane_alike() -> None:
    rng = np.random.default_rng(1)
    for out, inner in ((263, 192), (192, 576), (1152, 192), (7, 3), (40, 2500)):
        lanes = lanes_for([(out, inner)])
        linear = Linear(rng.standard_normal((out, inner), np.float32), lanes)
        rows = rng.standard_normal((5 * lanes + 1, inner), np.float32)
        whole = to_rows(linear(to_tiles(rows, lanes)), len(rows))
        order = rng.permutation(len(rows))
        assert np.array_equal(to_rows(linear(to_tiles(rows[order], lanes)), len(rows)), whole[order])
        for i in (0, 1, lanes, len(rows) - 1):
            assert np.array_equal(to_rows(linear(to_tiles(rows[i : i + 1], lanes)), 1)[0], whole[i])
