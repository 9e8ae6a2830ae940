"""Architectures by name: they have as many weights as the model cards say."""

from __future__ import annotations

import pytest

from itc.budget.known import KNOWN, known

BILLIONS = {
    "HuggingFaceTB/SmolLM2-135M": 0.1345,
    "HuggingFaceTB/SmolLM2-360M": 0.3618,
    "HuggingFaceTB/SmolLM2-1.7B": 1.711,
    "Qwen/Qwen2.5-0.5B": 0.494,
    "Qwen/Qwen2.5-1.5B": 1.544,
    "Qwen/Qwen2.5-3B": 3.086,
    "Qwen/Qwen2.5-7B": 7.616,
    "Qwen/Qwen2.5-14B": 14.77,
    "Qwen/Qwen2.5-32B": 32.76,
    "Qwen/Qwen2.5-72B": 72.71,
    "Qwen/Qwen2.5-Math-1.5B": 1.544,
    "Qwen/Qwen2.5-Math-7B": 7.616,
    "Qwen/Qwen2.5-Math-72B": 72.71,
    # Worked out: the policy's, with a head of two layers in place of the unembedding.
    "Qwen/Qwen2.5-Math-PRM-7B": 7.616 - 0.545 + 0.013,
    "Qwen/Qwen2.5-Math-7B-PRM800K": 7.616 - 0.545 + 0.013,
    "Qwen/Qwen2.5-Math-PRM-72B": 72.71 - 1.246 + 0.067,
    "internlm/internlm2-math-plus-7b": 7.738,
    "meta-llama/Llama-3.1-8B": 8.030,
    "meta-llama/Llama-3.1-70B": 70.55,
    "meta-llama/Llama-3.2-1B": 1.236,
    "meta-llama/Llama-3.2-3B": 3.213,
    "mistralai/Mistral-7B-v0.1": 7.242,
}
"""Parameters as the hub counts them, to three digits or four."""


@pytest.mark.parametrize("name", KNOWN)
def test_it_has_as_many_weights(name: str) -> None:
    architecture = known(name)
    assert architecture is not None
    assert architecture.stored / 1e9 == pytest.approx(BILLIONS[name], rel=0.002)


def test_instruction_tuned_weights_are_of_the_same_architecture() -> None:
    assert known("Qwen/Qwen2.5-Math-7B-Instruct") == known("Qwen/Qwen2.5-Math-7B")
    assert known("policy") is None
    assert known("") is None


def test_a_reward_model_reads_out_every_token_and_the_policy_one() -> None:
    policy, reward = known("Qwen/Qwen2.5-Math-7B"), known("Qwen/Qwen2.5-Math-PRM-7B")
    assert policy is not None
    assert reward is not None
    assert policy.head == 2 * 3584 * 152_064
    assert reward.head == 0
    assert reward.token - policy.token == 2 * 3584 * (3584 + 2)
