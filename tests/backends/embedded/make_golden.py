"""Makes the golden files beside it: tiny random checkpoints, and what transformers says of them.

python tests/backends/embedded/make_golden.py        (needs torch and transformers)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForTokenClassification

HERE = Path(__file__).parent / "golden"
PATTERN = r" ?[A-Za-z]+| ?#+| ?[0-9]|\n| ?[^ \nA-Za-z0-9#]| "
WORDS = [
    *("what", "is", "two", "and", "four", "five", "six", "so", "Question", "Answer"),
    *("Ann", "has", "the", "sum", "of", "apples", "pears", "it", "a", "b"),
]
PIECES = [*WORDS, *(f" {w}" for w in WORDS), *"0123456789", *(f" {d}" for d in "0123456789")]
PIECES += ["\n", "\n\n", " ", "+", " +", "=", " =", ".", ":", "####", " ####"]
SPECIALS = ["<pad>", "<eos>", "<unk>"]
TEXTS = [
    "what is two and two",
    "Question: Ann has 12 apples and 7 pears.\nAnswer:",
    " Ann has 12 + 7 = 19 apples.\n#### 19",
    "  two\n\n  and   zebra ünï  ####4",
    "two<eos>and <unk> it",
    "",
]


def write_tokenizer(folder: Path) -> None:
    """A word-level tokenizer of the kind that the shipped models have."""
    vocab = {t: i for i, t in enumerate([*SPECIALS, *PIECES])}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    spec = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": t, **special} for i, t in enumerate(SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": PATTERN},
            "behavior": "Isolated",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    }
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<eos>", "unk_token": "<unk>"}
    (folder / "tokenizer.json").write_text(json.dumps(spec) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")


def make(name: str, kind: type, dtype: torch.dtype, **changes: object) -> None:
    """A checkpoint and the logits of random sequences, of which the last are longer than a chunk."""
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "vocab_size": len(SPECIALS) + len(PIECES),
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "initializer_range": 0.25,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    torch.manual_seed(7)
    made = kind(LlamaConfig(**{**settings, **changes})).to(dtype)
    made.save_pretrained(folder)
    write_tokenizer(folder)
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    rng = np.random.default_rng(0)
    told: dict[str, np.ndarray] = {}
    for i, n in enumerate((1, 2, 17, 63, 64, 65, 150)):
        ids = rng.integers(3, model.config.vocab_size, n)
        with torch.no_grad():
            logits = model(torch.tensor(ids)[None]).logits[0].numpy()
        # The last positions depend on all others; more would only make the file larger.
        told |= {f"ids{i}": ids.astype(np.int16), f"logits{i}": logits[-4:]}
    np.savez_compressed(folder / "logits.npz", **told)
    if kind is not LlamaForCausalLM:
        return
    tokenizer = AutoTokenizer.from_pretrained(folder)
    greedy = []
    for text in TEXTS[:3]:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            whole = model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=48
            )
        greedy.append([text, whole[0, ids.shape[1] :].tolist()])
    encoded = [[text, tokenizer(text).input_ids] for text in TEXTS]
    decoded = [tokenizer.decode(ids, skip_special_tokens=True) for _, ids in encoded]
    whole_file = {"greedy": greedy, "encoded": encoded, "decoded": decoded}
    (folder / "texts.json").write_text(json.dumps(whole_file) + "\n")


if __name__ == "__main__":
    make("policy", LlamaForCausalLM, torch.bfloat16)
    make(
        "untied",
        LlamaForCausalLM,
        torch.float16,
        tie_word_embeddings=False,
        num_key_value_heads=4,
        rope_theta=5e5,
        rms_norm_eps=1e-5,
    )
    make("prm", LlamaForTokenClassification, torch.float16, num_labels=2)
