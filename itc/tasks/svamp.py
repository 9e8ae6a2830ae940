"""SVAMP: one-step word problems told in ways that mislead (Patel et al. 2021, arXiv:2103.07191).

Data: SVAMP.json of https://github.com/arkilpatel/SVAMP, or the same rows as .jsonl or .parquet.
"""

from __future__ import annotations

from typing import Literal

from itc.answers import rule
from itc.errors import TaskError
from itc.tasks.base import Example, Task, content_id, content_sha256, register_task
from itc.tasks.prompts import GSM8K_CHAT, adapted, choose
from itc.tasks.rows import Row, read_rows
from itc.tasks.shots import SVAMP_SHOTS


def svamp(
    path: str,
    style: Literal["completion", "chat"] = "completion",
    shots: int = 4,
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
) -> Task:
    """SVAMP from a file with the fields Body, Question and Answer (a number): 1000 problems, in its order.

    ``shots`` (0–4) worked examples precede a completion prompt. A question is its body, closed by a full stop
    where it has none, a space, and what is asked.
    """
    prompt = adapted(choose(style, SVAMP_SHOTS, shots, GSM8K_CHAT), template, system, stop, step_delimiter)
    rows = read_rows(path)
    questions = [_question(row, path) for row in rows]
    golds = [_gold(row, path) for row in rows]
    examples = []
    for index, (row, question, gold) in enumerate(zip(rows, questions, golds, strict=True)):
        id_ = f"svamp/{index:04d}-{content_id(question, 6)}"
        kind = row.fields.get("Type")
        examples.append(
            Example(prompt.problem(id_, question), gold, subject=kind if isinstance(kind, str) else None)
        )
    return Task(
        name="svamp",
        examples=tuple(examples),
        rule="gsm8k",
        sha256=content_sha256(zip(questions, golds, strict=True)),
        source=path,
        licence="MIT",
        style=prompt.style,
        stop=prompt.stop,
        step_delimiter=prompt.step_delimiter,
    )


def _question(row: Row, source: str) -> str:
    body, asked = (row.text((name,), source)[1].strip() for name in ("Body", "Question"))
    return f"{body if body[-1] in '.!?' else body + '.'} {asked}"


def _gold(row: Row, source: str) -> str:
    value = row.fields.get("Answer")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        final = rule("gsm8k")
        if (found := final.extract(f"#### {value}")) is not None:
            return final.canonical(found)
    raise TaskError(f"{source}, {row.place}: field 'Answer' is {value!r:.40}; expected a number")


register_task("svamp", svamp)
