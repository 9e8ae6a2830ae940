from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.embedded.cache import PrefixTree, Slots
from itc.backends.embedded.weights import Shape

SHAPE = Shape(4, 2, 2, 1, 2, 4, 9, 1e-6, 1e4, 64, (), "", "")
PATHS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=12)


def mark(slots: Slots, slot: int, ids: list[int]) -> None:
    """Numbers that name the prefix they belong to."""
    for i in range(len(ids)):
        value = sum(3**k * (1 + t) for k, t in enumerate(ids[: i + 1]))
        slots.keys[:, slot, :, i] = value
        slots.values[:, slot, :, i] = -value
        slots.hidden[slot, i] = 2 * value


@given(PATHS)
def test_a_tree_gives_back_what_was_put_in_and_holds_each_prefix_once(paths: list[list[int]]) -> None:
    tree, slots = PrefixTree(SHAPE, 1 << 20), Slots(SHAPE, 3)
    for ids in paths:
        mark(slots, 0, ids)
        tree.keep(ids, slots, 0)
    assert tree.tokens == len({tuple(p[: i + 1]) for p in paths for i in range(len(p))})
    for ids in paths:
        mark(slots, 1, ids)
        slots.keys[:, 2] = slots.values[:, 2] = 0
        slots.hidden[2] = 0
        assert tree.fill(tree.match(ids), slots, 2) == len(ids)
        for array in (slots.keys, slots.values):
            assert np.array_equal(array[:, 2, :, : len(ids)], array[:, 1, :, : len(ids)])
        assert np.array_equal(slots.hidden[2, : len(ids)], slots.hidden[1, : len(ids)])


def test_what_was_used_last_is_kept_longest() -> None:
    slots = Slots(SHAPE, 3)
    tree = PrefixTree(SHAPE, 10 * 4 * (2 * 2 * 2 + 4))
    for first in range(4):
        tree.keep([first, 1, 2], slots, 0)
    tree.match([0, 1, 2])
    tree.trim()
    assert tree.tokens <= 8
    assert tree.match([0, 1, 2])
    assert not tree.match([1, 1, 2])


def test_growing_keeps_what_is_there() -> None:
    slots = Slots(SHAPE, 9, 64)
    mark(slots, 0, [1, 2, 0])
    before = slots.keys[:, 0, :, :3].copy()
    slots.reserve(300, 1)
    assert np.array_equal(slots.keys[:, 0, :, :3], before)
    slots.move(0, 8, 3)
    assert np.array_equal(slots.keys[:, 8, :, :3], before)
    assert slots.hidden.shape[1] % 64 == 0
