"""A large recipe at reduced size on real vLLM, with tiny random weights in the shapes of the small ones."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.backends.vllm.shared import REAL, end
from tests.console.served import environment

pytestmark = REAL
ROOT = Path(__file__).parents[2]
CONVERT = ROOT / "recipes" / "smollm2" / "convert.py"
NAME = "particle-filtering-llama-3.2-1b"
CONTEXT = 2048
"""That of recipes/reduced.yaml."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig

    from tests.scorers.checkpoints import causal
    from tests.scorers.tiny import qwen

    made, folder = runpy.run_path(str(CONVERT)), tmp_path_factory.mktemp("weights")
    policy = causal(folder / made["POLICY"], qwen, LlamaConfig)
    # Qwen's tag is to be the new token of the converted one.
    for name in ("tokenizer.json", "tokenizer_config.json"):
        file = policy / name
        file.write_text(file.read_text().replace("<extra_0>", "<other>"))
    config = json.loads((policy / "config.json").read_text()) | {"max_position_embeddings": CONTEXT}
    (policy / "config.json").write_text(json.dumps(config))
    made["rater"](policy, folder / made["RATER"])
    return folder


def test_the_body_of_the_rater_is_that_of_the_policy(weights: Path) -> None:
    """And the step tag is one token of it, after those of the policy."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    policy, rater = sorted(weights.iterdir())
    ids = torch.arange(40).reshape(2, 20) * 7 % 400
    with torch.no_grad():
        one, other = (AutoModel.from_pretrained(p, dtype=torch.float32)(ids)[0] for p in (policy, rater))
    assert torch.allclose(one, other, atol=1e-5)
    tokenizer = Tokenizer.from_file(str(rater / "tokenizer.json"))
    tag = tokenizer.token_to_id("<extra_0>")
    assert tokenizer.encode("a<extra_0>b").ids.count(tag) == 1
    assert tag == json.loads((policy / "config.json").read_text())["vocab_size"]


def test_a_recipe_runs_whole_and_once(weights: Path, tmp_path: Path) -> None:
    """Draws, a tree search and a filter with a process reward model beside the policy; read by the recipe."""
    end()  # It starts two engines: those of the tests before it are memory that it needs.
    questions = [{"problem": f"What is {i} + {i}?", "answer": str(2 * i), "level": 1} for i in range(5)]
    (tmp_path / "bench").mkdir()
    rows = "".join(
        json.dumps({**q, "unique_id": f"u{i}", "subject": "s"}) + "\n" for i, q in enumerate(questions)
    )
    (tmp_path / "bench/math500_test.jsonl").write_text(rows)
    found = recipe(weights, tmp_path)
    assert found["error"] == ""
    assert [f["read"] for f in found["figures"]] == [
        "accuracy",
        "best-of-8 prm",
        "weighted maj@8 prm",
        "accuracy",
        "accuracy",
    ]
    # Eight draws and their ratings for each of three problems, and what the two searches add.
    assert found["new_calls"] > 3 * 8 * 2
    again = recipe(weights, tmp_path)
    assert again["new_calls"] == 0
    assert again["figures"] == found["figures"]


def recipe(weights: Path, folder: Path) -> Any:
    """What the command says of it."""
    words = ["reproduce", NAME, "--reduced", "--json", f"data={folder}", f"weights={weights}"]
    done = subprocess.run(
        [sys.executable, "-m", "itc.cli", *words],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout
    (found,) = json.loads(done.stdout)["recipes"]
    return found
