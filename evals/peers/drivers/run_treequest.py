"""treequest by its public API, in an environment of its own.

A node is a whole answer, and a child of it another one, asked for in the words that our ``ab_mcts`` has. A
score is the model's own probability that the answer is right, asked for in the words of our ``p_true``.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import treequest
from common import THREADS, Problem, drive, options
from openai import OpenAI

METHODS = {"ab_mcts": treequest.ABMCTSA, "mcts": treequest.StandardMCTS}
IMPROVE = "{prompt}\n\nAn earlier answer:\n{answer}\n\nWrite a better one, in full:\n"
JUDGE = (
    "Problem:\n{question}\n\nProposed solution:\n{answer}\n\n"
    "Is the final answer of the proposed solution correct? Reply with one word, Yes or No.\n"
)
LISTED = 20
"""Likeliest tokens that are asked for."""


def p_yes(likeliest: list[Any]) -> float:
    """The probability of yes among yes and no; ½ where neither is listed."""
    mass = {"yes": 0.0, "no": 0.0}
    for token in likeliest:
        word = token.token.strip().lower()
        if word in mass:
            mass[word] += math.exp(token.logprob)
    return mass["yes"] / sum(mass.values()) if sum(mass.values()) else 0.5


def main() -> None:
    """One method over all problems; ``--n`` answers each."""
    asked = options(list(METHODS))

    def one(client: OpenAI, problem: Problem) -> str:
        def say(text: str, **more: Any) -> Any:
            turns: Any = [{"role": "system", "content": asked.system}, {"role": "user", "content": text}]
            return client.chat.completions.create(model=asked.model, messages=turns, **more).choices[0]

        def generate(parent: str | None) -> tuple[str, float]:
            prompt = problem["prompt"]
            text = prompt if parent is None else IMPROVE.format(prompt=prompt, answer=parent)
            drawn = say(text, max_tokens=asked.max_tokens, temperature=asked.temperature).message.content
            judged = say(
                JUDGE.format(question=problem["question"], answer=drawn.strip()),
                max_tokens=1,
                temperature=asked.temperature,
                logprobs=True,
                top_logprobs=LISTED,
            )
            return drawn, p_yes(judged.logprobs.content[0].top_logprobs)

        search: Any = METHODS[asked.method]()
        state = search.init_tree()
        for _ in range(asked.n):
            state = search.step(state, {"answer": generate})
        return str(treequest.top_k(state, search, k=1)[0][0])

    def solve(url: str, problems: list[Problem]) -> list[str]:
        client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with ThreadPoolExecutor(THREADS if asked.mode == "together" else 1) as pool:
            return list(pool.map(lambda p: one(client, p), problems))

    drive(asked, lambda url, problems: lambda: solve(url, problems))


if __name__ == "__main__":
    main()
