"""optillm by the functions that its server calls, in an environment of its own.

Its numbers are kept but for N and the token limit of an answer: it draws at temperature 1 whatever it is
told, asks for ratings of up to 256 tokens and for critiques of up to 512, and searches with two simulations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from common import THREADS, Problem, drive, options
from openai import OpenAI
from optillm.bon import best_of_n_sampling
from optillm.mcts import chat_with_mcts
from optillm.moa import mixture_of_agents
from optillm.self_consistency import AdvancedSelfConsistency

METHODS = ["best_of_n", "self_consistency", "mcts", "mixture_of_agents"]


def main() -> None:
    """One method over all problems, each in a thread as its server would have it."""
    logging.disable(logging.CRITICAL)
    asked = options(METHODS)
    limits = {"max_tokens": asked.max_tokens}

    def consistent(prompt: str, client: OpenAI) -> str:
        voting = AdvancedSelfConsistency(client, asked.model, num_samples=asked.n, request_config=limits)
        clusters = voting.evaluate(asked.system, prompt)["aggregated_result"]["clusters"]
        return str(clusters[0]["answer"]) if clusters else ""

    def approach(function: Callable[..., tuple[str, int]], **given: int) -> Callable[[str, OpenAI], str]:
        def solve(prompt: str, client: OpenAI) -> str:
            text, _ = function(asked.system, prompt, client, asked.model, request_config=limits, **given)
            return str(text)

        return solve

    one = {
        "best_of_n": approach(best_of_n_sampling, n=asked.n),
        "self_consistency": consistent,
        "mcts": approach(chat_with_mcts),
        "mixture_of_agents": approach(mixture_of_agents),
    }[asked.method]

    def solve(url: str, problems: list[Problem]) -> list[str]:
        client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with ThreadPoolExecutor(THREADS if asked.mode == "together" else 1) as pool:
            return list(pool.map(lambda p: one(p["prompt"], client), problems))

    drive(asked, lambda url, problems: lambda: solve(url, problems))


if __name__ == "__main__":
    main()
