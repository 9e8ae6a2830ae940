from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from itc.backends.embedded.weights import read_checkpoint, read_safetensors
from itc.errors import ConfigError
from tests.backends.embedded.tiny import GOLDEN


def packed(dtype: str, shape: list[int], raw: bytes) -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(raw)]},
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + raw


@pytest.mark.parametrize(
    ("dtype", "raw"),
    [
        ("F32", struct.pack("<2f", 1.5, -2.0)),
        ("F16", struct.pack("<2e", 1.5, -2.0)),
        ("F64", struct.pack("<2d", 1.5, -2.0)),
        ("BF16", b"".join(struct.pack("<f", x)[2:] for x in (1.5, -2.0))),
    ],
)
def test_every_float_type_is_widened(dtype: str, raw: bytes) -> None:
    found = read_safetensors(packed(dtype, [2, 1], raw))["x"]
    assert found.dtype == np.float32
    assert found.tolist() == [[1.5], [-2.0]]


def test_another_type_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'x' is I8; expected one of BF16"):
        read_safetensors(packed("I8", [2], b"ab"))


def test_the_digest_covers_every_file_that_matters(tmp_path: Path) -> None:
    names = ("config.json", "tokenizer.json", "model.safetensors")
    for name in names:
        (tmp_path / name).write_bytes((GOLDEN / "policy" / name).read_bytes())
    first = read_checkpoint(tmp_path).digest
    assert first == read_checkpoint(tmp_path).digest
    for name in ("config.json", "tokenizer.json"):
        path = tmp_path / name
        path.write_text(path.read_text() + "\n")
        assert read_checkpoint(tmp_path).digest != first
        first = read_checkpoint(tmp_path).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "qwen3"}, "model_type='qwen3'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "rope_type='llama3'"),
    ],
)
def test_another_architecture_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_bytes((GOLDEN / "policy" / name).read_bytes())
    config = json.loads((GOLDEN / "policy/config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ConfigError, match=message):
        read_checkpoint(tmp_path)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json is missing"):
        read_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"No \*\.safetensors"):
        read_checkpoint(tmp_path)
