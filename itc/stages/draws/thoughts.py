"""Thinking in pieces: where a piece ends, and whether there is any more to think."""

from __future__ import annotations

import re
from collections.abc import Sequence

from itc.algebra.context import Context
from itc.algebra.registry import predicate
from itc.algebra.strategy import Strategy
from itc.stages.draws.extend import step
from itc.stages.draws.splitters import splitter
from itc.stages.draws.write import write
from itc.types import Population

_TURNS = re.compile(r"\n\s*(?=(?:Wait|But|Hmm|Alternatively|However|Let me (?:double|re)-?check)\W)")


@splitter()
def reflection(text: str, logprobs: Sequence[float], least: int = 200) -> int | None:  # noqa: ARG001
    """A piece of a thought, of at least ``least`` characters, ends before a line that takes it up anew: one
    that begins with Wait, But, Hmm, Alternatively, However, or says that something is checked again."""
    found = _TURNS.search(text, least)
    return found.end() if found else None


@predicate
def thought(pop: Population, ctx: Context) -> bool:  # noqa: ARG001
    """Nobody thinks on: the last step of every candidate is a thought that ended by itself, or was ended."""
    return all(c.done or (bool(c.steps) and c.steps[-1].kind == "thought" and c.finish == "eos") for c in pop)


def thinking(tokens: int, close: str) -> Strategy:
    """A thought of at most ``tokens`` tokens in all, ended by ``close``."""
    return step(at=tokens, stop=close.strip(), kind="thought", max_tokens=tokens)


def opened(think: Strategy, open: str, close: str) -> Strategy:  # noqa: A002
    """``think`` between its delimiters, whoever ended it."""
    closed = think >> write(close, kind="thought")
    return write(open, kind="thought") >> closed if open else closed
