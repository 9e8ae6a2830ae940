"""Do the tests see bugs? Each known bug is put into a copy of the package, and the laws are run on it.

    python evals/mutations/run.py [--only PART_OF_A_NAME] [--jobs 2]
    python evals/mutations/run.py --only guard

Prints how long each bug lived. Exit status 1 if one survives every test, no longer applies, or if the tests
fail on the copy without any bug.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bugs import BUGS, Bug
from guards import GUARDS

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("laws", "algebra", "budget", "stages", "methods", "test_keys.py", "test_types.py")
SECONDS = 300
"""A test run that takes longer has not seen the bug."""


@dataclass(frozen=True)
class Outcome:
    """What became of a bug."""

    name: str
    verdict: str
    """caught, survived, does not apply, or what was wrong with the copy."""
    by: str = ""
    """The first test that failed."""
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        return self.verdict == "caught"


def copy(into: Path) -> None:
    """The package, its tests and the pages that these read, so that nothing outside the copy is imported."""
    clean = shutil.ignore_patterns("__pycache__", ".hypothesis")
    shutil.copytree(ROOT / "itc", into / "itc", ignore=clean)
    shutil.copytree(ROOT / "tests", into / "tests", ignore=clean)
    for name in ("docs", "configs"):
        shutil.copytree(ROOT / name, into / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, into)


def python(root: Path, *arguments: str, examples: int = 60) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy."""
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "ITC_LAWS_REPEATABLE": "1"}
    env["ITC_LAWS_EXAMPLES"] = str(examples)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def imports_the_copy(root: Path) -> bool:
    """Whether ``import itc`` finds the copy and no installed package."""
    where = python(root, "-c", "import itc.keys; print(itc.keys.__file__)").stdout.strip()
    return where == str(root / "itc" / "keys.py")


def passes(root: Path, *paths: str, examples: int = 60) -> tuple[bool, str]:
    """(whether the tests passed, the first that failed; '' where none did and pytest itself gave up)."""
    options = ("-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider", "--timeout=60")
    try:
        run = python(root, "-m", "pytest", *paths, *options, examples=examples)
    except subprocess.TimeoutExpired:
        return True, ""
    if run.returncode == 0:
        return True, ""
    failed = [line.split()[1] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return False, failed[0].removeprefix("tests/") if failed else ""


def everything() -> tuple[str, ...]:
    return tuple(f"tests/{name}" for name in TESTS)


def hunt(bug: Bug) -> Outcome:
    """Put the bug into a copy; first ask the test that should see it, then all."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="mutation-") as folder:
        root = Path(folder).resolve()
        copy(root)
        if not imports_the_copy(root):
            return Outcome(bug.name, "the copy is not what is imported")
        path = root / "itc" / bug.file
        text = path.read_text("utf-8")
        if (found := text.count(bug.old)) != 1:
            return Outcome(bug.name, f"does not apply: found {found} times")
        path.write_text(text.replace(bug.old, bug.new), "utf-8")
        if python(root, "-c", "import itc.library").returncode:
            return Outcome(bug.name, "does not apply: the package no longer imports")
        for paths in ((bug.look,), everything()):
            passed, by = passes(root, *paths)
            if not passed:
                verdict = "caught" if by else f"cannot run {' '.join(paths)}"
                return Outcome(bug.name, verdict, by, time.monotonic() - began)
    return Outcome(bug.name, "survived", "", time.monotonic() - began)


def control(paths: tuple[str, ...]) -> Outcome:
    """No bug, no failure: else every bug would seem to be caught."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="mutation-") as folder:
        root = Path(folder).resolve()
        copy(root)
        passed, by = passes(root, *paths, examples=20)
    verdict = "caught" if passed else "the tests fail without any bug"
    return Outcome("(no bug at all)", verdict, by or "passes", time.monotonic() - began)


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--only", default="", help="bugs whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [bug for bug in (*BUGS, *GUARDS) if options.only in bug.name]
    looks = tuple(sorted({bug.look for bug in chosen if not bug.look.startswith(everything())}))
    if not options.only:
        looks = (*everything(), *looks)
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        first = [pool.submit(control, looks)] if looks else []
        waiting = [*first, *(pool.submit(hunt, bug) for bug in chosen)]
        outcomes = []
        for future in waiting:
            o = future.result()
            outcomes.append(o)
            mark = "ok" if o.fine else "!!"
            detail = o.by if o.fine else o.verdict
            print(f"{mark} {o.name:<56} {o.seconds:5.1f} s  {detail}", flush=True)
    caught = sum(o.fine for o in outcomes[len(first) :])
    print(f"caught {caught}/{len(chosen)} in {time.monotonic() - began:.0f} s")
    return 0 if all(o.fine for o in outcomes) and chosen else 1


if __name__ == "__main__":
    sys.exit(main())
