"""The server: what it shows, and to whom."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import yarl

from itc.errors import ConfigError
from itc.report.contents import Report
from itc.report.serve import PAGE, serve
from itc.report.table import Query
from itc.runs.result import Result
from itc.runs.store import RunDirectory
from tests.console.served import inside
from tests.report.chromium import chromium
from tests.report.hostile import CORPUS
from tests.report.made import cycle, result

KEY = "a key of the tests"


def written(workspace: Path, found: Result) -> str:
    """Store a run as `itc run` does; its id."""
    run = str(found.manifest["hash"])
    with RunDirectory(workspace / "made" / "beam" / run) as directory:
        directory.write(found)
    return run


def served(
    workspace: Path,
    ask: Callable[[aiohttp.ClientSession, str], Awaitable[None]],
    *,
    key: str | None = None,
    host: str = "127.0.0.1",
) -> None:
    """Serve, ask, stop."""

    async def all_of_it() -> None:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(serve(workspace, host, 0, key, address.set_result))
        await asyncio.wait([server, address], return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            server.result()
        try:
            async with aiohttp.ClientSession() as session:
                await ask(session, address.result())
        finally:
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)

    asyncio.run(all_of_it())


async def got(session: aiohttp.ClientSession, address: str, **options: Any) -> tuple[int, str]:
    url = yarl.URL(address, encoded=True)
    async with session.get(url, allow_redirects=False, **options) as answer:
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status, await answer.text()


def test_pages_rows_and_trees(tmp_path: Path) -> None:
    found = [result(130, seed=1), result(130, seed=2, name="best_of_n")]
    ids = ",".join(written(tmp_path, f) for f in found)

    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        status, text = await got(session, address)
        assert status == 200
        assert all(f"/runs/{i}" in text for i in ids.split(","))
        status, text = await got(session, f"{address}runs/{ids}")
        assert status == 200
        assert "<script>" not in text
        assert "beam and best_of_n on made" in text
        report = Report.of([*found])
        query = "filter=wrong&search=plus&sort=cost0&descending=true&page=1&size=20"
        rows = json.loads((await got(session, f"{address}runs/{ids}/rows?{query}"))[1])
        assert rows == json.loads(json.dumps(report.table.page(Query("wrong", "plus", "cost0", True, 1, 20))))
        tree = json.loads((await got(session, f"{address}runs/{ids}/trees/1/7"))[1])
        assert tree == json.loads(json.dumps(report.tree(1, 7)))
        status, text = await got(session, f"{address}runs/{ids}/problems.csv")
        assert text == report.table.csv(Query())
        status, text = await got(session, f"{address}open?run={ids.partition(',')[0]}&run=..%2F")
        assert status == 303

    served(tmp_path, ask)


@pytest.mark.parametrize(
    "path",
    [
        "runs/nothing",
        "runs/..%2f..%2fetc%2fpasswd",
        "runs/made%2fbeam%2f00000001",
        "runs/00000001,",
        "runs/00000001/trees/9/0",
        "runs/00000001/trees/0/999999",
        "runs/00000001/trees/0/-1",
        "static/..%2fpage.py",
        "static/LICENCES.txt",
        "journal.sqlite",
        "made/beam/00000001/rows.parquet",
    ],
)
def test_runs_are_found_by_id_only(path: str, tmp_path: Path) -> None:
    written(tmp_path, result(seed=1))

    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        status, text = await got(session, address + path)
        assert status == 404
        assert str(tmp_path) not in text

    served(tmp_path, ask)


def test_only_its_own_name_is_answered(tmp_path: Path) -> None:
    written(tmp_path, result(seed=1))

    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        port = urlsplit(address).port
        for host, expected in {
            f"127.0.0.1:{port}": 200,
            f"localhost:{port}": 200,
            f"evil.example:{port}": 421,
            "evil.example": 421,
            f"127.0.0.1.evil.example:{port}": 421,
        }.items():
            assert (await got(session, address, headers={"Host": host}))[0] == expected, host
        for origin, expected in {
            address.rstrip("/"): 200,
            "http://evil.example": 403,
            "null": 403,
            f"http://localhost:{port}": 403,
        }.items():
            assert (await got(session, address, headers={"Origin": origin}))[0] == expected, origin
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            async with session.request(method, address) as answer:
                assert answer.status == 405

    served(tmp_path, ask)


def test_with_a_key_only_who_has_it(tmp_path: Path) -> None:
    written(tmp_path, result(seed=1))

    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        assert (await got(session, address))[0] == 401
        assert (await got(session, f"{address}static/report.js"))[0] == 401
        assert (await got(session, f"{address}?key=wrong"))[0] == 401
        assert (await got(session, address, headers={"Authorization": "Bearer wrong"}))[0] == 401
        assert (await got(session, address, headers={"Authorization": f"Bearer {KEY}"}))[0] == 200
        async with session.get(address, params={"key": KEY}, allow_redirects=False) as answer:
            assert answer.status == 303
            assert "key" not in answer.headers["Location"]
            cookie = answer.cookies["itc-view"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        headers = {"Cookie": f"itc-view={cookie.coded_value}"}
        assert (await got(session, address, headers=headers))[0] == 200

    served(tmp_path, ask, key=KEY)


def test_an_index_of_many_runs_has_pages(tmp_path: Path) -> None:
    ids = [written(tmp_path, result(1, seed=i)) for i in range(PAGE + 3)]
    (tmp_path / "made" / "beam" / ids[4] / "rows.parquet").write_bytes(b"damaged")

    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        first, second = [(await got(session, f"{address}?page={i}"))[1] for i in (0, 1)]
        listed = [i for i in ids if i in first or i in second]
        assert listed == ids
        assert "page 1 of 2" in first
        assert "cannot be read" in first + second

    served(tmp_path, ask)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    async def ask(session: aiohttp.ClientSession, address: str) -> None:
        raise AssertionError

    with pytest.raises(ConfigError, match="is no folder"):
        served(tmp_path / "nothing", ask)


@pytest.mark.slow
def test_hostile_runs_in_a_browser(tmp_path: Path) -> None:
    """The same script on the server's pages: it runs under its policy, and model text does not."""
    found = result(
        60,
        text=cycle(CORPUS),
        question=lambda i: CORPUS[i],
        answer=lambda j: CORPUS[j + 7],
        name=CORPUS[0],
        strategy=CORPUS[1],
        task=CORPUS[2],
    )
    other = replace(found, manifest={**found.manifest, "hash": "00000009", "name": CORPUS[3]})
    ids = ",".join((written(tmp_path, found), written(tmp_path, other)))

    async def ask(_: aiohttp.ClientSession, address: str) -> None:
        async with chromium() as tab:
            await tab.open(address, "document.querySelector('input')")
            await tab.open(f"{address}runs/{ids}")
            await tab.until("[...document.querySelectorAll('[data-chart]')].every((s) => s.dataset.drawn)")
            await tab.run("document.querySelectorAll('.turn button')[1].click()")
            await tab.until("document.querySelector('tr[data-index=\"55\"]')")
            await tab.run("document.querySelector('tr[data-index=\"55\"] button.open').click()")
            await tab.until("document.getElementById('problem').dataset.drawn === '55,0'")
            assert await tab.run("document.querySelectorAll('.tree .node').length") == 6
            assert await tab.run("window.canary === undefined")
            assert tab.complaints == []
            assert {urlsplit(r).netloc for r in tab.requests if r != "about:blank"} == {
                urlsplit(address).netloc
            }

    served(tmp_path, ask)


@contextmanager
def command(*words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "itc.cli", "view", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_command_prints_its_address_and_ends_cleanly(tmp_path: Path) -> None:
    written(tmp_path, result(seed=1))
    with command(str(tmp_path), "--port", "0", "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["address"].startswith("http://127.0.0.1:")

        async def ask() -> None:
            async with aiohttp.ClientSession() as session:
                assert (await got(session, told["address"]))[0] == 200

        asyncio.run(ask())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "--key-env"),
        (["--host", "0.0.0.0", "--key-env", "ITC_NO_SUCH_KEY"], "at least 12 characters"),
        (["--port", "70000"], "makes no sense"),
        (["a", "b"], "makes no sense"),
        (["no-such-folder"], "is no folder"),
    ],
)
def test_the_command_refuses(words: list[str], said: str, tmp_path: Path) -> None:
    ended = inside("view", *words, cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.err
