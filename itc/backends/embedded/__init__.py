"""A language model and a reward model in process: numpy alone, batched continuously, prefixes shared.

    weights.py    config.json and safetensors
    tokenizer.py  tokenizer.json
    tiles.py      matrix products that do not depend on the batch
    cache.py      slots of live sequences, and the tree of prefixes
    model.py      the forward pass
    sampler.py    logits to tokens
    draw.py       one request on its way
    engine.py     the loop
    backend.py    the Backend protocol

Start reading at engine.py.
"""

from itc.backends.embedded.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]
