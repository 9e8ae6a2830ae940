"""Keys: what is folded, in which order, and nothing else, decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from itc.keys import Key
from tests.laws.trees import law

parts = st.lists(st.text(max_size=6) | st.integers(-(2**40), 2**40), max_size=6)


@law
@given(parts, parts)
def test_equal_paths_and_only_those_are_equal_keys(a: list[str | int], b: list[str | int]) -> None:
    assert (Key(*a) == Key(*b)) == (a == b and list(map(type, a)) == list(map(type, b)))
    assert Key(*a).fold(*b) == Key(*a, *b)
    assert Key(*a, *b).path == (*a, *b)


def test_parts_do_not_run_together() -> None:
    assert Key("ab") != Key("a", "b") != Key("a").fold("b", "")
    assert Key("1") != Key(1)
    assert Key(12) != Key(1, 2)
    assert Key() != Key("")
    assert Key("\ud800") != Key("?")


def test_a_key_is_what_it_was_yesterday() -> None:
    """Journals outlive versions: these digests may never change."""
    assert Key(0, "p").digest.hex() == "1bd3fea050703ff583b445472dfe6de4"
    assert Key(0, "p", "draw", 3).seed == 1711686980


def test_seeds_are_in_range_and_spread() -> None:
    seeds = [Key("s", i).seed for i in range(4000)]
    assert all(0 <= s < 2**31 for s in seeds)
    assert len(set(seeds)) == len(seeds)
    high = sum(s >= 2**30 for s in seeds)
    assert abs(high - 2000) < 5 * 32
    assert all(0 <= Key("s", i).seed64 < 2**64 for i in range(100))


def test_it_shows_how_it_was_made() -> None:
    assert repr(Key(7, "p", "|", 2)) == "Key(7, 'p', '|', 2)"
    assert Key(7, "p").parent == Key(7)
    assert Key(7) != 7
    assert len({Key(1), Key(1), Key(2)}) == 2
