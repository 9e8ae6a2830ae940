"""What a run leaves behind of each problem: rows, candidates, nodes and moments."""

from __future__ import annotations

from dataclasses import dataclass

from itc.budget.cost import Cost


@dataclass(frozen=True)
class Answer:
    """One candidate of the final population of a problem."""

    problem: str
    index: int
    """Position in the final population."""
    key: str
    text: str
    answer: str | None
    correct: bool | None
    """None without a gold answer."""
    done: bool
    finish: str
    log_weight: float
    logprob: float
    tokens: int
    scores: str
    """JSON: score by name."""
    potentials: str = "{}"
    """JSON: natural log of the potentials in ``log_weight`` by name, null for that of zero; ``evidence`` is
    what a particle method noted, and in no weight."""


@dataclass(frozen=True)
class Node:
    """One candidate that was made on the way: a node of the search tree.

    Of draws that a race or a first finish dropped, only the cost is known (`Row`): which of them had ended
    before they were stopped depends on the clock.
    """

    problem: str
    key: str
    parent: str
    """Key of the nearest ancestor that was drawn; empty for a child of the root."""
    text: str
    """What this draw added."""
    kind: str
    finish: str
    tokens: int
    """Completion tokens of ``text``; of a copy, those that its original paid for."""
    scores: str
    stage: str
    """The text of the stage that drew it; empty where nothing was drawn: a given text, or a copy that was
    rated."""
    prompt_tokens: int
    """As booked for this draw, cached ones included."""
    cached_tokens: int


@dataclass(frozen=True)
class Spent:
    """What was spent on a problem, at full price."""

    problem: str
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    flops: int
    usd: float
    picoseconds: int
    """Idealised device time of all calls, in 1e-12 s; 0 where no hardware is named."""
    sequential_tokens: int
    """Completion tokens along the critical path."""

    @property
    def cost(self) -> Cost:
        """The same as a sum that adds up."""
        return Cost(
            self.calls,
            self.prompt_tokens,
            self.cached_tokens,
            self.completion_tokens,
            self.flops,
            round(self.usd * 10**12),
            self.picoseconds,
        )


@dataclass(frozen=True)
class Row(Spent):
    """One problem. Nothing in it depends on replies' order or on what was replayed, nor on the clock
    but for what draws had cost when a race or a first finish stopped them."""

    question: str
    gold: str | None
    answer: str | None
    correct: bool | None
    """Whether the returned answer equals the gold one; None without a gold answer."""
    verdict: str
    """equal, different, timeout, unparsable; "none" where nothing was compared."""
    oracle: bool | None
    """Whether any candidate of the final population has the gold answer."""
    level: str
    done: bool
    truncated: bool
    """Whether the budget refused a draw."""
    cut: bool
    """Whether the returned text ended at its token limit."""
    error: str
    population: int
    by_role: str
    """JSON: cost by role."""
    by_stage: str
    """JSON: cost by the text of the innermost stage that spent it, as ``sample(16)``; '' is what a predicate
    or router outside of all stages spent. Each call is in one of them, as it is in one role."""


@dataclass(frozen=True)
class Moment(Spent):
    """What would have been answered after so much was spent on a problem, as recorded while it ran."""

    index: int
    """Position on the problem's curve, in the order of spending; the last is the answer returned."""
    answer: str | None
    """Of the candidate that would have been returned; None where there was none, or it had none."""
    correct: bool | None
    """None without a gold answer."""
