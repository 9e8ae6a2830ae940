"""What the large recipes are expected to cost on H100s, where `itc plan` says what they cost at worst.

    python recipes/expected.py            # the line of each recipe's README

Drawn tokens are answers times their usual length, and what reward models read is each answer once: prompts
and prefixes are taken to be cached, as vLLM does, and searches to draw as many steps as so many whole answers
have. Draws that the journal has from another job of the recipe are not counted again. Hours are those of
`itc.budget.roofline`, at the 64 sequences side by side that `itc plan` assumes: nothing but arithmetic and
memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from itc.budget.flops import Architecture
from itc.budget.hardware import hardware
from itc.budget.known import known
from itc.budget.roofline import Roofline

# Not among the known ones. GPT-OSS has its 116.8 B weights, most of four bits; Pythia its 162 M, two matrices
# of 3072 being as many as the three of 2048 that are counted.
_OTHERS: Mapping[str, Mapping[str, object]] = {
    "openai/gpt-oss-120b": {
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "num_hidden_layers": 36,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "vocab_size": 201088,
        "num_local_experts": 128,
        "num_experts_per_tok": 4,
        "tie_word_embeddings": False,
        "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 18,
    },
    "EleutherAI/pythia-160m": {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 12,
        "vocab_size": 50304,
        "tie_word_embeddings": False,
    },
}
_BYTES_PER_WEIGHT = {"openai/gpt-oss-120b": 0.53}

# Mean completion tokens of an answer, and where they are from.
MATH = 430
"""Recorded answers of a Qwen2.5-Math model to 100 problems of MATH
(``samples/qwen25math_rm8_math100.jsonl.xz``): 429, by SmolLM2's tokenizer, which like Qwen's splits numbers
into digits."""
AIME = 2 * MATH
"""A guess: twice as long."""
MATH_SHOTS, GSM8K_SHOTS = 232, 127
"""After worked examples: as long as the reference solutions of the questions, counted likewise."""
QWQ = 13_600
"""13,093 tokens of thought (Hassid et al. 2025, table 1, AIME 2024) and an answer."""
GPT_OSS = 20_000
"""A guess between 15,800 of Qwen3-32B and 26,100 of DeepSeek-8B, which is what the totals of DeepConf's 512
traces on AIME 2025 come to, as table 2 of CoRefine quotes them."""
STEPS = 10
"""Of an answer to MATH, as paragraphs."""

# Prompt tokens.
_CHAT, _SHOTS = 130, 900


@dataclass(frozen=True)
class Draws:
    """So many answers to each of so many problems, each rated by so many reward models."""

    model: str
    problems: int
    each: float
    answer: int = MATH
    prompt: int = _CHAT
    raters: tuple[str, ...] = ()

    @property
    def answers(self) -> int:
        """To all problems."""
        return round(self.problems * self.each)

    @property
    def drawn(self) -> int:
        """Completion tokens."""
        return self.answers * self.answer

    @property
    def rated(self) -> int:
        """Tokens that reward models read."""
        return self.answers * self.answer * len(self.raters)

    def picoseconds(self) -> int:
        """Of one H100."""
        policy = _roofline(self.model)
        time = self.problems * policy.picoseconds(self.prompt, 0, 1)
        time += self.answers * policy.picoseconds(self.prompt, self.prompt, self.answer)
        whole = self.prompt + self.answer
        for rater in self.raters:
            time += self.answers * _roofline(rater).picoseconds(whole, self.prompt, 0)
        return int(time)


def _roofline(model: str) -> Roofline:
    architecture = known(model) or Architecture.of(_OTHERS[model], model)
    bytes_per_weight = _BYTES_PER_WEIGHT.get(model, 2.0)
    return Roofline.on(hardware("h100-sxm"), architecture, batch=64, bytes_per_weight=bytes_per_weight)


_PRM, _RLHFLOW = "Qwen/Qwen2.5-Math-PRM-7B", "meta-llama/Llama-3.1-8B"
_SHEPHERD = "mistralai/Mistral-7B-v0.1"
_QWEN, _LLAMA = "Qwen/Qwen2.5-7B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"


def _filtering(model: str) -> list[Draws]:
    """One greedy answer, 64 rated twice, and two searches of 64."""
    return [
        Draws(model, 500, 1),
        Draws(model, 500, 64, raters=(_PRM, _PRM)),
        Draws(model, 500, 2 * 64, raters=(_PRM,)),
    ]


EXPECTED: Mapping[str, list[Draws]] = {
    "a-star-llama-3.2-1b": [
        # At most 64 expansions of four steps.
        Draws("meta-llama/Llama-3.2-1B-Instruct", 500, 64 + 64 * 4 / STEPS, raters=(_PRM,)),
    ],
    "archon-math": [
        # One answer and five of each; ten critiques; a ranking; two fusions of five.
        Draws(_QWEN, 500, 6),
        Draws(_LLAMA, 500, 5),
        Draws(_QWEN, 500, 10, 300, _CHAT + MATH),
        Draws(_QWEN, 500, 1, 200, _CHAT + 10 * (MATH + 300)),
        Draws(_QWEN, 500, 1, MATH, _CHAT + 5 * (MATH + 300)),
        Draws(_LLAMA, 500, 1, MATH, _CHAT + 5 * (MATH + 300)),
    ],
    "best-of-n-qwen2.5-math-7b": [
        Draws("Qwen/Qwen2.5-Math-7B-Instruct", 500, 256, raters=(_PRM, _SHEPHERD, _RLHFLOW)),
    ],
    "deepconf-aime25": [
        Draws("openai/gpt-oss-120b", 30, 512 * (1 + 0.153), GPT_OSS),
    ],
    "large-language-monkeys": [
        Draws("meta-llama/Llama-3.1-8B", 128, 10_000, MATH_SHOTS, _SHOTS),
        Draws("meta-llama/Llama-3.1-8B", 128, 10_000, GSM8K_SHOTS, _SHOTS),
        Draws("EleutherAI/pythia-160m", 128, 10_000, MATH_SHOTS, _SHOTS),
    ],
    "particle-filtering-aime24": [
        Draws(model, 30, 64, AIME, raters=(_PRM,))
        for model in (
            "meta-llama/Llama-3.2-1B-Instruct",
            _LLAMA,
            "Qwen/Qwen2.5-Math-1.5B-Instruct",
            "Qwen/Qwen2.5-Math-7B-Instruct",
        )
    ],
    "particle-filtering-llama-3.1-8b": _filtering("meta-llama/Llama-3.1-8B-Instruct"),
    "particle-filtering-llama-3.2-1b": _filtering("meta-llama/Llama-3.2-1B-Instruct"),
    "particle-filtering-qwen2.5-math-1.5b": _filtering("Qwen/Qwen2.5-Math-1.5B-Instruct"),
    "particle-filtering-qwen2.5-math-7b": _filtering("Qwen/Qwen2.5-Math-7B-Instruct"),
    "rpc-math": [Draws("internlm/internlm2-math-plus-7b", 500, 64)],
    "search-and-learn-llama-3.2-1b": [
        Draws("meta-llama/Llama-3.2-1B-Instruct", 500, 3 * 256 + 32 + 4, raters=(_RLHFLOW,)),
    ],
    "search-and-learn-llama-3.2-3b": [
        Draws("meta-llama/Llama-3.2-3B-Instruct", 500, 3 * 256, raters=(_RLHFLOW,)),
    ],
    "short-m-at-k-aime24": [
        # Twenty chains, and twice nine of which those still running are stopped.
        Draws("Qwen/Qwen2.5-32B", 30, 20 + 2 * 9 * 0.6, QWQ),
    ],
}


def line(name: str) -> str:
    """What the recipe's README says."""
    works = EXPECTED[name]
    drawn, rated = sum(w.drawn for w in works), sum(w.rated for w in works)
    seconds = Fraction(sum(w.picoseconds() for w in works), 10**12)
    price = hardware("h100-sxm").usd_per_hour
    assert price is not None
    hours = float(seconds / 3600)
    read = f" and {_rounded(rated)} rated" if rated else ""
    return (
        f"{_rounded(drawn)} tokens drawn{read}, {hours:,.{1 if hours < 100 else 0}f} hours of one H100, "
        f"${max(1, hours * price):,.0f} at its rent (`python recipes/expected.py`)"
    )


def _rounded(tokens: int) -> str:
    return f"{tokens / 1e9:.2g} billion" if tokens >= 10**9 else f"{tokens / 1e6:.0f} million"


if __name__ == "__main__":
    for recipe in EXPECTED:
        print(f"{recipe}: {line(recipe)}.")
