"""Training of the reward model.

A verifier made of the policy alone knows no more than the policy, and a confident mistake looks right to it.
So the trunk goes on learning the task (next tokens of gold solutions, read after the policy's own layers),
while one more layer on top, which sees what those layers expected at the token before, learns to tell right
from wrong.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain as chained
from itertools import islice
from pathlib import Path

import torch
from data import TASK_STREAM, Stream, Tokenizer, shuffled_batches
from model import Llama, Norm, optimizers
from prm import Example
from torch import Tensor, nn
from torch.nn import functional

from itc.tasks.chain import LEVELS


def grown(policy: Llama, layers: int) -> Llama:
    """A token classifier with the policy's trunk and ``layers`` more, which do nothing at first."""
    model = Llama(replace(policy.s, num_hidden_layers=policy.s.num_hidden_layers + layers), labels=2)
    model.model.load_state_dict(policy.model.state_dict(), strict=False)
    for layer in list(model.model.layers)[-layers:]:
        nn.init.zeros_(layer.self_attn.o_proj.weight)
        nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


def language_loss(model: Llama, norm: Norm, layers: int, ids: Tensor, targets: Tensor) -> Tensor:
    """Loss of the next token, read after the first ``layers`` layers."""
    at = targets >= 0
    hidden = model.model.hidden(ids, layers)
    logits = functional.linear(norm(hidden)[at], model.model.embed_tokens.weight)
    return functional.cross_entropy(logits.float(), targets[at])


def step_loss(model: Llama, ids: Tensor, targets: Tensor) -> Tensor:
    """Loss of the dense labels of sampled solutions."""
    at = targets >= 0
    logits = model.head(model.model(ids)[0][at])
    return functional.cross_entropy(logits.float(), targets[at])


def train_prm(
    policy: Llama,
    tokenizer: Tokenizer,
    data: list[Example],
    steps: int,
    batch: int,
    rates: tuple[float, float],
    seed: int,
    out: Path,
) -> Llama:
    """The reward model, from its last checkpoint on; a step is a batch of gold and one of samples."""
    torch.manual_seed(seed)
    model, norm = grown(policy, 1), Norm(policy.s.hidden_size, policy.s.rms_norm_eps)
    norm.load_state_dict(policy.model.norm.state_dict())
    whole = nn.ModuleDict({"model": model, "norm": norm})
    both = optimizers(whole, *rates)
    data = sorted(data, key=lambda e: len(e[0]))
    stream, step = Stream(tokenizer, seed + TASK_STREAM, levels=LEVELS), 0
    saved, curve = out / "prm.ckpt", out / "prm.csv"
    if saved.exists():
        state = torch.load(saved)
        whole.load_state_dict(state["model"])
        for optimizer, kept in zip(both, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        stream.used, step = state["used"], state["step"]
    if not curve.exists():
        curve.write_text("step,language_loss,step_loss\n")
    each = len(shuffled_batches(data, batch, tokenizer.pad, ""))
    while step < steps:
        labelled = shuffled_batches(data, batch, tokenizer.pad, f"{seed}/{step // each}/{step}")
        gold = chained.from_iterable(stream.batches(batch, 0.0) for _ in range(10**9))
        sums = [0.0, 0.0]
        for (ids, targets), (gold_ids, gold_targets) in islice(zip(labelled, gold, strict=False), 100):
            for optimizer, rate in zip(both, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * min(
                    1.0, step / 40 + 0.05, 1.4 * (1 - step / steps) + 0.02
                )
                optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                first = language_loss(model, norm, policy.s.num_hidden_layers, gold_ids, gold_targets)
                second = step_loss(model, ids, targets)
            (first + second).backward()
            torch.nn.utils.clip_grad_norm_(whole.parameters(), 1.0)
            for optimizer in both:
                optimizer.step()
            sums = [sums[0] + float(first.detach()) / 100, sums[1] + float(second.detach()) / 100]
            step += 1
        with curve.open("a") as file:
            file.write(f"{step},{sums[0]:.4f},{sums[1]:.4f}\n")
        state = {"model": whole.state_dict(), "optimizers": [o.state_dict() for o in both]}
        torch.save(state | {"used": stream.used, "step": step}, saved.with_suffix(".part"))
        saved.with_suffix(".part").replace(saved)
    return model.eval()
