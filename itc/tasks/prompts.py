"""Prompts: how a question is put to a base model (worked examples) or to a chat model (instructions)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from itc.errors import TaskError, did_you_mean
from itc.types import Problem

Style = Literal["completion", "chat"]

SLOT = "{question}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template with the slot ``{question}``, and what belongs to it."""

    style: Style
    template: str
    system: str = ""
    stop: tuple[str, ...] = ()
    step_delimiter: str = "\n"

    def problem(self, id_: str, question: str) -> Problem:
        """The problem as the policy gets it. Braces other than the slot are left alone: LaTeX has many."""
        return Problem(id_, question, self.template.replace(SLOT, question), self.system)


def adapted(
    prompt: Prompt,
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
) -> Prompt:
    """``prompt`` with the user's own parts; a template without ``{question}`` is a TaskError."""
    if template is not None:
        if SLOT not in template:
            raise TaskError(
                f"template {template[:60]!r} has no {SLOT}; expected it where the question goes, "
                f"for example 'Solve: {SLOT}'"
            )
        prompt = replace(prompt, template=template)
    if system is not None:
        prompt = replace(prompt, system=system)
    if stop is not None:
        prompt = replace(prompt, stop=tuple(stop))
    if step_delimiter is not None:
        prompt = replace(prompt, step_delimiter=step_delimiter)
    return prompt


def few_shot(shots: str, count: int) -> Prompt:
    """A completion prompt with the first ``count`` of the worked ``shots``.

    Shots are blocks apart by blank lines, each "Ask: …", newline, "Reply: …"; the words are the task's.
    """
    blocks = shots.strip().split("\n\n")
    if not 0 <= count <= len(blocks):
        raise TaskError(f"shots={count}: expected 0 to {len(blocks)}, the examples written for this task")
    ask, reply = (line.split(":", 1)[0] for line in blocks[0].split("\n")[:2])
    template = "\n\n".join([*blocks[:count], f"{ask}: {SLOT}\n{reply}:"])
    return Prompt("completion", template, stop=(f"\n{ask}:",))


def choose(style: str, shots: str, count: int, chat: Prompt) -> Prompt:
    """The task's prompt in ``style``; shots matter to completion only."""
    if style == "chat":
        return chat
    if style == "completion":
        return few_shot(shots, count)
    raise TaskError(f"unknown style {style!r}; {did_you_mean(style, ('completion', 'chat'))}")


GSM8K_CHAT = Prompt(
    "chat",
    SLOT + "\n\nReason step by step, one step a line. "
    'End with a line "#### n", where n is the answer as a plain number without units.',
    system="You solve arithmetic word problems carefully.",
)

MATH_CHAT = Prompt(
    "chat",
    SLOT + "\n\nReason step by step, with a blank line between steps. "
    "Put the final answer, and nothing else, in \\boxed{}.",
    system="You are a careful mathematician.",
    step_delimiter="\n\n",
)

PLAIN_CHAT = Prompt("chat", SLOT, step_delimiter="\n\n")
PLAIN_COMPLETION = Prompt("completion", SLOT)
