"""Which candidate came of which."""

from __future__ import annotations

from collections.abc import Sequence

from itc.algebra.context import Trace
from itc.keys import Key
from itc.types import Candidate, Population


def families(nodes: Sequence[Candidate], made: Population, trace: Trace) -> dict[Key, list[Candidate]]:
    """What was made of each node, by the node's key, in order.

    A member is of the nearest node above it. A node that came back as it was, or as a fork of itself, is no
    child of its own.
    """
    found: dict[Key, list[Candidate]] = {node.key: [] for node in nodes}
    before = {node.key: node.parent for node in nodes}
    for c in made:
        above = _nearest(c, found, trace)
        if above is not None and c.parent != before[above]:
            found[above].append(c)
    return found


def _nearest(c: Candidate, nodes: dict[Key, list[Candidate]], trace: Trace) -> Key | None:
    """A draw or a fork folds the key it came of; what was written from several knows its first parent."""
    at: Candidate | None = c
    while at is not None:
        for start in (at.key, at.parent):
            key = start
            while key is not None:
                if key in nodes:
                    return key
                key = key.parent
        at = trace.made.get(at.parent) if at.parent is not None else None
    return None
