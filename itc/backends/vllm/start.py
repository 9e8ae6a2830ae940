"""Starting an engine of vLLM: its arguments, its environment while it starts, and why it did not."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc.backends.vllm import orphans
from itc.backends.vllm.load import Gauge, logger_of
from itc.backends.vllm.settings import VLLMConfig
from itc.errors import ConfigError, Unreachable

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

CPU_BLOCK = 32
_ONE_AT_A_TIME = threading.Lock()
_ERROR = re.compile(r"^(?:[\w.]*\.)?(\w*(?:Error|Exception)): (.+)$", re.MULTILINE)
_GENERIC = ("initialization failed", "WorkerProc", "EngineDeadError")
_MEMORY = re.compile(r"memory|KV cache|cache blocks", re.IGNORECASE)


class Guard:
    """Ends processes when this one ends, however it does, or lets go of them."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a script of ours
            [sys.executable, "-I", orphans.__file__, *(f"{pid}={orphans.begun(pid)}" for pid in pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for those that clean up.
            start_new_session=True,
        )

    def release(self) -> None:
        """End what is left of them."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def started(
    config: VLLMConfig, job: str, gauge: Gauge, log: Path, abandoned: threading.Event
) -> tuple[AsyncLLM, Guard]:
    """The engine, running, its processes writing into ``log``, and what ends them should this one be killed.
    Blocks for as long as it takes; shuts it down again if ``abandoned`` by then.

    ConfigError when vLLM is not installed or the settings cannot work; Unreachable when the machine has not
    what they need.
    """
    with _ONE_AT_A_TIME, _environment(_variables(config, log)):
        arguments, engine = _imported()
        _check_device(config)
        before = _engines()
        try:
            llm: AsyncLLM = engine.from_engine_args(
                arguments(**_arguments(config, job)), stat_loggers=[logger_of(gauge)]
            )
        except Exception as error:  # whatever vLLM and its processes may raise while they start
            raise _explained(error, log, config) from error
        guard = Guard(_engines() - before)
    if abandoned.is_set():
        llm.shutdown()
        guard.release()
    return llm, guard


def _engines() -> set[int]:
    """Process ids of the engines of vLLM in this process's care."""
    return {p.pid for p in multiprocessing.active_children() if p.pid and "EngineCore" in p.name}


def _imported() -> tuple[Any, Any]:
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM
    except ImportError as error:
        raise ConfigError(
            f"model.backend=vllm needs vLLM, which cannot be imported ({error}): pip install 'itc[vllm]'."
        ) from None
    return AsyncEngineArgs, AsyncLLM


def _check_device(config: VLLMConfig) -> None:
    from vllm.platforms import current_platform

    if current_platform.is_cpu() and config.batch_invariant:
        raise ConfigError(
            "model.batch_invariant=true: vLLM has no batch-invariant kernels for CPUs. Set it to false; with "
            "model.dtype=float32 draws differ little (see docs/vllm.md)."
        )
    if current_platform.is_cpu() and config.devices:
        raise ConfigError(
            f"model.devices={list(config.devices)}: this vLLM runs on the CPU. Expected an empty list."
        )


def _arguments(config: VLLMConfig, job: str) -> dict[str, Any]:
    from vllm.platforms import current_platform

    folder, block, on_cpu = Path(config.model).expanduser(), config.block_size, current_platform.is_cpu()
    if block is None and on_cpu:
        block = CPU_BLOCK
    made: dict[str, Any] = {
        "model": str(folder) if folder.is_dir() else config.model,
        "revision": config.revision or None,
        "dtype": config.dtype,
        "load_format": config.load_format,
        "max_logprobs": config.max_logprobs,
        "gpu_memory_utilization": config.memory_fraction,
        "enforce_eager": config.enforce_eager,
        "enable_prefix_caching": True,
        "tensor_parallel_size": max(1, len(config.devices)),
        "runner": "generate" if job == "generate" else "pooling",
        "seed": 0,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "trust_remote_code": False,
    }
    for name in ("max_model_len", "max_num_seqs"):
        if (value := getattr(config, name)) is not None:
            made[name] = value
    if block is not None:
        made["block_size"] = block
    if on_cpu:
        # A draw with a seed whose prompt is split over two steps ends vLLM's engine on a CPU, whose random
        # generators cannot be wound back.
        made["enable_chunked_prefill"] = False
    if job != "generate":
        from vllm.config import PoolerConfig

        # With every token read, not only those of a step, vLLM lets prefixes be reused.
        made["pooler_config"] = PoolerConfig(task=job, tok_pooling_type="ALL")
    return made


def _variables(config: VLLMConfig, log: Path) -> dict[str, str]:
    """What the engine's processes are to find in their environment."""
    made = {"VLLM_NO_USAGE_STATS": os.environ.get("VLLM_NO_USAGE_STATS", "1")}
    made["VLLM_BATCH_INVARIANT"] = "1" if config.batch_invariant else "0"
    if config.devices:
        made["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, config.devices))
    if not {"VLLM_LOGGING_CONFIG_PATH", "VLLM_LOGGING_LEVEL", "VLLM_CONFIGURE_LOGGING"} & os.environ.keys():
        # Its processes write their reasons here and nothing into the terminal, which is the caller's.
        made["VLLM_LOGGING_CONFIG_PATH"] = str(log.with_name("logging.json"))
        Path(made["VLLM_LOGGING_CONFIG_PATH"]).write_text(json.dumps(_logging(log)))
    return made


def _logging(log: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(log),
                "formatter": "plain",
                "delay": True,
            }
        },
        "loggers": {"vllm": {"handlers": ["file"], "level": "WARNING", "propagate": False}},
    }


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def cause(log: Path) -> str:
    """The first error that an engine's processes have written into ``log``; '' for none."""
    told = log.read_text(errors="replace") if log.exists() else ""
    causes = [f"{kind}: {text}" for kind, text in _ERROR.findall(told)]
    return next((c for c in causes if not any(word in c for word in _GENERIC)), "")


def _explained(error: Exception, log: Path, config: VLLMConfig) -> ConfigError | Unreachable:
    why = cause(log) or f"{type(error).__name__}: {error}"
    asked = (
        f"memory_fraction={config.memory_fraction}, max_model_len={config.max_model_len}, "
        f"max_num_seqs={config.max_num_seqs}, dtype={config.dtype}"
    )
    if _MEMORY.search(why):
        return Unreachable(
            f"{config.model} does not fit: {why} Asked for {asked}. Lower model.max_model_len or "
            f"model.max_num_seqs where the KV cache is too small; change model.memory_fraction where it asks "
            f"for more than is free or leaves too little; or end what else holds the memory."
        )
    return ConfigError(f"vLLM did not start {config.model} ({asked}): {why}")
