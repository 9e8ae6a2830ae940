"""``itc view``: the reports of a workspace, in a browser on this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from itc.console.interrupts import Interruptible
from itc.console.options import Options
from itc.console.terminal import emit, say
from itc.errors import EXIT_INTERRUPTED, ConfigError
from itc.report.guard import LOOPBACK
from itc.report.serve import serve

_EXPECTED = "Expected itc view [WORKSPACE] [--port N] [--host ADDRESS --key-env NAME] [--json]."


def view(words: list[str]) -> int:
    """Serve until interrupted. The exit code."""
    options = _options(words)
    key = _key(options.host, options.key_env)

    def started(address: str) -> None:
        if options.json:
            emit({"address": address, "workspace": options.workspace})
        else:
            say(f"{options.workspace} at {address}" + ("?key=…" if key else "") + "   Ctrl-C ends it.")

    with Interruptible().installed() as signals:
        try:
            signals.run(serve(Path(options.workspace), options.host, options.port, key, started))
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = Options("view", _EXPECTED)
    parser.add("workspace", nargs="?", default="runs")
    parser.add("--port", type=int, default=7007)
    parser.add("--host", default="127.0.0.1")
    parser.add("--key-env", default="")
    options = parser.read(words)
    if not 0 <= options.port <= 65535:
        raise parser.wrong(f"--port {options.port}")
    return options


def _key(host: str, name: str) -> str | None:
    """The key that readers must have; none is needed where only this machine can ask."""
    key = os.environ.get(name, "") if name else ""
    if name and len(key) < 12:
        raise ConfigError(
            f"--key-env {name}: expected an environment variable with at least 12 characters in it. "
            "Try: export " + name + "=$(openssl rand -hex 16)"
        )
    if not key and host not in LOOPBACK:
        raise ConfigError(
            f"--host {host} would show the runs to whoever reaches this machine. Name an environment "
            "variable that holds a key with --key-env, or stay with 127.0.0.1 and forward the port over ssh."
        )
    return key or None
