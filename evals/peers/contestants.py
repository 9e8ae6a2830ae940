"""Who is compared with whom, in which setting, and what each is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from itc.backends.embedded.backend import MODELS

OURS = "itc"
Mode = Literal["alone", "together"]


@dataclass(frozen=True)
class Contestant:
    """One row of a table."""

    peer: str
    """Whose: its environment and its driver."""
    method: str
    """As its driver knows it; rows of one method are compared with ours of that method."""
    mode: Mode = "together"
    """How many problems it has at a time: one, or all."""
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
    """Of ours: what every `itc run` is told. URL is the proxy's address with the contestant's name."""
    reward_model: str = ""
    system: str = ""
    rule: str = "gsm8k"
    template: str = "{question}"


def both(peer: str, *methods: str) -> tuple[Contestant, ...]:
    """A peer's methods with all problems at a time, and with one."""
    modes: tuple[Mode, Mode] = ("together", "alone")
    return tuple(Contestant(peer, method, mode) for method in methods for mode in modes)


def ours(method: str, strategy: str, *words: str) -> Contestant:
    """Ours of the same method."""
    return Contestant(OURS, method, words=(f"strategy={strategy}", *words))


CHAIN = Setting(
    title="chain: the embedded policy and process reward model",
    model="policy",
    reward_model="prm",
    n=16,
    max_tokens=256,
    step_tokens=64,
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
        "model.step_tokens=64",
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
    ),
)

ASKED = """Answer the last question as the others are answered.

Q: Tom has 5 pens. He buys 7 more pens. How many pens does he have now?
A: 5 + 7 = 12. The answer is 12.

Q: There were 30 birds on a tree. 12 birds flew away. How many birds are left?
A: 30 - 12 = 18. The answer is 18.

Q: {question}
A:"""
P_TRUE = ("scorer=p_true",)
GRADE = ("scorer=grade", "+roles.judge=policy")

SMOLLM2 = Setting(
    title="AddSub: SmolLM2-135M-Instruct behind vLLM on the CPU, chat with two worked examples",
    model="smollm2",
    system="You solve word problems.",
    n=16,
    max_tokens=96,
    step_tokens=96,
    temperature=1.0,
    template=ASKED,
    words=(
        "task=jsonl",
        "task.rule=gsm8k",
        f'task.template="{ASKED}"',
        'task.system="You solve word problems."',
        "model=local",
        "model.name=smollm2",
        "model.base_url=URL/v1",
        "model.api=chat",
        "model.logprobs=false",
        "model.temperature=1.0",
        "model.max_tokens=96",
    ),
    contestants=(
        ours("self_consistency", "self_consistency(16)"),
        *both("its_hub", "self_consistency"),
        *both("optillm", "self_consistency"),
        ours("best_of_n", "best_of_n(16, by=grade, agg=None)", *GRADE),
        ours("best_of_n by p_true", "best_of_n(16, by=p_true, agg=None)", *P_TRUE),
        *both("optillm", "best_of_n"),
        ours("mixture_of_agents", "mixture_of_agents(2)"),
        *both("optillm", "mixture_of_agents"),
        ours("ab_mcts", "ab_mcts(16, by=p_true, agg=None)", *P_TRUE),
        *both("treequest", "ab_mcts"),
        ours("mcts", "mctsr(7, by=p_true, agg=None)", *P_TRUE),
        *both("treequest", "mcts"),
        *both("optillm", "mcts"),
    ),
)

SETTINGS = {"chain": CHAIN, "smollm2": SMOLLM2}
DRIVERS = Path(__file__).parent / "drivers"
