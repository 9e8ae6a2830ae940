"""itc as `itc run` runs it: the same words composed to the same job, journal and tables included.

The words after the options are the command's own; the method is only a name.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from common import Problem, drive, options

from itc.api import blocking
from itc.config import Settings
from itc.console.arguments import read
from itc.console.compose import compose
from itc.runs.runner import execute


def main() -> None:
    """One strategy over all problems."""
    at = sys.argv.index("--")
    words = sys.argv[at + 1 :]
    del sys.argv[at:]
    asked = options([sys.argv[1]])
    path = f"{asked.answers}.problems.jsonl"

    def solve(url: str, problems: list[Problem]) -> list[str]:
        Path(path).write_text("".join(json.dumps(p) + "\n" for p in problems), "utf-8")
        with tempfile.TemporaryDirectory() as folder:
            given = [w.replace("URL", url) for w in words]
            composed = compose(
                read([*given, f"task.path={path}", f"workspace={folder}", f"seed={asked.seed}"])
            )
            if composed[0].error is not None:
                raise composed[0].error
            result = blocking(execute(Settings.read(composed[0].config).job(composed[0].yaml)))
            return [solved.text for solved in result.answers]

    drive(asked, solve)


if __name__ == "__main__":
    main()
