"""Tasks: benchmarks and question files, with their prompts, answer rules and pinned content."""

from itc.tasks.base import Example, Task, content_sha256, load, loader, register_task, task_names
from itc.tasks.gsm8k import gsm8k
from itc.tasks.jsonl import jsonl
from itc.tasks.math500 import math500
from itc.tasks.processbench import processbench
from itc.tasks.recorded import recorded
from itc.tasks.svamp import svamp

from itc.tasks.chain import chain  # isort: skip

__all__ = [
    "Example",
    "Task",
    "chain",
    "content_sha256",
    "gsm8k",
    "jsonl",
    "load",
    "loader",
    "math500",
    "processbench",
    "recorded",
    "register_task",
    "svamp",
    "task_names",
]
