"""itc as `itc run` runs it: the same words composed to the same job, journal and tables included.

The words after the options are the command's own; the method is only a name.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
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
    path = f"{asked.answers}.problems"

    def prepared(url: str, problems: list[Problem]) -> Callable[[], list[str]]:
        own = f"{path}.{len(problems)}.jsonl"
        Path(own).write_text("".join(json.dumps(p) + "\n" for p in problems), "utf-8")
        folder = tempfile.TemporaryDirectory()
        given = [w.replace("URL", url) for w in words]
        given += [f"task.path={own}", f"workspace={folder.name}", f"seed={asked.seed}"]
        (composed,) = compose(read(given))
        if composed.error is not None:
            raise composed.error
        settings = Settings.read(composed.config)

        def solve() -> list[str]:
            with folder:
                result = blocking(execute(settings.job(composed.yaml)))
                return [solved.text for solved in result.answers]

        return solve

    drive(asked, prepared)


if __name__ == "__main__":
    main()
