"""Architectures of published weights by their name on the Hugging Face hub, so that FLOPs can be counted
without their files: the fields of each ``config.json`` that count.

Checked against copies of the published files, or, where ``tests/budget/test_known.py`` says so, against the
number of parameters that the model card states.
"""

from __future__ import annotations

from itc.budget.flops import Architecture

_Fields = tuple[str, int, int, int, int, int, int, bool]
"""(class, hidden size, intermediate size, layers, heads, key-value heads, vocabulary, tied embeddings)."""

_LLAMA, _QWEN, _PRM = "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen2ForProcessRewardModel"
_INTERN, _MISTRAL = "InternLM2ForCausalLM", "MistralForCausalLM"

_SIZES: dict[str, _Fields] = {
    "HuggingFaceTB/SmolLM2-135M": (_LLAMA, 576, 1536, 30, 9, 3, 49152, True),
    "HuggingFaceTB/SmolLM2-360M": (_LLAMA, 960, 2560, 32, 15, 5, 49152, True),
    "HuggingFaceTB/SmolLM2-1.7B": (_LLAMA, 2048, 8192, 24, 32, 32, 49152, True),
    "Qwen/Qwen2.5-0.5B": (_QWEN, 896, 4864, 24, 14, 2, 151936, True),
    "Qwen/Qwen2.5-1.5B": (_QWEN, 1536, 8960, 28, 12, 2, 151936, True),
    "Qwen/Qwen2.5-3B": (_QWEN, 2048, 11008, 36, 16, 2, 151936, True),
    "Qwen/Qwen2.5-7B": (_QWEN, 3584, 18944, 28, 28, 4, 152064, False),
    "Qwen/Qwen2.5-14B": (_QWEN, 5120, 13824, 48, 40, 8, 152064, False),
    "Qwen/Qwen2.5-32B": (_QWEN, 5120, 27648, 64, 40, 8, 152064, False),
    "Qwen/Qwen2.5-72B": (_QWEN, 8192, 29568, 80, 64, 8, 152064, False),
    "Qwen/Qwen2.5-Math-1.5B": (_QWEN, 1536, 8960, 28, 12, 2, 151936, True),
    "Qwen/Qwen2.5-Math-7B": (_QWEN, 3584, 18944, 28, 28, 4, 152064, False),
    "Qwen/Qwen2.5-Math-72B": (_QWEN, 8192, 29568, 80, 64, 8, 152064, False),
    "Qwen/Qwen2.5-Math-PRM-7B": (_PRM, 3584, 18944, 28, 28, 4, 152064, False),
    "Qwen/Qwen2.5-Math-7B-PRM800K": (_PRM, 3584, 18944, 28, 28, 4, 152064, False),
    "Qwen/Qwen2.5-Math-PRM-72B": (_PRM, 8192, 29568, 80, 64, 8, 152064, False),
    "internlm/internlm2-math-plus-7b": (_INTERN, 4096, 14336, 32, 32, 8, 92544, False),
    "meta-llama/Llama-3.1-8B": (_LLAMA, 4096, 14336, 32, 32, 8, 128256, False),
    "meta-llama/Llama-3.1-70B": (_LLAMA, 8192, 28672, 80, 64, 8, 128256, False),
    "meta-llama/Llama-3.2-1B": (_LLAMA, 2048, 8192, 16, 32, 8, 128256, True),
    "meta-llama/Llama-3.2-3B": (_LLAMA, 3072, 8192, 28, 24, 8, 128256, True),
    "mistralai/Mistral-7B-v0.1": (_MISTRAL, 4096, 14336, 32, 32, 8, 32000, False),
}

KNOWN = tuple(_SIZES)
"""Their names; those of instruction-tuned weights end in ``-Instruct`` besides."""


def known(name: str) -> Architecture | None:
    """The architecture of the weights of that name; None for one that is not known."""
    found = _SIZES.get(name.removesuffix("-Instruct"))
    if found is None:
        return None
    kind, hidden, inner, layers, heads, keys, words, tied = found
    fields = {
        "architectures": [kind],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "vocab_size": words,
        "tie_word_embeddings": tied,
    }
    return Architecture.of(fields, name)
