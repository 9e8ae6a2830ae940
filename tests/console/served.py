"""A served toy model and the console script as a process, for the tests here."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from itc.cli import main
from tests.backends.server import Dialect, Server

T = TypeVar("T")
ITC = Path(sys.executable).with_name("itc")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


def environment() -> dict[str, str]:
    """Ours, without what would change a command's output."""
    hidden = ("COLUMNS", "HYDRA_FULL_ERROR", "OPENAI_API_KEY", "FORCE_COLOR", "TTY_COMPATIBLE")
    return {k: v for k, v in os.environ.items() if k not in hidden}


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """The console script, begun in a process group of its own."""
    return subprocess.Popen(
        [ITC, *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def itc(*words: str, cwd: Path) -> Done:
    """The console script, run to its end."""
    process = start(*words, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def inside(*words: str, cwd: Path) -> Done:
    """The same in this process, where the start of one is not what is tested: that takes longer than most
    commands."""
    with chdir(cwd), redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(list(words))
    return Done(code, out.getvalue(), err.getvalue())


class Toy:
    """A server in a thread of its own."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self._loop = server, loop

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    @property
    def calls(self) -> int:
        """Draw requests so far."""
        return len(self.server.calls)


@contextmanager
def toy(dialect: Dialect = "vllm") -> Iterator[Toy]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = Toy(Server(dialect), loop)
    try:
        served.wait(served.server.start())
        yield served
        served.wait(served.server.runner.cleanup())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def questions(path: Path, count: int) -> Path:
    """A file of questions, some of which the toy model answers."""
    rows = [{"id": f"q{i}", "question": f"How much is {i} + 1?", "answer": "five"} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def overrides(toy: Toy, path: Path) -> list[str]:
    """What every run here has in common."""
    return [
        "task=jsonl",
        f"task.path={path}",
        "task.style=completion",
        "task.rule=text",
        "model=local",
        "model.name=toy",
        f"model.base_url={toy.server.base_url}",
        "model.max_tokens=24",
    ]
