"""Any file of questions, with or without answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from itc.answers import rule as answer_rule
from itc.errors import TaskError, did_you_mean
from itc.tasks.base import Example, Task, content_id, content_sha256, register_task
from itc.tasks.prompts import PLAIN_CHAT, PLAIN_COMPLETION, Prompt, adapted
from itc.tasks.rows import Row, read_rows

QUESTION_FIELDS = ("question", "problem", "prompt", "input")
ANSWER_FIELDS = ("answer", "gold", "target")

_PROMPTS: dict[str, Prompt] = {"chat": PLAIN_CHAT, "completion": PLAIN_COMPLETION}


def jsonl(
    path: str,
    field: str | None = None,
    answer_field: str | None = None,
    id_field: str = "id",
    rule: str = "math",
    style: Literal["completion", "chat"] = "chat",
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
    licence: str = "unknown",
    label: str = "",
) -> Task:
    """Questions from a .jsonl, .jsonl.gz, .json or .parquet file.

    The question is the first of question, problem, prompt, input (or ``field``); the gold answer, where a row
    has one, the first of answer, gold, target (or ``answer_field``), as text or a number. Rows without an id
    are named by a hash of the question, a repetition by ``#2`` and so on. Two rows with one explicit id, and
    any malformed row, are a TaskError. ``label`` names the task, by default after the file.
    """
    answer_rule(rule)
    if style not in _PROMPTS:
        raise TaskError(f"unknown style {style!r}; {did_you_mean(style, _PROMPTS)}")
    prompt = adapted(_PROMPTS[style], template, system, stop, step_delimiter)
    rows = read_rows(path)
    questions = [row.text((field,) if field else QUESTION_FIELDS, path)[1] for row in rows]
    golds = [_gold(row, answer_field, path) for row in rows]
    ids = _ids(rows, questions, id_field, path)
    return Task(
        name=label or Path(path).name.split(".")[0] or "jsonl",
        examples=tuple(
            Example(prompt.problem(id_, question), gold, _plain(row, "level"), _text(row, "subject"))
            for id_, question, gold, row in zip(ids, questions, golds, rows, strict=True)
        ),
        rule=rule,
        sha256=content_sha256(zip(questions, golds, strict=True)),
        source=path,
        licence=licence,
        style=prompt.style,
        stop=prompt.stop,
        step_delimiter=prompt.step_delimiter,
    )


def _gold(row: Row, field: str | None, source: str) -> str | None:
    if field is not None and field not in row.fields:
        hint = did_you_mean(field, row.fields)
        raise TaskError(
            f"{source}, {row.place}: no field {field!r}; the row has {', '.join(row.fields)}. {hint}"
        )
    named = field or next((name for name in ANSWER_FIELDS if name in row.fields), None)
    value = row.fields.get(named) if named else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TaskError(
            f"{source}, {row.place}: field {named!r} is {type(value).__name__}; expected text or a number"
        )
    return str(value).strip() or None


def _ids(rows: list[Row], questions: list[str], field: str, source: str) -> list[str]:
    explicit: dict[str, str] = {}
    for row in rows:
        if (id_ := _explicit_id(row, field, source)) is None:
            continue
        if id_ in explicit:
            raise TaskError(
                f"{source}: id {id_!r} is given to {explicit[id_]} and {row.place}; expected distinct ids. "
                "Try dropping the field: ids then come from the content."
            )
        explicit[id_] = row.place
    ids, seen = [], Counter[str]()
    for row, question in zip(rows, questions, strict=True):
        id_ = _explicit_id(row, field, source)
        if id_ is None:
            id_ = content_id(question)
            seen[id_] += 1
            while (numbered := id_ if seen[id_] == 1 else f"{id_}#{seen[id_]}") in explicit:
                seen[id_] += 1
            id_ = numbered
        ids.append(id_)
    return ids


def _explicit_id(row: Row, field: str, source: str) -> str | None:
    value = row.fields.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise TaskError(f"{source}, {row.place}: {field!r} is {value!r:.40}; expected text or an integer")
    return str(value)


def _plain(row: Row, name: str) -> str | int | None:
    value = row.fields.get(name)
    return value if isinstance(value, str | int) else None


def _text(row: Row, name: str) -> str | None:
    value = row.fields.get(name)
    return value if isinstance(value, str) else None


register_task("jsonl", jsonl)
