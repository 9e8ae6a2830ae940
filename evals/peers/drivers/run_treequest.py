"""treequest by its public API, in an environment of its own.

A node is an unfinished answer, and a child of it one step more, with the reward model's score of the whole.
treequest knows no finished node: one that is to be expanded all the same is handed back as it is, without a
call. Of what was found the best finished answer is returned.
"""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import treequest
from common import THREADS, Problem, drive, options
from openai import OpenAI

METHODS = {
    "ab_mcts": lambda: treequest.ABMCTSA(),
    "mcts": lambda: treequest.StandardMCTS(samples_per_action=4),
}


@dataclass(frozen=True)
class State:
    """An answer so far."""

    text: str
    done: bool
    score: float


def main() -> None:
    """One method over all problems; ``--n`` expansions each."""
    asked = options(list(METHODS))

    def score(url: str, text: str) -> float:
        whole = text if text.endswith("\n") else text + "\n"
        body = json.dumps({"model": asked.reward_model, "input": whole, "task": "classify"}).encode()
        request = urllib.request.Request(f"{url}/pooling", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return float(json.load(reply)["data"][0]["data"][1])

    def one(url: str, client: OpenAI, problem: Problem) -> str:
        def generate(parent: State | None) -> tuple[State, float]:
            if parent is not None and parent.done:
                return parent, parent.score
            so_far = parent.text if parent else ""
            choice = client.completions.create(
                model=asked.model,
                prompt=problem["prompt"] + so_far,
                max_tokens=asked.step_tokens,
                temperature=asked.temperature,
                stop="\n",
            ).choices[0]
            # A line that a stop has ended goes on; the end of the text is no stop.
            going = getattr(choice, "stop_reason", None) is not None
            text = so_far + choice.text + ("\n" if going else "")
            rated = score(url, problem["prompt"] + text)
            return State(text, not going, rated), rated

        search: Any = METHODS[asked.method]()
        state = search.init_tree()
        for _ in range(asked.n):
            state = search.step(state, {"step": generate})

        def finished_first(found: list[tuple[State, float]]) -> list[tuple[State, float]]:
            return sorted(found, key=lambda f: (f[0].done, f[1]), reverse=True)

        best, _ = treequest.top_k(state, search, k=1, ranking_fn=finished_first)[0]
        return str(best.text)

    def solve(url: str, problems: list[Problem]) -> list[str]:
        client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with ThreadPoolExecutor(THREADS if asked.mode == "together" else 1) as pool:
            return list(pool.map(lambda p: one(url, client, p), problems))

    drive(asked, solve)


if __name__ == "__main__":
    main()
