"""One object that finds answers and tells them apart, as strategies and tasks need it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from itc.answers.equal import Grader
from itc.answers.options import Options, Verdict
from itc.answers.rules import Rule, rule


class Answers:
    """A rule with its grader: ``extract``, ``classes`` and ``equal``."""

    def __init__(self, rule_: Rule, grader: Grader | None = None) -> None:
        self.rule = rule_
        # A number behind its mark is the last word of a solution; a box may hold a result on the way.
        self._outright = rule(rule_.name, strict=True) if rule_.compare == "number" else None
        self.grader = grader or Grader(rule_)

    @classmethod
    def named(
        cls,
        name: str,
        *,
        strict: bool = False,
        options: Options | None = None,
        workers: int = 2,
        seconds: float = 5.0,
    ) -> Answers:
        """The registered rule ``name`` with a grader of its own; see ``itc.answers.rule``."""
        chosen = rule(name, strict=strict)
        return cls(chosen, Grader(chosen, options=options, workers=workers, seconds=seconds))

    def extract(self, text: str) -> str | None:
        """The answer in a model's text, or None: no answer, no vote."""
        return self.rule.extract(text)

    def finished(self, text: str) -> bool:
        """Whether the text states its final answer in the form the task asks for."""
        return self._outright is not None and self._outright.extract(text) is not None

    def canonical(self, answer: str) -> str:
        """Normal form of an answer."""
        return self.grader.canonical(answer)

    async def classes(self, answers: Sequence[str]) -> list[int]:
        """Equivalence class of each answer, numbered by first appearance."""
        return await self.grader.classes(answers)

    async def equal(self, gold: str, pred: str) -> Verdict:
        """Verdict on a predicted answer."""
        return await self.grader.equal(gold, pred)

    async def aclose(self) -> None:
        """End the grader's workers."""
        await self.grader.aclose()

    async def __aenter__(self) -> Answers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
