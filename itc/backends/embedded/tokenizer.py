"""Reads a word-level tokenizer.json, as the ``tokenizers`` library writes it, in plain Python.

Supported: a WordLevel model behind a Split pre-tokenizer that isolates what its pattern matches, no
normalizer, and decoding that joins the pieces. Anything else is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from itc.errors import ConfigError


class Tokenizer:
    """Text to ids and back; ``decode(encode(text)) == text`` where every piece is in the vocabulary."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        model = spec["model"]
        _expect(spec, "normalizer", (None,))
        _expect(model, "type", ("WordLevel",))
        _expect(spec["pre_tokenizer"] or {}, "type", ("Split",))
        _expect(spec["pre_tokenizer"], "behavior", ("Isolated",))
        _expect(spec["decoder"] or {"type": None}, "type", ("Fuse",))
        _expect(spec, "post_processor", (None,))
        pattern = spec["pre_tokenizer"]["pattern"]
        self._cut = re.compile(pattern["Regex"] if "Regex" in pattern else re.escape(pattern["String"]))
        self._ids: dict[str, int] = dict(model["vocab"])
        self._unk = self._ids[model["unk_token"]]
        added = spec.get("added_tokens", [])
        self._added = {t["content"]: int(t["id"]) for t in added}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._specials = re.compile("|".join(map(re.escape, longest_first))) if added else None
        silent = {t["id"] for t in added if t["special"]}
        everything = {**self._ids, **self._added}
        self.pieces = [""] * (1 + max(everything.values()))
        """Text of each id; empty for special tokens."""
        for text, i in everything.items():
            self.pieces[i] = "" if i in silent else text
        self.encode = lru_cache(maxsize=4096)(self._encode)
        """Ids of a text; memoised, as the draws of one prompt all ask for it."""

    @staticmethod
    def read(path: Path) -> Tokenizer:
        """From a tokenizer.json. ConfigError when it is missing or of another kind."""
        try:
            return Tokenizer(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            raise ConfigError(
                f"{path.name} is missing in {path.parent}; a model is a folder with it."
            ) from None

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(i for i, _ in self.spans(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """(id, end) of each token, ends in characters."""
        made: list[tuple[int, int]] = []
        start = 0
        for found in self._specials.finditer(text) if self._specials else ():
            made += self._pieces(text, start, found.start())
            made.append((self._added[found[0]], found.end()))
            start = found.end()
        return made + self._pieces(text, start, len(text))

    def _pieces(self, text: str, start: int, stop: int) -> list[tuple[int, int]]:
        part, made, end = text[start:stop], [], 0
        for found in self._cut.finditer(part):
            if found.start() > end:
                made.append((self._ids.get(part[end : found.start()], self._unk), start + found.start()))
            end = found.end()
            if found[0]:
                made.append((self._ids.get(found[0], self._unk), start + end))
        if end < len(part):
            made.append((self._ids.get(part[end:], self._unk), stop))
        return made

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``; special tokens have none."""
        return "".join(self.pieces[i] for i in ids)


def _expect(spec: Mapping[str, Any], name: str, allowed: tuple[object, ...]) -> None:
    if spec.get(name) not in allowed:
        wanted = " or ".join(map(repr, allowed))
        raise ConfigError(f"tokenizer.json has {name} {spec.get(name)!r}; this engine reads {wanted} only.")
