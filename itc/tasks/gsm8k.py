"""GSM8K: grade-school word problems with a number for an answer (Cobbe et al. 2021, arXiv:2110.14168).

Data: https://huggingface.co/datasets/openai/gsm8k, from https://github.com/openai/grade-school-math.
"""

from __future__ import annotations

from typing import Literal

from itc.answers import rule
from itc.errors import TaskError, did_you_mean
from itc.tasks.base import Example, Task, content_id, register_task
from itc.tasks.hub import Pinned, fetch
from itc.tasks.prompts import GSM8K_CHAT, adapted, choose
from itc.tasks.shots import GSM8K_SHOTS

_REVISION = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
_SHA256 = {
    "test": "3fb31cfaeb4e270b7a44e0f3d244d96494e3c0956e699a1670ba24af1522cabd",
    "train": "f23d761f3315a79bf59eb4deeda29ed369ca66e29f9f495e1a5d6403a446ba3d",
}


def gsm8k(
    path: str | None = None,
    split: Literal["test", "train"] = "test",
    style: Literal["completion", "chat"] = "completion",
    shots: int = 4,
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
    repo: str | None = None,
) -> Task:
    """GSM8K from the hub, or from the file ``path``: 1319 test or 7473 train problems.

    ``shots`` (0–4) worked examples precede a completion prompt. ``repo`` is another hub repository, or a
    folder, with the same content.
    """
    if split not in _SHA256:
        raise TaskError(f"gsm8k has no split {split!r}; {did_you_mean(split, _SHA256)}")
    pinned = Pinned("openai/gsm8k", "main", split, _REVISION, _SHA256[split], "question", "answer", "MIT")
    content = fetch(pinned, path, repo)
    prompt = adapted(choose(style, GSM8K_SHOTS, shots, GSM8K_CHAT), template, system, stop, step_delimiter)
    final = rule("gsm8k", strict=True)
    examples = []
    for index, row in enumerate(content.rows):
        (_, question), (_, solution) = (row.text((name,), content.source) for name in ("question", "answer"))
        gold = final.extract(solution)
        if gold is None:
            raise TaskError(
                f"{content.source}, {row.place}: the answer ends in {solution[-40:]!r}; expected '#### n'"
            )
        id_ = f"gsm8k/{split}/{index:04d}-{content_id(question, 6)}"
        examples.append(Example(prompt.problem(id_, question), final.canonical(gold)))
    return Task(
        name="gsm8k",
        examples=tuple(examples),
        rule="gsm8k",
        sha256=content.sha256,
        source=content.source,
        licence=pinned.licence,
        official=content.official,
        style=prompt.style,
        stop=prompt.stop,
        step_delimiter=prompt.step_delimiter,
    )


register_task("gsm8k", gsm8k)
