"""Install the peers, each at a pinned version into an environment of its own.

    python evals/peers/install.py [FOLDER] [-- arguments of pip]      # by default .venv-peers

optillm imports a server that names thirty packages, of which its functions for chat need those listed here:
it goes in without its dependencies, and torch with them is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-peers"


@dataclass(frozen=True)
class Peer:
    """What pip is asked for."""

    name: str
    wanted: str
    """With its dependencies unless ``alone``."""
    besides: tuple[str, ...] = ()
    alone: bool = False


PEERS = (
    Peer("its_hub", "its_hub[lm]==1.2.0"),
    Peer("treequest", "treequest==0.3.3", ("openai>=2",)),
    Peer(
        "optillm",
        "optillm==0.4.0",
        (
            *(
                "openai>=2",
                "numpy",
                "networkx",
                "flask",
                "cerebras_cloud_sdk",
                "z3-solver<=4.15.4.0",
                "sympy",
            ),
            *("pyyaml", "aiohttp", "requests", "math-verify"),
        ),
        alone=True,
    ),
)


def main(words: list[str]) -> None:
    """Make the environments that are missing."""
    own, pip = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    folder = Path(own[0]) if own else FOLDER
    for peer in PEERS:
        place = folder / peer.name
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *pip]
        if peer.besides:
            subprocess.run([*install, *peer.besides], check=True)
        subprocess.run([*install, *(["--no-deps"] if peer.alone else []), peer.wanted], check=True)
        print(f"{peer.wanted} in {place}")


if __name__ == "__main__":
    main(sys.argv[1:])
