"""What came of the rounds, as one table: medians, and how often ours."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contestants import OURS

HEAD = (
    "method | who | problems at a time | right % | draw calls | rating calls | prompt tokens | of them cached"
    " | drawn tokens | calls × ours | tokens × ours | seconds | × ours | drawn tokens/s | client CPU s | peak"
)


@dataclass(frozen=True)
class Turn:
    """One contestant's turn in one round."""

    peer: str
    method: str
    mode: str
    right: int
    problems: int
    seconds: float
    """Of solving all problems, on the contestant's own clock."""
    cpu: float
    """Seconds of processor time of the contestant's process in them."""
    draws: Mapping[str, int]
    """The proxy's book of the policy."""
    ratings: Mapping[str, int]
    """That of the reward model; all 0 where none was asked."""

    @property
    def calls(self) -> int:
        """Of both models."""
        return self.draws["calls"] + self.ratings["calls"]

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of both models, cached ones included."""
        return sum(book[kind] for book in (self.draws, self.ratings) for kind in ("prompt", "completion"))


@dataclass(frozen=True)
class Line:
    """One contestant over all rounds."""

    turns: Sequence[Turn]

    def median(self, of: Callable[[Turn], float]) -> float:
        """Over the rounds."""
        return statistics.median(map(of, self.turns))

    @property
    def right(self) -> float:
        """Percent, over all rounds together."""
        return 100 * sum(t.right for t in self.turns) / sum(t.problems for t in self.turns)

    def against(self, base: Line, of: Callable[[Turn], float]) -> float:
        """The ratio of the medians; nan where ours is nothing."""
        ours = base.median(of)
        return self.median(of) / ours if ours else float("nan")


def lines(turns: Sequence[Turn]) -> dict[tuple[str, str, str], Line]:
    """By (method, peer, mode), in the order of first appearance."""
    grouped: dict[tuple[str, str, str], list[Turn]] = {}
    for turn in turns:
        grouped.setdefault((turn.method, turn.peer, turn.mode), []).append(turn)
    return {key: Line(group) for key, group in grouped.items()}


def table(turns: Sequence[Turn]) -> str:
    """Markdown."""
    rows = lines(turns)
    texts = [f"| {HEAD} |", "|" + "|".join(["---"] * 3 + ["--:"] * (HEAD.count("|") - 2)) + "|"]
    for (method, peer, mode), line in rows.items():
        base = rows.get((method, OURS, "together"))
        cells = [method, f"**{peer}**" if peer == OURS else peer, "all" if mode == "together" else "1"]
        texts.append("| " + " | ".join(cells + figures(line, base)) + " |")
    return "\n".join(texts) + "\n"


def figures(line: Line, base: Line | None) -> list[str]:
    """The cells after the names."""

    def ratio(of: Callable[[Turn], float]) -> str:
        return f"{line.against(base, of):.2f}" if base is not None else ""

    seconds = [t.seconds for t in line.turns]
    return [
        f"{line.right:.1f}",
        f"{line.median(lambda t: t.draws['calls']):,.0f}",
        f"{line.median(lambda t: t.ratings['calls']):,.0f}",
        f"{line.median(lambda t: t.draws['prompt'] + t.ratings['prompt']):,.0f}",
        f"{line.median(lambda t: t.draws['cached'] + t.ratings['cached']):,.0f}",
        f"{line.median(lambda t: t.draws['completion']):,.0f}",
        ratio(lambda t: t.calls),
        ratio(lambda t: t.tokens),
        f"{statistics.median(seconds):.1f} [{min(seconds):.1f}, {max(seconds):.1f}]",
        ratio(lambda t: t.seconds),
        f"{line.median(lambda t: t.draws['completion'] / t.seconds):,.0f}",
        f"{line.median(lambda t: t.cpu):.1f}",
        f"{max(t.draws['peak'] for t in line.turns)}",
    ]


def plain(turn: Turn) -> dict[str, Any]:
    """For JSON."""
    return {**vars(turn), "draws": dict(turn.draws), "ratings": dict(turn.ratings)}
