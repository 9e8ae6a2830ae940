"""The forward pass of a Llama decoder in float32, one row a token.

A row is a (slot, position, token). Decoding is one row for each live sequence, prefill several rows of one
sequence; both run through the same products, so a number does not depend on how its token came to be
computed. Attention works in chunks of a fixed number of positions, summed in order: chunks beyond a row's
position add exact zeros, so the length of other sequences does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from itc.backends.embedded.cache import CHUNK, Slots
from itc.backends.embedded.tiles import Linear, lanes_for, to_rows, to_tiles
from itc.backends.embedded.weights import F32, Checkpoint
from itc.errors import ConfigError

_BLOCK = 32

NUMERICS = 1
"""Raised whenever a change here may change a bit of any result."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Tokens to compute. The first ``decode`` rows are one a sequence, in slots ``first``, ``first + 1`` …"""

    tokens: NDArray[np.int64]
    positions: NDArray[np.int64]
    first: int
    decode: int
    segments: Sequence[tuple[int, int, int]]
    """(first row, row after the last, slot) of each run of rows of one sequence."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows that attend in one product, and the slots they attend to: one each, or one for all."""

    rows: slice
    slots: slice
    mask: F32
    """``[n, 1, chunks, 1, CHUNK]``: 0 where a row may look, -inf where not."""


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear


class Model:
    """A checkpoint ready to run. Shapes: n rows, D hidden, G kv heads, g queries of each, d head_dim."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        s, t = checkpoint.shape, checkpoint.tensors
        self.shape = s
        self._embed = t["model.embed_tokens.weight"]
        wide, narrow = s.heads * s.head_dim, s.kv_heads * s.head_dim
        head, bias = self._head(t)
        inner = [(wide + 2 * narrow, s.hidden), (s.hidden, wide), (2 * s.intermediate, s.hidden)]
        self.lanes = lanes_for([*inner, (s.hidden, s.intermediate), head.shape])
        self._layers = [self._layer(t, f"model.layers.{i}.") for i in range(s.layers)]
        # A norm's weights scale the inputs of the product behind it, so they are folded into that.
        self._head_linear = Linear(head * t["model.norm.weight"], self.lanes)
        self._head_bias = bias
        # Frequencies and angles are rounded where transformers rounds them: far positions magnify the rest.
        wave = (s.rope_theta ** (np.arange(0, s.head_dim, 2) / s.head_dim)).astype(np.float32)
        angles = np.outer(np.arange(s.context, dtype=np.float32), np.float32(1) / wave).astype(np.float64)
        self._cos: F32 = np.cos(angles)[:, None].astype(np.float32)
        self._sin: F32 = np.sin(angles)[:, None].astype(np.float32)
        self._scale = np.float32(s.head_dim**-0.5)

    def _head(self, t: Mapping[str, F32]) -> tuple[F32, F32 | None]:
        self.scores = "score.weight" in t
        """Whether it rates steps instead of continuing text."""
        if self.scores:
            if t["score.weight"].shape[0] != 2:
                raise ConfigError(f"The reward model has {t['score.weight'].shape[0]} labels; expected 2.")
            return t["score.weight"], t.get("score.bias")
        return t.get("lm_head.weight", self._embed), None

    def _layer(self, t: Mapping[str, F32], at: str) -> _Layer:
        before, after = t[at + "input_layernorm.weight"], t[at + "post_attention_layernorm.weight"]
        qkv = np.concatenate([t[f"{at}self_attn.{x}_proj.weight"] for x in "qkv"]) * before
        gate_up = np.concatenate([t[f"{at}mlp.{x}_proj.weight"] for x in ("gate", "up")]) * after
        out, down = t[at + "self_attn.o_proj.weight"], t[at + "mlp.down_proj.weight"]
        return _Layer(*(Linear(w, self.lanes) for w in (qkv, out, gate_up, down)))

    def forward(self, rows: Rows, slots: Slots) -> F32:
        """Compute rows, leave keys, values and hidden states in their slots; hidden ``[n, D]``."""
        n, s = len(rows.tokens), self.shape
        where = np.arange(rows.first, rows.first + n)
        for start, stop, slot in rows.segments:
            where[start:stop] = slot
        cos, sin = self._cos[rows.positions], self._sin[rows.positions]
        spans = _spans(rows)
        x = to_tiles(self._embed[rows.tokens], self.lanes)
        with np.errstate(over="ignore", under="ignore"):
            for i, layer in enumerate(self._layers):
                qkv = to_rows(layer.qkv(self._norm(x)), n).reshape(n, -1, s.head_dim)
                qk = _rotate(qkv[:, : s.heads + s.kv_heads], cos, sin)
                keys, values = slots.keys[i], slots.values[i]
                keys[where, :, rows.positions] = qk[:, s.heads :]
                values[where, :, rows.positions] = qkv[:, s.heads + s.kv_heads :]
                queries = (qk[:, : s.heads] * self._scale).reshape(n, s.kv_heads, s.group, s.head_dim)
                x += layer.out(to_tiles(self._attend(queries, keys, values, spans), self.lanes))
                x += layer.down(_gated(layer.gate_up(self._norm(x)), s.intermediate))
            hidden = to_rows(self._norm(x), n)
        slots.hidden[where, rows.positions] = hidden
        return hidden

    def head(self, hidden: F32) -> F32:
        """Logits ``[n, vocab]`` (or ``[n, 2]`` of a reward model) from hidden states ``[n, D]``."""
        logits = to_rows(self._head_linear(to_tiles(hidden, self.lanes)), len(hidden))
        return logits if self._head_bias is None else logits + self._head_bias

    def _norm(self, x: F32) -> F32:
        squares = np.add.reduce(x * x, axis=1, keepdims=True)
        root: F32 = np.sqrt(squares / np.float32(self.shape.hidden) + np.float32(self.shape.eps))
        return x / root

    def _attend(self, queries: F32, keys: F32, values: F32, spans: Sequence[_Span]) -> F32:
        n, s = len(queries), self.shape
        made = np.empty((n, s.kv_heads, s.group, s.head_dim), np.float32)
        for span in spans:
            chunks = span.mask.shape[2]
            shape = (-1, s.kv_heads, chunks, CHUNK, s.head_dim)
            k = keys[span.slots, :, : chunks * CHUNK].reshape(shape)
            v = values[span.slots, :, : chunks * CHUNK].reshape(shape)
            made[span.rows] = _attention(queries[span.rows], k, v, span.mask)
        return made.reshape(n, -1)


def _spans(rows: Rows) -> list[_Span]:
    """Decoding sequences, then segments, in blocks: so a far position lengthens the work of few rows."""
    made = [(slice(a, b), slice(rows.first + a, rows.first + b)) for a, b in _blocks(0, rows.decode)]
    for start, stop, slot in rows.segments:
        made += [(slice(a, b), slice(slot, slot + 1)) for a, b in _blocks(start, stop)]
    return [_Span(which, slots, _mask(rows.positions[which])) for which, slots in made]


def _blocks(start: int, stop: int) -> Iterator[tuple[int, int]]:
    return pairwise([*range(start, stop, _BLOCK), stop])


def _mask(positions: NDArray[np.int64]) -> F32:
    chunks = int(positions.max()) // CHUNK + 1
    hidden = np.arange(chunks * CHUNK) > positions[:, None]
    mask = np.where(hidden, np.float32(-np.inf), np.float32(0))
    return mask.reshape(len(positions), 1, chunks, 1, CHUNK)


def _attention(queries: F32, keys: F32, values: F32, mask: F32) -> F32:
    """``[n, G, g, d]`` from queries of that shape and keys, values ``[n or 1, G, chunks, CHUNK, d]``."""
    weights = np.matmul(queries[:, :, None], keys.swapaxes(-1, -2))
    weights += mask
    top = np.maximum.reduce(np.maximum.reduce(weights, axis=2), axis=-1)
    weights -= top[:, :, None, :, None]
    np.exp(weights, out=weights)
    # Chunks first, in order: the empty ones add zeros; then within a chunk, always of the same length.
    total = np.add.reduce(np.add.reduce(weights, axis=2), axis=-1)
    made: F32 = np.add.reduce(np.matmul(weights, values), axis=2)
    made /= total[..., None]
    return made


def _rotate(x: F32, cos: F32, sin: F32) -> F32:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    made = np.empty_like(x)
    made[..., :half] = a * cos - b * sin
    made[..., half:] = b * cos + a * sin
    return made


def _gated(gate_up: F32, width: int) -> F32:
    """silu(gate) * up, over ``[tiles, 2 * width, lanes]``."""
    gate, up = gate_up[:, :width], gate_up[:, width:]
    made = np.exp(-gate)
    made += 1
    np.divide(gate, made, out=made)
    made *= up
    return made
