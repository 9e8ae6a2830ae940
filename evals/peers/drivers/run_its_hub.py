"""its_hub by its public API, in an environment of its own.

The reward model is an adapter of the kind that its abstract classes ask for: the score of a text is read at
its last token, at the same endpoint as ours. Everything else has its defaults, but for what README.md names.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import aiohttp
from common import Problem, drive, options
from its_hub.api import AbstractOutcomeRewardModel, AbstractProcessRewardModel
from its_hub.core.algorithms.beam_search import BeamSearch
from its_hub.core.algorithms.bon import BestOfN
from its_hub.core.algorithms.particle_gibbs import ParticleFiltering
from its_hub.core.algorithms.self_consistency import SelfConsistency, create_regex_projection_function
from its_hub.core.lms.openai_lm import OpenAICompatibleLanguageModel
from its_hub.core.lms.step_generation import StepGeneration

METHODS = ["self_consistency", "best_of_n", "beam", "particle_filter"]
LAST_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)(?!.*\d)"
STEPS, WIDTH = 40, 4
STEP, END = "\n", "####"
"""What ends a step, and what the last step holds."""


class Endpoint:
    """Scores of texts, each by a call of its own, all at once."""

    def __init__(self, url: str, model: str) -> None:
        self.url, self.model = f"{url}/pooling", model
        self.session: aiohttp.ClientSession | None = None

    async def scores(self, texts: list[str]) -> list[float]:
        """In [0,1]."""
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return await asyncio.gather(*(self._score(self.session, text) for text in texts))

    async def _score(self, session: aiohttp.ClientSession, text: str) -> float:
        whole = text if text.endswith("\n") else text + "\n"
        body = {"model": self.model, "input": whole, "task": "classify"}
        async with session.post(self.url, json=body) as reply:
            reply.raise_for_status()
            return float((await reply.json())["data"][0]["data"][1])

    async def close(self) -> None:
        """Its connections."""
        if self.session is not None:
            await self.session.close()


class Process(AbstractProcessRewardModel):
    """Rates unfinished answers."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def score(self, prompt_or_messages: Any, steps: Any) -> Any:
        """Blocking."""
        return asyncio.run(self.ascore(prompt_or_messages, steps))

    async def ascore(self, prompt_or_messages: Any, steps: Any) -> Any:
        """The prompt is the text that its algorithms hand over."""
        return await self.endpoint.scores([f"{prompt_or_messages}{text}" for text in steps])


class Outcome(AbstractOutcomeRewardModel):
    """Rates whole answers."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def score(self, messages: Any, **_: Any) -> Any:
        """Blocking."""
        return asyncio.run(self.ascore(messages))

    async def ascore(self, messages: Any, orchestrator: Any = None, **_: Any) -> Any:  # noqa: ARG002
        """Of each conversation the messages' text, joined."""
        return await self.endpoint.scores(["".join(m.content for m in each) for each in messages])


def algorithm(method: str, endpoint: Endpoint, temperature: float) -> Any:
    """Of its own."""
    steps = StepGeneration(STEPS, STEP, END, temperature)
    return {
        "self_consistency": lambda: SelfConsistency(create_regex_projection_function(LAST_NUMBER)),
        "best_of_n": lambda: BestOfN(Outcome(endpoint)),
        "beam": lambda: BeamSearch(steps, Process(endpoint), WIDTH),
        "particle_filter": lambda: ParticleFiltering(steps, Process(endpoint)),
    }[method]()


def main() -> None:
    """One method over all problems."""
    warnings.simplefilter("ignore", DeprecationWarning)
    asked = options(METHODS)
    whole = asked.method in ("self_consistency", "best_of_n")

    async def solved(url: str, problems: list[Problem]) -> list[str]:
        endpoint = Endpoint(url, asked.reward_model)
        lm = OpenAICompatibleLanguageModel(
            f"{url}/v1",
            "none",
            asked.model,
            system_prompt=asked.system or None,
            max_completion_tokens=asked.max_tokens if whole else asked.step_tokens,
            temperature=asked.temperature,
        )
        search = algorithm(asked.method, endpoint, asked.temperature)
        try:
            if asked.mode == "together":
                found = await asyncio.gather(*(search.ainfer(lm, p["prompt"], asked.n) for p in problems))
            else:
                found = [await search.ainfer(lm, p["prompt"], asked.n) for p in problems]
        finally:
            await lm.close()
            await endpoint.close()
        return [str(message["content"]) for message in found]

    drive(asked, lambda url, problems: lambda: asyncio.run(solved(url, problems)))


if __name__ == "__main__":
    main()
