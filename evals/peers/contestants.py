"""Who is compared with whom, in which setting, and what each is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from itc.backends.embedded.backend import MODELS

OURS = "itc"
Mode = Literal["alone", "together"]
CHAIN_STEPS = 64
"""Expansions of a tree search."""


@dataclass(frozen=True)
class Contestant:
    """One row of a table."""

    peer: str
    """Whose: its environment and its driver."""
    method: str
    """As its driver knows it; rows of one method are compared with ours of that method."""
    mode: Mode = "together"
    """How many problems it has at a time: one, or all."""
    n: int | None = None
    """Other than the setting's."""
    words: tuple[str, ...] = ()
    """Of ours: what `itc run` is told besides."""

    @property
    def name(self) -> str:
        """One path segment."""
        return f"{self.peer}.{self.method}.{self.mode}"


@dataclass(frozen=True)
class Setting:
    """One table."""

    title: str
    model: str
    contestants: tuple[Contestant, ...]
    n: int
    max_tokens: int
    step_tokens: int
    temperature: float
    words: tuple[str, ...]
    """Of ours: what every `itc run` is told; URL stands for the proxy's address with the contestant's name."""
    reward_model: str = ""
    system: str = ""
    rule: str = "gsm8k"
    template: str = "{question}"
    notes: Mapping[str, str] = field(default_factory=dict)


def both(peer: str, *methods: str, n: int | None = None) -> tuple[Contestant, ...]:
    """A peer's methods with all problems at a time, and with one."""
    modes: tuple[Mode, Mode] = ("together", "alone")
    return tuple(Contestant(peer, method, mode, n) for method in methods for mode in modes)


def ours(method: str, strategy: str, *words: str) -> Contestant:
    """Ours of the same method."""
    return Contestant(OURS, method, words=(f"strategy={strategy}", *words))


CHAIN = Setting(
    title="chain: the embedded policy and process reward model",
    model="policy",
    reward_model="prm",
    n=16,
    max_tokens=256,
    step_tokens=CHAIN_STEPS,
    temperature=1.0,
    template="Question: {question}\nAnswer:",
    words=(
        "task=jsonl",
        "task.rule=gsm8k",
        "task.style=completion",
        'task.template="Question: {question}\nAnswer:"',
        "model=local",
        "model.name=policy",
        "model.base_url=URL/v1",
        "model.logprobs=false",
        "model.temperature=1.0",
        "model.max_tokens=256",
        f"model.step_tokens={CHAIN_STEPS}",
        "scorer=embedded",
        "+model@scorer.model=local",
        "scorer.model.name=prm",
        "scorer.model.base_url=URL/v1",
        f"scorer.model.tokenizer={MODELS / 'prm'}",
    ),
    contestants=(
        ours("self_consistency", "self_consistency(16)"),
        *both("its_hub", "self_consistency"),
        ours("best_of_n", "best_of_n(16)"),
        *both("its_hub", "best_of_n"),
        ours("beam", "beam(16, 4)"),
        *both("its_hub", "beam"),
        ours("particle_filter", "particle_filter(16)"),
        *both("its_hub", "particle_filter"),
        ours("ab_mcts", "search(step() >> score(prm, last), thompson(by=prm), 64) >> top(1, prm)"),
        *both("treequest", "ab_mcts", n=64),
        ours("mcts", "mcts(16, 4)"),
        *both("treequest", "mcts", n=64),
    ),
)

SETTINGS = {"chain": CHAIN}
DRIVERS = Path(__file__).parent / "drivers"
