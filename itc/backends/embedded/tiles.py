"""Matrix products whose every column is independent of all others, bitwise.

A BLAS picks kernels by the shape of the whole product, and within one product by the place of a column,
so a sequence's numbers would depend on its company. Here the batch is cut into tiles of a fixed number of
columns ("lanes"), the weights into blocks of rows, and every product has the same small shape:

    block [rows, inner] @ tile [inner, lanes]

The products are too small for a BLAS to share out over threads, so their results do not depend on the
number of threads either. That all lanes of a tile are treated alike is checked when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from itc.backends.embedded.weights import F32
from itc.errors import ConfigError

# OpenBLAS runs a product on one thread up to this many multiplications.
_SERIAL = 4 * 65_536
_WIDTHS = (16, 8, 32, 4, 2)


class Linear:
    """``weight [out, inner]`` applied to tiles."""

    def __init__(self, weight: F32, lanes: int) -> None:
        self.out, inner = weight.shape
        rows = _rows(self.out, inner, lanes)
        count = -(-self.out // rows)
        padded = np.zeros((count * rows, inner), np.float32)
        padded[: self.out] = weight
        self._blocks = padded.reshape(count, rows, inner)

    def __call__(self, tiles: F32) -> F32:
        """``[tiles, inner, lanes]`` to ``[tiles, out, lanes]``."""
        made: F32 = np.matmul(self._blocks, tiles[:, None])
        count, rows = made.shape[1:3]
        return made.reshape(len(tiles), count * rows, -1)[:, : self.out]


def to_tiles(rows: F32, lanes: int) -> F32:
    """``[n, width]`` to ``[ceil(n / lanes), width, lanes]``, short of rows filled up with zeros."""
    n, width = rows.shape
    count = -(-n // lanes)
    if n != count * lanes:
        whole = np.zeros((count * lanes, width), np.float32)
        whole[:n] = rows
        rows = whole
    return np.ascontiguousarray(rows.reshape(count, lanes, width).transpose(0, 2, 1))


def to_rows(tiles: F32, n: int) -> F32:
    """The inverse of `to_tiles`: the first ``n`` rows."""
    count, width, lanes = tiles.shape
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(count * lanes, width)[:n]


def lanes_for(shapes: Iterable[tuple[int, int]]) -> int:
    """The number of lanes at which this machine's BLAS treats all alike for ``(out, inner)`` weights."""
    wanted = sorted(set(shapes))
    for lanes in _WIDTHS:
        if all(_alike(out, inner, lanes) for out, inner in wanted):
            return lanes
    raise ConfigError(
        "This machine's BLAS treats no two columns of a product alike, so draws would depend on their "
        f"company (tried tiles of {', '.join(map(str, _WIDTHS))} columns). Try another build of numpy."
    )


def _rows(out: int, inner: int, lanes: int) -> int:
    """Rows of a block: few enough for one thread, little padding, then as many as may be."""
    most = max(8, min(64, _SERIAL // (inner * lanes) // 8 * 8))
    return min(range(8, most + 1, 8), key=lambda rows: (-(-out // rows) * rows, -rows))


def _alike(out: int, inner: int, lanes: int) -> bool:
    rng = np.random.Generator(np.random.Philox(inner))
    linear = Linear(rng.standard_normal((out, inner), np.float32), lanes)
    tile = rng.standard_normal((1, inner, lanes), np.float32)
    straight = linear(tile)
    turns = (np.roll(np.arange(lanes), k) for k in range(1, lanes))
    return all(np.array_equal(linear(np.ascontiguousarray(tile[..., t])), straight[..., t]) for t in turns)
