"""Reads a Llama checkpoint: config.json and safetensors, with numpy alone.

A safetensors file is eight bytes of header length, a JSON header, and the raw tensors. The format:
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itc.errors import ConfigError

F32 = NDArray[np.float32]

_PLAIN = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The architecture, as config.json states it."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    """Divides ``heads``: each key-value head serves ``heads // kv_heads`` query heads."""
    head_dim: int
    intermediate: int
    vocab: int
    eps: float
    rope_theta: float
    context: int
    """Tokens at most, prompt and completion together."""
    eos: tuple[int, ...]
    score_prompt: str
    """How a reward model frames the question it is given, which stands for ``{prompt}``."""
    score_end: str
    """What ends every step that a reward model rates; added to a last step that lacks it."""

    @property
    def group(self) -> int:
        """Query heads that share one key-value head."""
        return self.heads // self.kv_heads


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model as read from a folder."""

    shape: Shape
    tensors: Mapping[str, F32]
    """Under their names in the file, widened to float32."""
    digest: str
    """sha256 in hex of config.json, tokenizer.json and all weights."""


def read_checkpoint(folder: Path) -> Checkpoint:
    """The model in ``folder``. ConfigError when a file is missing or the architecture is not Llama's."""
    config = _json(folder / "config.json")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ConfigError(f"No *.safetensors in {folder}; expected a checkpoint saved by transformers.")
    tensors: dict[str, F32] = {}
    seen = sha256()
    for path in (folder / "config.json", folder / "tokenizer.json", *files):
        seen.update(_bytes(path))
    for path in files:
        tensors |= read_safetensors(path.read_bytes())
    generation = folder / "generation_config.json"
    defaults = _json(generation) if generation.exists() else {}
    return Checkpoint(_shape(config, defaults), tensors, seen.hexdigest())


def read_safetensors(blob: bytes) -> dict[str, F32]:
    """Every tensor of a file's contents, widened to float32."""
    size = int.from_bytes(blob[:8], "little")
    header: dict[str, Any] = json.loads(blob[8 : 8 + size])
    header.pop("__metadata__", None)
    made = {}
    for name, entry in header.items():
        start, stop = (8 + size + offset for offset in entry["data_offsets"])
        made[name] = _widen(blob[start:stop], entry["dtype"], name).reshape(entry["shape"])
    return made


def _widen(raw: bytes, dtype: str, name: str) -> F32:
    if dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype not in _PLAIN:
        raise ConfigError(f"Tensor {name!r} is {dtype}; expected one of BF16, {', '.join(_PLAIN)}.")
    return np.frombuffer(raw, _PLAIN[dtype]).astype(np.float32)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path.name} is missing in {path.parent}; a model is a folder with it.") from None


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(path))
    return found


_FIXED = {"model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}


def _shape(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Shape:
    for name, wanted in _FIXED.items():
        if config.get(name, wanted) != wanted:
            raise ConfigError(f"config.json has {name}={config[name]!r}; this engine runs {wanted!r} only.")
    # Where rotary settings live changed with transformers 5.
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise ConfigError(
            f"config.json has rope_type={rope['rope_type']!r}; this engine runs 'default' only."
        )
    heads = config["num_attention_heads"]
    eos = defaults.get("eos_token_id", config.get("eos_token_id"))
    return Shape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config["intermediate_size"],
        vocab=config["vocab_size"],
        eps=config.get("rms_norm_eps", 1e-6),
        rope_theta=float(config.get("rope_theta") or rope.get("rope_theta", 10_000.0)),
        context=config.get("max_position_embeddings", 2048),
        eos=tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,),
        score_prompt=config.get("score_prompt", "Question: {prompt}\nAnswer:"),
        score_end=config.get("score_end", "\n"),
    )
