from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.embedded.tokenizer import Tokenizer
from itc.errors import ConfigError
from tests.backends.embedded.tiny import GOLDEN, texts

PATH = GOLDEN / "policy/tokenizer.json"
TOKENIZER = Tokenizer.read(PATH)
KNOWN = [p for p in TOKENIZER.pieces if p and p != "\n\n"]


def test_it_agrees_with_the_tokenizers_library() -> None:
    told = texts()
    for (text, ids), decoded in zip(told["encoded"], told["decoded"], strict=True):
        assert list(TOKENIZER.encode(text)) == ids
        assert TOKENIZER.decode(ids) == decoded


@given(st.lists(st.sampled_from(KNOWN), max_size=20).map("".join))
def test_known_text_survives_the_round_trip(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert 2 in ids or TOKENIZER.decode(ids) == text


@given(st.text(max_size=30))
def test_spans_cover_the_text_in_order(text: str) -> None:
    ends = [end for _, end in TOKENIZER.spans(text)]
    assert ends == sorted(set(ends))
    assert not text or ends[-1] == len(text)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("normalizer", {"type": "Lowercase"}, "normalizer"),
        ("model", {"type": "BPE"}, "type 'BPE'"),
        ("pre_tokenizer", {"type": "ByteLevel"}, "type 'ByteLevel'"),
        ("post_processor", {"type": "TemplateProcessing"}, "post_processor"),
    ],
)
def test_another_scheme_is_refused_by_name(tmp_path: Path, part: str, value: object, message: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(PATH.read_text()) | {part: value}))
    with pytest.raises(ConfigError, match=message):
        Tokenizer.read(path)
