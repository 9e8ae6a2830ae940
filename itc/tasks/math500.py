"""MATH-500: 500 problems of MATH (Hendrycks et al. 2021, arXiv:2103.03874), split by Lightman et al. 2023.

Data: https://huggingface.co/datasets/HuggingFaceH4/MATH-500; the split is from arXiv:2305.20050.
"""

from __future__ import annotations

from typing import Literal

from itc.tasks.base import Example, Task, content_id, register_task
from itc.tasks.hub import Pinned, fetch
from itc.tasks.prompts import MATH_CHAT, adapted, choose
from itc.tasks.shots import MATH_SHOTS

_PINNED = Pinned(
    repo="HuggingFaceH4/MATH-500",
    config=None,
    split="test",
    revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
    sha256="e5d7e13f29384519c5d475140d6abebbc7b1d3aaeb984af80d300a2c6935c95e",
    question="problem",
    answer="answer",
    licence="MIT",
)


def math500(
    path: str | None = None,
    style: Literal["completion", "chat"] = "chat",
    shots: int = 4,
    template: str | None = None,
    system: str | None = None,
    stop: list[str] | None = None,
    step_delimiter: str | None = None,
    repo: str | None = None,
) -> Task:
    """MATH-500 from the hub, or from the file ``path``, with subject and level (1–5) of each problem.

    ``shots`` (0–4) worked examples precede a completion prompt. ``repo`` is another hub repository, or a
    folder, with the same content.
    """
    content = fetch(_PINNED, path, repo)
    prompt = adapted(choose(style, MATH_SHOTS, shots, MATH_CHAT), template, system, stop, step_delimiter)
    examples = []
    for index, row in enumerate(content.rows):
        (_, question), (_, gold) = (row.text((name,), content.source) for name in ("problem", "answer"))
        given = row.fields.get("unique_id")
        name = given.removesuffix(".json") if isinstance(given, str) and given else f"test/{index:04d}"
        level, subject = row.fields.get("level"), row.fields.get("subject")
        examples.append(
            Example(
                prompt.problem(f"math500/{name}-{content_id(question, 6)}", question),
                gold,
                level if isinstance(level, int | str) else None,
                subject if isinstance(subject, str) else None,
            )
        )
    return Task(
        name="math500",
        examples=tuple(examples),
        rule="math",
        sha256=content.sha256,
        source=content.source,
        licence=_PINNED.licence,
        official=content.official,
        style=prompt.style,
        stop=prompt.stop,
        step_delimiter=prompt.step_delimiter,
    )


register_task("math500", math500)
