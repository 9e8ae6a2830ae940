"""What of the comparison with peers is ours: what is counted, what is served, and what a table says."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from itc.backends.base import Request
from itc.backends.embedded import EmbeddedBackend
from itc.backends.embedded.backend import MODELS
from itc.keys import Key
from itc.tasks import load as load_task
from itc.testing.fault_server import FaultServer
from itc.testing.faults import Fault

PEERS = Path(__file__).parents[2] / "evals" / "peers"
NAMES = ("serving", "proxy", "server", "contestants", "tables", "install")


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, ModuleType]]:
    """Scripts, which are no package: their folder is on the path while they are imported."""
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    sys.path.insert(0, str(PEERS))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(PEERS))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def awaited(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **given: Any) -> None:
        asyncio.run(test(*args, **given))

    return run


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def body(i: int, stream: bool) -> dict[str, Any]:
    asked = {
        "model": "toy",
        "prompt": f"How many are {i} and {i}?",
        "n": 1 + i % 3,
        "seed": i,
        "max_tokens": 20,
    }
    return asked | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


@pytest.mark.parametrize("stream", [False, True])
@awaited
async def test_what_the_proxy_counts_is_in_the_books_of_the_server(
    peers: dict[str, ModuleType], stream: bool
) -> None:
    async with FaultServer() as server, aiohttp.ClientSession() as session:
        server.call_seconds = 0.02
        counting = peers["proxy"].Proxy(server.base_url.removesuffix("/v1"))
        async with listening(counting.app()) as address:

            async def post(name: str, i: int) -> tuple[int, bytes]:
                url = f"{address}/{name}/v1/completions"
                async with session.post(url, json=body(i, stream)) as reply:
                    return reply.status, await reply.read()

            first = await asyncio.gather(*(post("one", i) for i in range(12)))
            alone = server.billed
            await asyncio.gather(*(post("other", i) for i in range(5)))
            async with session.get(f"{address}/-/books") as reply:
                books = await reply.json()
        assert {status for status, _ in first} == {200}
        one, other = (books[name]["roles"][peers["proxy"].DRAWS] for name in ("one", "other"))
        assert (one["calls"], one["prompt"], one["cached"], one["completion"]) == alone
        both = [one[k] + other[k] for k in ("calls", "prompt", "cached", "completion")]
        assert tuple(both) == server.billed
        assert one["peak"] == server.most_in_flight == 12
        assert one["in_flight"] == one["failed"] == 0


@awaited
async def test_a_call_that_fails_is_counted_as_failed_and_the_reply_is_the_servers(
    peers: dict[str, ModuleType],
) -> None:
    async with FaultServer() as server, aiohttp.ClientSession() as session:
        server.misbehave(Fault("status", status=503), None)
        async with listening(peers["proxy"].Proxy(server.base_url.removesuffix("/v1")).app()) as address:
            statuses = []
            for i in range(2):
                async with session.post(f"{address}/one/v1/completions", json=body(i, False)) as reply:
                    statuses.append(reply.status)
            async with session.get(f"{address}/-/books") as reply:
                book = (await reply.json())["one"]["roles"][peers["proxy"].DRAWS]
    assert statuses == [503, 200]
    assert (book["calls"], book["failed"]) == (2, 1)


@awaited
async def test_the_server_draws_and_rates_as_the_embedded_models_do(peers: dict[str, ModuleType]) -> None:
    problem = load_task("chain", problems=1, split="dev").examples[0].problem
    async with listening(peers["server"].Server().app()) as address, aiohttp.ClientSession() as session:

        async def post(path: str, **asked: Any) -> dict[str, Any]:
            async with session.post(f"{address}{path}", json=asked) as reply:
                assert reply.status == 200, await reply.text()
                found: dict[str, Any] = await reply.json()
                return found

        drawn = await post("/v1/completions", prompt=problem.prompt, n=3, seed=5, return_token_ids=True)
        line = await post("/v1/completions", prompt=problem.prompt, seed=5, stop=["\n", "\nQuestion:"])
        turns = [{"role": "user", "content": problem.prompt}, {"role": "assistant", "content": " Paul"}]
        chat = await post("/v1/chat/completions", messages=turns, seed=5, continue_final_message=True)
        same = await post("/v1/completions", prompt=problem.prompt + " Paul", seed=5)
        text = drawn["choices"][0]["text"]
        rated = await post("/pooling", input=f"{problem.prompt}{text}\n", task="classify")
    policy, prm = EmbeddedBackend("policy"), EmbeddedBackend("prm")
    request = Request(problem.prompt, Key("seed", 5).fold(0), max_tokens=256)
    steps = tuple(text.splitlines(keepends=True))
    expected = await policy.generate(request)
    scores = (await prm.generate(Request(problem.question, Key(), max_tokens=0, score_steps=steps))).scores
    await policy.close()
    await prm.close()
    assert text == expected.text
    assert drawn["usage"]["completion_tokens"] == sum(len(c["token_ids"]) for c in drawn["choices"])
    assert line["choices"][0]["text"] == text.split("\n")[0]
    assert line["choices"][0]["stop_reason"] == "\n"
    assert chat["choices"][0]["message"]["content"] == same["choices"][0]["text"]
    assert rated["data"][0]["data"][1] == pytest.approx(scores[-1], abs=1e-9)


def test_the_reward_model_is_read_by_token_ids_as_by_text(peers: dict[str, ModuleType]) -> None:
    tokens = pytest.importorskip("itc.backends.tokens").Tokens.read(MODELS / "prm")
    text = "Question: Sam has 3 nuts.\nAnswer: Sam has 3 + 4 = 7 nuts.\n"

    async def both() -> tuple[Any, Any]:
        async with listening(peers["server"].Server().app()) as address, aiohttp.ClientSession() as session:
            found = []
            for given, task in ((text, "classify"), (list(tokens.encode(text)), "token_classify")):
                async with session.post(f"{address}/pooling", json={"input": given, "task": task}) as reply:
                    found.append((await reply.json())["data"][0]["data"])
            return found[0], found[1]

    whole, each = asyncio.run(both())
    assert len(each) == len(tokens.encode(text))
    assert each[-1] == pytest.approx(whole)


def turn(peers: dict[str, ModuleType], peer: str, seconds: float, **of: Any) -> Any:
    book = {"calls": 10, "prompt": 100, "cached": 50, "completion": 200, "peak": 4}
    given = {"mode": "together", "right": 5, "problems": 10, "cpu": 0.5, "draws": book, "ratings": book} | of
    return peers["tables"].Turn(peer=peer, method="beam", seconds=seconds, **given)


def test_a_line_is_the_median_of_its_rounds_and_a_ratio_that_of_medians(peers: dict[str, ModuleType]) -> None:
    more = {"calls": 30, "prompt": 400, "cached": 0, "completion": 200, "peak": 9}
    turns = [turn(peers, "itc", s) for s in (2.0, 1.0, 9.0)]
    turns += [turn(peers, "other", s, draws=more, right=r) for s, r in ((4.0, 4), (8.0, 8), (6.0, 6))]
    text = peers["tables"].table(turns)
    head, _, ours, theirs = (
        [cell.strip() for cell in row.strip("|").split("|")] for row in text.strip().split("\n")
    )
    assert len(head) == len(ours) == len(theirs)
    ours_by, by = dict(zip(head, ours, strict=True)), dict(zip(head, theirs, strict=True))
    assert by["right %"] == "60.0"
    assert by["calls × ours"] == "2.00"
    assert by["tokens × ours"] == "1.50"
    assert by["seconds"] == "6.0 [4.0, 8.0]"
    assert ours_by["seconds"] == "2.0 [1.0, 9.0]"
    assert by["× ours"] == "3.00"


def test_every_contestant_has_a_driver_a_name_of_its_own_and_one_of_ours_to_be_compared_with(
    peers: dict[str, ModuleType],
) -> None:
    known = {p.name for p in peers["install"].PEERS}
    for setting in peers["contestants"].SETTINGS.values():
        names = [c.name for c in setting.contestants]
        assert len(names) == len(set(names))
        ours = {c.method for c in setting.contestants if c.peer == "itc"}
        for one in setting.contestants:
            assert (peers["contestants"].DRIVERS / f"run_{one.peer}.py").is_file()
            assert one.method in ours
            assert one.peer in known | {"itc"}
