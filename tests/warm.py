"""Python texts, each run in a process of its own that has imported what most of them need already.

A text is a line of JSON on standard input, {"text", "cwd", "told"}; its exit code is a line of output.
What it prints goes to the file ``told``.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

for name in ("itc.api", "itc.library", "itc.config", "itc.runs.runner"):
    import_module(name)

for line in sys.stdin:
    asked = json.loads(line)
    if pid := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.chdir(asked["cwd"])
    told = os.open(asked["told"], os.O_WRONLY | os.O_CREAT)
    for stream in (0, 1, 2):
        os.dup2(told if stream else os.open(os.devnull, os.O_RDONLY), stream)
    exec(compile(asked["text"], "<block>", "exec"), globals())
    break
