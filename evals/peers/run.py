"""The peers side by side: one server, one proxy, the same problems, and every contestant in its turn.

    python evals/peers/run.py chain                    # the models that ship with the package
    python evals/peers/run.py smollm2 --weights DIR    # SmolLM2-135M-Instruct behind vLLM

Each round goes through all contestants, from another one on each time; before each turn the server forgets
its prefixes. Gold answers stay here: contestants get questions, return texts, and the texts are graded by the
task's own rule. Writes results/NAME.json and results/NAME.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from contestants import DRIVERS, OURS, SETTINGS, Contestant, Setting
from install import FOLDER
from proxy import DRAWS, RATINGS, Book
from tables import Turn, plain, table

from itc.answers import Answers, Verdict
from itc.tasks import Example
from itc.tasks import load as load_task

HERE = Path(__file__).parent
ADDSUB = HERE.parents[2] / "shared" / "data" / "bench" / "addsub.json"
TURN_SECONDS = 1800
VLLM = (
    *("--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "2048", "--max-num-seqs", "64"),
    *("--block-size", "32", "--enable-prefix-caching", "--enable-prompt-tokens-details"),
    # On the CPU a prompt that is read in parts ends vLLM 0.32, if its request has a seed.
    *("--max-num-batched-tokens", "32768"),
)
VLLM_ENV = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
    "VLLM_SERVER_DEV_MODE": "1",  # has /reset_prefix_cache
    "VLLM_LOGGING_LEVEL": "ERROR",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def ask(url: str, post: bool = False) -> Any:
    """The JSON there."""
    with urllib.request.urlopen(urllib.request.Request(url, b"" if post else None)) as reply:
        body = reply.read()
    return orjson.loads(body) if body else None


@contextmanager
def started(command: Sequence[str], **env: str) -> Iterator[str]:
    """A process that prints its address first, and ends with the block."""
    whole = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), **env}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=whole) as process:
        try:
            assert process.stdout is not None
            if not (address := process.stdout.readline().strip()):
                raise SystemExit(f"{' '.join(command)} ended at once")
            yield address
        finally:
            process.terminate()


@contextmanager
def vllm(python: str, weights: str, name: str) -> Iterator[str]:
    """vLLM's server on the CPU, once it is healthy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", weights, "--port", str(port)]
    command += ["--served-model-name", name, "--host", "127.0.0.1", *VLLM]
    with subprocess.Popen(command, stdout=sys.stderr, env={**os.environ, **VLLM_ENV}) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            while True:
                time.sleep(1)
                if process.poll() is not None:
                    raise SystemExit("vLLM ended at once")
                with suppress(OSError):
                    urllib.request.urlopen(f"{address}/health").close()
                    break
            yield address
        finally:
            process.terminate()


def problems_of(name: str, count: int, path: Path, folder: Path) -> list[Example]:
    """The questions with their gold answers, and one more to warm up with."""
    if name == "chain":
        return list(load_task("chain", problems=count + 1, split="dev").examples)
    rows = [
        {
            "id": f"addsub/{row['iIndex']}",
            "question": row["sQuestion"].strip(),
            "answer": row["lSolutions"][0],
        }
        for row in orjson.loads(path.read_bytes())
    ]
    whole = folder / "addsub.jsonl"
    whole.write_bytes(b"\n".join(map(orjson.dumps, rows[: count + 1])))
    return list(load_task("jsonl", path=str(whole), rule="gsm8k").examples)


@dataclass
class Arena:
    """Where contestants take their turns."""

    setting: Setting
    examples: Sequence[Example]
    proxy: str
    server: str
    envs: Path
    folder: Path

    def prepare(self) -> None:
        """Write the problems, the last one first: it warms up."""
        lines = [
            orjson.dumps(
                {
                    "id": e.problem.id,
                    "question": e.problem.question,
                    "prompt": self.setting.template.replace("{question}", e.problem.question),
                }
            )
            for e in (self.examples[-1], *self.examples[:-1])
        ]
        (self.folder / "problems.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    def turn(self, one: Contestant, number: int) -> Turn:
        """One contestant, once. SystemExit with its last words where it fails."""
        ask(f"{self.server}/reset_prefix_cache", post=True)
        name, s, answers = f"{one.name}.{number}", self.setting, self.folder / "answers.jsonl"
        python = sys.executable if one.peer == OURS else str(self.envs / one.peer / "bin" / "python")
        command = [python, str(DRIVERS / f"run_{one.peer}.py"), one.method, "--mode", one.mode]
        given = {
            "url": f"{self.proxy}/{name}",
            "warm-up": f"{self.proxy}/warm-up.{name}",
            "model": s.model,
            "reward-model": s.reward_model,
            "problems": self.folder / "problems.jsonl",
            "answers": answers,
            "system": s.system,
            "n": s.n,
            "temperature": s.temperature,
            "max-tokens": s.max_tokens,
            "step-tokens": s.step_tokens,
            "seed": number,
        }
        command += [f"--{key}={value}" for key, value in given.items()]
        if one.peer == OURS:
            command += ["--", *s.words, *one.words]
        env = {**os.environ, "PYTHONPATH": str(HERE.parents[1]) if one.peer == OURS else ""}
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=TURN_SECONDS)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
        took = orjson.loads(done.stdout.splitlines()[-1])
        roles = ask(f"{self.proxy}/-/books")[name]["roles"]
        books = [roles.get(role) or vars(Book()) for role in (DRAWS, RATINGS)]
        texts = {line["id"]: line["text"] for line in map(orjson.loads, answers.read_bytes().splitlines())}
        right = asyncio.run(self.graded(texts))
        return Turn(
            one.peer,
            one.method,
            one.mode,
            right,
            len(self.examples) - 1,
            took["seconds"],
            took["cpu"],
            *books,
        )

    async def graded(self, texts: Mapping[str, str]) -> int:
        """How many are right."""
        right = 0
        async with Answers.named(self.setting.rule) as rule:
            for e in self.examples[:-1]:
                found = rule.extract(texts[e.problem.id])
                right += found is not None and await rule.equal(e.gold or "", found) is Verdict.EQUAL
        return right


def rotated(contestants: Sequence[Contestant], number: int, rounds: int) -> list[Contestant]:
    """From another one on in each round."""
    at = len(contestants) * number // rounds
    return [*contestants[at:], *contestants[:at]]


def main() -> None:
    """Serve, run all rounds, write the table after each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("setting", choices=SETTINGS)
    options.add_argument("--problems", type=int, default=100)
    options.add_argument("--addsub", type=Path, default=ADDSUB, help="smollm2: the file of AddSub")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="", help="a regular expression of PEER.METHOD.MODE")
    options.add_argument("--envs", type=Path, default=FOLDER, help="where install.py put the peers")
    options.add_argument("--weights", default="", help="smollm2: the checkpoint's folder")
    options.add_argument("--vllm", default=sys.executable, help="the Python that has vLLM")
    options.add_argument("--server", help="address of a server that runs already, without /v1")
    options.add_argument("--out", type=Path, default=HERE / "results")
    asked = options.parse_args()
    setting = SETTINGS[asked.setting]
    known = setting.contestants
    order = {(c.method, c.peer, c.mode): i for i, c in enumerate(known)}
    chosen = [c for c in known if re.search(asked.only, c.name)]
    turns: list[Turn] = []
    # So that what was started ends with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if asked.server:
            server = asked.server
        elif asked.weights:
            server = stack.enter_context(vllm(asked.vllm, asked.weights, setting.model))
        else:
            server = stack.enter_context(started([sys.executable, str(HERE / "server.py")]))
        proxy = stack.enter_context(started([sys.executable, str(HERE / "proxy.py"), server]))
        examples = problems_of(asked.setting, asked.problems, asked.addsub, folder)
        arena = Arena(setting, examples, proxy, server, asked.envs, folder)
        arena.prepare()
        for number in range(asked.rounds):
            for one in rotated(chosen, number, asked.rounds):
                turns.append(turn := arena.turn(one, number))
                print(
                    f"{number} {one.name:40} {turn.seconds:7.1f} s  {turn.right}/{turn.problems}", flush=True
                )
            turns.sort(key=lambda t: order[t.method, t.peer, t.mode])
            write(asked.out / asked.setting, setting, turns, number + 1)


def write(path: Path, setting: Setting, turns: Sequence[Turn], rounds: int) -> None:
    """Both files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    about = {"setting": setting.title, "n": setting.n, "rounds": rounds, "machine": machine}
    path.with_suffix(".json").write_bytes(
        orjson.dumps({**about, "turns": [plain(t) for t in turns]}, option=orjson.OPT_INDENT_2)
    )
    head = f"{setting.title}; {turns[0].problems} problems, N = {setting.n}, {rounds} rounds; {machine}\n\n"
    path.with_suffix(".md").write_text(head + table(turns), "utf-8")


if __name__ == "__main__":
    main()
