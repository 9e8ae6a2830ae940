"""Identity and randomness of a candidate.

A key is a splittable random key: folding a part into it gives another key, independent of its siblings.
Identity, seed, journal key and lineage of a candidate are all read off the same value, so nothing that
is added elsewhere in a strategy can change what an existing candidate draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

Part = str | int

_DIGEST_BYTES = 16


def _encode(part: Part) -> bytes:
    # A type tag and a length keep fold("1") apart from fold(1) and fold("ab") from fold("a").fold("b").
    body = str(part).encode("utf-8", "surrogatepass")
    return (b"s" if isinstance(part, str) else b"i") + len(body).to_bytes(4, "big") + body


class Key:
    """A node in the tree of randomness, compared by its 128-bit digest.

    ``fold`` is the only way to make another; ``fold(a, b) == fold(a).fold(b)``.
    """

    __slots__ = ("digest", "parent", "part")

    digest: bytes
    parent: Key | None
    part: Part

    def __init__(self, *path: Part) -> None:
        key = _ROOT.fold(*path) if path else _ROOT
        self.digest, self.parent, self.part = key.digest, key.parent, key.part

    def fold(self, *parts: Part) -> Key:
        """The key reached from this one by ``parts``, in order."""
        key = self
        for part in parts:
            child = object.__new__(Key)
            child.digest = blake2b(key.digest + _encode(part), digest_size=_DIGEST_BYTES).digest()
            child.parent, child.part = key, part
            key = child
        return key

    @property
    def seed(self) -> int:
        """A sampling seed in [0, 2**31): the range every server accepts, llama.cpp's 32 bits included."""
        return int.from_bytes(self.digest[:4], "big") >> 1

    @property
    def seed64(self) -> int:
        """64 bits for generators of our own."""
        return int.from_bytes(self.digest[:8], "big")

    @property
    def path(self) -> tuple[Part, ...]:
        """The parts folded in since the root, oldest first."""
        return tuple(self._ascend())[::-1]

    def _ascend(self) -> Iterator[Part]:
        key: Key | None = self
        while key is not None and key.parent is not None:
            yield key.part
            key = key.parent

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Key({', '.join(map(repr, self.path))})"


_ROOT = object.__new__(Key)
_ROOT.digest, _ROOT.parent, _ROOT.part = b"\0" * _DIGEST_BYTES, None, ""
