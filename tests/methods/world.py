"""A tiny model for searches: what it writes and what it is worth are functions of the text and a slot.

A slot tells draws of one text apart: the number of the draw, of the copy after an allocation, or of the fork
of an answer that is rewritten; before it stands the tree, where several grow side by side.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from random import Random

from itc.algebra.context import Context, Role
from itc.algebra.strategy import Strategy
from itc.backends.base import Completion, Request, Sampling, Usage
from itc.backends.function import FunctionBackend
from itc.scorers.base import ModelScorer
from itc.types import Population, Problem
from tests.laws.engine import Digits

PROBLEM = Problem("world", "?")


def number(r: Request) -> int:
    """Which of its candidate's draws this is. The index counts those of all equal candidates."""
    return (
        r.key.part
        if r.key.parent and r.key.parent.part == "draw" and isinstance(r.key.part, int)
        else r.index
    )


@dataclass(frozen=True)
class Made:
    """A node, as the references keep it: its text, whether it is finished, the ratings along its path."""

    text: str = ""
    done: bool = False
    values: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        return self.values[-1] if self.values else 0.0


def merged(made: list[Made]) -> list[Made]:
    """Without those that a sibling before them equals, finished or not as well."""
    alike = [(n.text, n.done) for n in made]
    return [n for j, n in enumerate(made) if alike[j] not in alike[:j]]


@dataclass
class World:
    """Texts are few, so that siblings are often equal; ratings are eighths, so that ties are common and sums
    exact. ``depth`` steps make every path finished."""

    seed: int
    depth: int = 4
    asked: list[tuple[object, ...]] = field(default_factory=list)
    """Every call in order: ("draw", text, slot) or ("rate", text)."""

    def next(self, text: str, slot: object) -> tuple[str, str]:
        """The step and how it ends."""
        rng = Random(f"{self.seed}/{text}/{slot}")
        piece, ends = rng.choice("ab1"), rng.random() < 0.3
        return piece, "eos" if ends or len(text) >= self.depth - 1 else "step"

    def answer(self, prompt: str, slot: object) -> str:
        """A whole text."""
        rng = Random(f"{self.seed}/whole/{prompt}/{slot}")
        return "".join(rng.choice("ab12") for _ in range(2))

    def rating(self, text: str) -> float:
        return Random(f"{self.seed}/rating/{text}").randrange(9) / 8

    # -------------------------------------------------------------- the references use these
    def draw(self, node: Made, slot: object) -> Made:
        self.asked.append(("draw", node.text, slot))
        piece, finish = self.next(node.text, slot)
        return Made(node.text + piece, finish == "eos", node.values)

    def write(self, prompt: str, slot: object) -> str:
        self.asked.append(("draw", prompt, slot))
        return self.answer(prompt, slot)

    def rate(self, nodes: list[Made]) -> list[Made]:
        """All rated at once: one call for each text."""
        for text in dict.fromkeys(n.text for n in nodes):
            self.asked.append(("rate", text))
        return [Made(n.text, n.done, (*n.values, self.rating(n.text))) for n in nodes]

    def expand(self, nodes: list[Made], m: int, trees: list[object] | None = None) -> list[list[Made]]:
        """m steps of each node, equal siblings merged, then rated together."""
        drawn = []
        for i, node in enumerate(nodes):
            slots = [(trees[i], j) if trees else j for j in range(m)]
            made = [self.draw(node, slot) for slot in slots]
            drawn.append(merged(made))
        rated = iter(self.rate([n for made in drawn for n in made]))
        return [[next(rated) for _ in made] for made in drawn]

    # -------------------------------------------------------------- the engine
    def __call__(self, r: Request) -> Completion:
        if r.score_steps is not None:
            texts = list(accumulate(r.score_steps))
            self.asked.append(("rate", texts[-1]))
            return Completion(scores=tuple(map(self.rating, texts)), usage=Usage(1))
        parts = list(pairwise(r.key.path))
        forks = [after for part, after in parts if part in ("again", "copy")]
        trees = [after for part, after in parts if part == "|"]
        slot: object = forks[-1] if forks else number(r)
        if trees:
            slot = (trees[0], slot)
        if r.temperature == 0.0:
            slot = "greedy"
        if r.prompt != PROBLEM.prompt or not r.step:
            self.asked.append(("draw", r.prompt, slot))
            return Completion(self.answer(r.prompt, slot), "eos", Usage(1, 0, 1))
        self.asked.append(("draw", r.prefix, slot))
        piece, finish = self.next(r.prefix, slot)
        return Completion(piece, finish, Usage(1, 0, 1))  # type: ignore[arg-type]


def play(strategy: Strategy, seed: int, depth: int = 4) -> tuple[Population, World, Context]:
    """The strategy in world ``seed``."""
    world = World(seed, depth)
    role = Role(FunctionBackend(world), Sampling(max_tokens=100, step_tokens=10))
    scorers = {"prm": ModelScorer("prm")}
    ctx = Context(PROBLEM, {"policy": role, "prm": role}, scorers=scorers, answers=Digits())
    return asyncio.run(strategy(Population.root(PROBLEM), ctx)), world, ctx
