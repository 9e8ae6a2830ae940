"""Keys and values of attention: a slot for each live sequence, and a tree of prefixes that outlives them.

A prefix is computed once. A sequence copies the part of its prompt that the tree holds into its slot and
computes the rest; what it computed goes back into the tree. The tree is a radix tree by token, so a child
shares its parent to the last token. Beside keys and values it keeps the last hidden state of every token:
a prompt that is wholly known needs no computation before its first draw, nor a text before its scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from itc.backends.embedded.weights import F32, Shape

CHUNK = 64
"""Positions attended to in one product; slots are a whole number of chunks long."""


class Slots:
    """Preallocated room for live sequences. Positions beyond a sequence's length hold finite leftovers.

    The system gives memory to arrays of zeros page by page as they are written, so ample room is free.
    """

    def __init__(self, shape: Shape, slots: int, length: int = 256) -> None:
        self._shape = shape
        self._allocate(slots, length)

    def _allocate(self, slots: int, length: int) -> None:
        s = self._shape
        self.keys: F32 = np.zeros((s.layers, slots, s.kv_heads, length, s.head_dim), np.float32)
        """[layer, slot, kv head, position, head_dim]"""
        self.values: F32 = np.zeros(self.keys.shape, np.float32)
        self.hidden: F32 = np.zeros((slots, length, s.hidden), np.float32)
        """[slot, position, hidden]: what the output heads read."""

    def reserve(self, length: int, used: int) -> None:
        """Make room for sequences of so many tokens, keeping what is in the first ``used`` slots."""
        slots, before = self.hidden.shape[:2]
        if length <= before:
            return
        keys, values, hidden = self.keys, self.values, self.hidden
        self._allocate(slots, max(2 * before, -(-length // CHUNK) * CHUNK))
        self.keys[:, :used, :, :before] = keys[:, :used]
        self.values[:, :used, :, :before] = values[:, :used]
        self.hidden[:used, :before] = hidden[:used]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a sequence of ``length`` tokens to another slot."""
        self.keys[:, target, :, :length] = self.keys[:, source, :, :length]
        self.values[:, target, :, :length] = self.values[:, source, :, :length]
        self.hidden[target, :length] = self.hidden[source, :length]


class Node:
    """A run of tokens that follow its parent's."""

    __slots__ = ("children", "hidden", "ids", "keys", "parent", "ready", "used", "values")

    keys: F32
    """[layer, kv head, token, head_dim]"""
    values: F32
    hidden: F32
    """[token, hidden]"""

    def __init__(self, ids: tuple[int, ...], parent: Node | None) -> None:
        self.ids = ids
        self.parent = parent
        self.children: dict[int, Node] = {}
        self.ready = False
        self.used = 0


class PrefixTree:
    """All prefixes computed so far, the least recently used dropped beyond ``limit`` bytes."""

    def __init__(self, shape: Shape, limit: int) -> None:
        self._token_bytes = 4 * (2 * shape.layers * shape.kv_heads * shape.head_dim + shape.hidden)
        self._most = limit // self._token_bytes
        self._clock = 0
        self.root = Node((), None)
        self.root.ready = True
        self.tokens = 0
        """Tokens held."""

    def match(self, ids: Sequence[int]) -> list[tuple[Node, int]]:
        """The nodes along ``ids``, each with how many of its tokens agree."""
        node, at, path = self.root, 0, []
        self._clock += 1
        ids = tuple(ids)
        while at < len(ids) and (child := node.children.get(ids[at])) is not None:
            agreed = _agreed(child.ids, ids[at : at + len(child.ids)])
            child.used = self._clock
            path.append((child, agreed))
            at += agreed
            if agreed < len(child.ids):
                break
            node = child
        return path

    def fill(self, path: Sequence[tuple[Node, int]], slots: Slots, slot: int) -> int:
        """Copy a matched prefix into a slot; how many tokens that were."""
        at = 0
        for node, n in path:
            slots.keys[:, slot, :, at : at + n] = node.keys[:, :, :n]
            slots.values[:, slot, :, at : at + n] = node.values[:, :, :n]
            slots.hidden[slot, at : at + n] = node.hidden[:n]
            at += n
        return at

    def grow(self, ids: Sequence[int], path: Sequence[tuple[Node, int]]) -> Node | None:
        """A leaf for what ``path``, the match of ``ids``, lacks; not ready until `commit`."""
        parent, at = self.root, sum(n for _, n in path)
        if at == len(ids):
            return None
        if path:
            parent, agreed = path[-1]
            if agreed < len(parent.ids):
                parent = self._split(parent, agreed)
        leaf = Node(tuple(ids[at:]), parent)
        leaf.used = self._clock
        parent.children[leaf.ids[0]] = leaf
        return leaf

    def commit(self, leaf: Node, slots: Slots, slot: int, stop: int) -> None:
        """Take a leaf's numbers from a slot, where its tokens end before position ``stop``."""
        span = slice(stop - len(leaf.ids), stop)
        leaf.keys = slots.keys[:, slot, :, span].copy()
        leaf.values = slots.values[:, slot, :, span].copy()
        leaf.hidden = slots.hidden[slot, span].copy()
        leaf.ready = True
        self.tokens += len(leaf.ids)

    def keep(self, ids: Sequence[int], slots: Slots, slot: int) -> None:
        """Put ``ids``, all computed in ``slot``, into the tree."""
        leaf = self.grow(ids, self.match(ids))
        if leaf is not None:
            self.commit(leaf, slots, slot, len(ids))

    def trim(self) -> None:
        """Drop least recently used leaves until the tree is well within its limit."""
        while self.tokens > self._most:
            leaves = sorted((n for n in self._nodes() if not n.children and n.ready), key=lambda n: n.used)
            if not leaves:
                return
            for leaf in leaves[: 1 + len(leaves) // 2]:
                if self.tokens <= 0.8 * self._most or leaf.parent is None:
                    break
                del leaf.parent.children[leaf.ids[0]]
                self.tokens -= len(leaf.ids)

    def _nodes(self) -> Iterator[Node]:
        todo = list(self.root.children.values())
        while todo:
            node = todo.pop()
            todo += node.children.values()
            yield node

    def _split(self, node: Node, at: int) -> Node:
        """Cut a node in two after ``at`` tokens; the upper one."""
        upper = Node(node.ids[:at], node.parent)
        assert node.parent is not None
        node.parent.children[upper.ids[0]] = upper
        upper.keys, upper.values = node.keys[:, :, :at].copy(), node.values[:, :, :at].copy()
        upper.hidden = node.hidden[:at].copy()
        upper.ready, upper.used = True, node.used
        node.keys, node.values = node.keys[:, :, at:].copy(), node.values[:, :, at:].copy()
        node.hidden, node.ids, node.parent = node.hidden[at:].copy(), node.ids[at:], upper
        upper.children[node.ids[0]] = node
        return upper


def _agreed(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    if a == b:
        return len(a)
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
