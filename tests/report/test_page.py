"""The page, opened from disk in a real browser: what it shows, what it asks for, and what it never does."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from itc.errors import ConfigError
from itc.report import page
from itc.report.contents import FILTERS, Report
from itc.report.table import Query
from itc.runs.result import Result
from tests.report.chromium import Page, binary, chromium
from tests.report.hostile import CORPUS
from tests.report.made import cycle, result
from tests.report.runs import real

pytestmark = pytest.mark.slow

DRAWN = "[...document.querySelectorAll('[data-chart]')].every((s) => s.dataset.drawn)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TREE = "document.getElementById('problem').dataset.drawn"


def visit(path: Path, look: Callable[[Page], Awaitable[None]], *, at: str = "") -> Page:
    """Open a page, look at it, and hold that nothing went wrong and nothing was asked of anyone."""
    binary()

    async def all_of_it() -> Page:
        async with chromium() as tab:
            await tab.open(path.as_uri() + at)
            await look(tab)
            return tab

    tab = asyncio.run(all_of_it())
    # A browser complains of hundreds of changes of the address in seconds, as only a test makes.
    assert [c for c in tab.complaints if not c.startswith("Throttling navigation")] == []
    foreign = {r.partition("#")[0] for r in tab.requests} - {path.as_uri(), "about:blank"}
    assert not {r for r in foreign if not r.startswith(("data:", "blob:"))}
    return tab


async def ask(tab: Page, **query: Any) -> list[int]:
    """What the page's own search finds, as numbers of problems."""
    found = await tab.run(
        "inflated ??= inflate('table').then(itc.unpackedRows), "
        f"inflated.then((rows) => itc.select(rows, {json.dumps(query)}).rows.map((r) => r.index))"
    )
    assert isinstance(found, list)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    workspace = tmp_path_factory.mktemp("runs")
    return [real(text, workspace, 6) for text in ("sample(6) >> score(prm, last)", "particle_filter(4)")]


def test_real_runs(runs: list[Result], tmp_path: Path) -> None:
    path = page.write(runs, tmp_path / "page.html")

    async def look(tab: Page) -> None:
        await tab.until(DRAWN)
        charts = await tab.run(
            "Object.fromEntries([...document.querySelectorAll('[data-chart]')].map("
            "(s) => [s.id, s.querySelectorAll('svg.marks path, svg.marks line').length]))"
        )
        assert set(charts) >= {"frontier", "scaling", "by-role", "by-stage"}
        assert all(count > 3 for count in charts.values())
        # Another axis is drawn anew.
        before = await tab.run("document.querySelector('#frontier svg.marks').textContent")
        await tab.run(
            "(() => { const s = document.querySelector('#frontier select'); s.value = 'calls'; "
            "s.dispatchEvent(new Event('change')); })()"
        )
        await tab.until(f"document.querySelector('#frontier svg.marks').textContent !== {json.dumps(before)}")
        assert "calls a problem" in await tab.run("document.querySelector('#frontier svg.marks').textContent")
        # A tree opens, by pointer and by keys.
        await tab.run("document.querySelector('tr[data-index=\"2\"] button.cell').click()")
        assert await tab.until(TREE) == "2,0"
        drawn = len(runs[0].nodes_of(runs[0].rows[2].problem))
        assert await tab.run("document.querySelectorAll('.tree .node').length") == drawn
        assert await tab.run("document.querySelectorAll('.tree polygon').length") == 1
        text = await tab.run("document.querySelector('.detail pre').textContent")
        assert text.strip() in runs[0].answers[2].text
        await tab.run("document.querySelector('.tree [tabindex=\"0\"]').focus()")
        await tab.key("Home")
        await tab.key("ArrowDown")
        assert await tab.run("document.activeElement.getAttribute('aria-selected')") == "true"
        assert await tab.run("document.activeElement.dataset.node") == "1"
        assert await tab.run("document.activeElement.getAttribute('aria-label')")
        await tab.run("document.querySelector('.runs select').focus()")
        await tab.run(
            "(() => { const s = document.querySelector('.runs select'); s.value = '1'; "
            "s.dispatchEvent(new Event('change')); })()"
        )
        await tab.until(f"{TREE} === '2,1'")
        assert await tab.run("location.hash") == "#problem=3&run=2"
        await tab.run("document.querySelector('.next').click()")
        await tab.until(f"{TREE} === '3,1'")
        await tab.key("Escape")
        await tab.until("!document.getElementById('problem').open")

    visit(path, look)


def test_a_link_to_a_problem_opens_it(runs: list[Result], tmp_path: Path) -> None:
    async def look(tab: Page) -> None:
        assert await tab.until(TREE) == "4,1"

    visit(page.write(runs, tmp_path / "page.html"), look, at="#problem=5&run=2")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_all_of_it(runs: list[Result], tmp_path: Path, dark: bool) -> None:
    path = page.write([*runs, result(6, name="x" * 60, seed=4, task="chain")], tmp_path / "page.html")

    async def look(tab: Page) -> None:
        await tab.size(390, 844, phone=True)
        await tab.dark(dark)
        await tab.open(path.as_uri())
        await tab.until(DRAWN)
        assert await tab.run(OVERFLOW) == 0
        ground = await tab.run("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(20, 21, 23)") == dark
        await tab.run("document.querySelector('button.open').click()")
        await tab.until(TREE)
        assert await tab.run(OVERFLOW) == 0
        inside = "document.querySelector('dialog .inside')"
        assert await tab.run(f"{inside}.scrollWidth - {inside}.clientWidth") == 0
        # Fingers are broader than pointers.
        heights = await tab.run(
            "[...document.querySelectorAll('.tree .touch')].map((r) => r.getBoundingClientRect().height)"
        )
        assert min(heights) >= 24

    visit(path, look)


def test_search_filters_and_pages(tmp_path: Path) -> None:
    results = [result(130, seed=1), result(130, name="best_of_n", seed=2, answer=lambda j: f"{9 + j}")]
    path = page.write(results, tmp_path / "page.html")
    table = Report.of(results).table

    async def look(tab: Page) -> None:
        assert await tab.run("document.querySelectorAll('#problems tbody tr').length") == 50
        await tab.run("document.querySelectorAll('.turn button')[1].click()")
        await tab.until("document.querySelector('#problems .told').textContent.includes('page 2 of 3')")
        await tab.run(
            "(() => { const s = document.querySelector('#problems input'); s.value = '12 PLUS'; "
            "s.dispatchEvent(new Event('input')); })()"
        )
        found = len(table.found(Query(search="12 plus")))
        assert 1 < found < 30
        await tab.until(f"document.getElementById('problems').dataset.shown === '{found}'")
        # The page and the server find the same, in the same order.
        await tab.run("globalThis.inflated = undefined")
        for chosen, _ in FILTERS:
            query = {"filter": chosen, "size": 200}
            assert await ask(tab, **query) == [x["index"] for x in table.found(Query(filter=chosen))], chosen
        for sort in ("order", "problem", "question", "level", "right", "cost0", "cost1"):
            for descending in (False, True):
                theirs = await ask(tab, sort=sort, descending=descending, size=200)
                ours = table.found(Query(sort=sort, descending=descending))
                assert theirs == [x["index"] for x in ours], (sort, descending)
        for search in ("", "7", "made/0012 3", "nothing", "PLUS 3 what"):
            assert await ask(tab, search=search, size=200) == [
                x["index"] for x in table.found(Query(search=search))
            ]

        text = await tab.run(
            "inflated.then((rows) => itc.csv(itc.parsed('data'), itc.select(rows, { size: 200 }).all))"
        )
        theirs, ours = (list(csv.reader(io.StringIO(t))) for t in (text, table.csv(Query())))
        assert [numbers(line) for line in theirs] == [numbers(line) for line in ours]

    visit(path, look)


def numbers(line: list[str]) -> list[str | float]:
    """Cells with numbers by their value."""
    return [float(cell) if cell.replace(".", "", 1).isdigit() else cell for cell in line]


def test_hostile_text_is_text(tmp_path: Path) -> None:
    """A corpus as question, answer, step, stage, level, run name: none of it runs."""
    text = cycle(CORPUS)
    results = [
        result(
            len(CORPUS),
            text=text,
            question=lambda i: CORPUS[i],
            answer=lambda j: CORPUS[(j * 5) % len(CORPUS)],
            name=CORPUS[seed],
            strategy=CORPUS[seed + 1],
            model=CORPUS[2],
            seed=seed,
        )
        for seed in (1, 5)
    ]
    path = page.write(results, tmp_path / "page.html", sentences=list(CORPUS[:40]))
    raw = path.read_text(encoding="utf-8")
    assert raw.lower().count("<script") == raw.lower().count("</script>")

    async def look(tab: Page) -> None:
        await tab.until(DRAWN)
        scripts = await tab.run("[...document.scripts].filter((s) => s.type === '').length")
        assert scripts == 2
        for number in range(len(CORPUS)):
            if number and number % 50 == 0:
                await tab.run("document.querySelectorAll('.turn button')[1].click()")
                await tab.until(f"document.querySelector('tr[data-index=\"{number}\"]')")
            cells = f"document.querySelectorAll('tr[data-index=\"{number}\"] button.cell')"
            await tab.run(f"{cells}[{number % 2}].click()")
            await tab.until(f"{TREE} === '{number},{number % 2}'")
            hidden = "/[\\0\\b\\x1b\\u2028\\u202e\\u2066]/.test(document.querySelector('{}').textContent)"
            for place in ("main", "dialog"):
                assert not await tab.run(hidden.format(place)), (number, place)
            await tab.run("document.getElementById('problem').close()")
        await tab.run("[...document.querySelectorAll('details')].forEach((d) => { d.open = true; })")
        # Hovering shows texts of the charts too.
        await tab.run(
            "[...document.querySelectorAll('svg.marks path')].slice(0, 60).forEach((p) => "
            "p.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX: 5, clientY: 5 })))"
        )
        text = await tab.run("inflate('table').then((t) => itc.csv(itc.parsed('data'), itc.unpackedRows(t)))")
        assert not [
            cell
            for line in csv.reader(io.StringIO(text, newline=""))
            for cell in line
            if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        ]
        assert await tab.run("window.canary === undefined")
        strange = (
            "iframe, object, embed, base, form:not(.vega-bindings), img, video, math, template, animate, "
            "a[href^=javascript]"
        )
        assert await tab.run(f"document.querySelectorAll('{strange}').length") == 0
        assert (
            await tab.run("document.querySelectorAll('[onerror], [onload], [onfocus], [ontoggle]').length")
            == 0
        )

    visit(path, look)


def test_what_is_too_large_is_left_out_and_said(tmp_path: Path) -> None:
    found = result(40, draws=4, text=lambda i, j: f"{i * 7919 + j} " * 400)
    whole, small = page.page(Report.of([found])), page.page(Report.of([found]), most=4_000)
    assert len(small) < len(whole)
    assert "trees were left out" in small
    assert "trees were left out" not in whole
    path = tmp_path / "small.html"
    path.write_text(small, encoding="utf-8")

    async def look(tab: Page) -> None:
        await tab.run("document.querySelectorAll('button.open')[39].click()")
        await tab.until("document.querySelector('.question').textContent.includes('left out of the page')")

    visit(path, look)


def test_the_same_runs_make_the_same_page(tmp_path: Path) -> None:
    found = [result(), result(seed=1)]
    first, second = (page.write(found, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No axis of compute is called 'token'"):
        page.write([result()], tmp_path / "page.html", "token")
    with pytest.raises(ConfigError, match="at least one run"):
        page.write([], tmp_path / "page.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="Choose another place"):
        page.write([result()], tmp_path / "file" / "page.html")


def test_runs_without_gold_answers(tmp_path: Path) -> None:
    found = result(5)
    rows = [replace(r, gold=None, correct=None, oracle=None, level="") for r in found.rows]
    finals = [replace(c, correct=None) for c in found.candidates]
    path = page.write([Result(rows, finals, found.nodes, found.manifest)], tmp_path / "page.html")

    async def look(tab: Page) -> None:
        await tab.until(DRAWN)
        assert await tab.run("document.getElementById('frontier')") is None
        assert await tab.run("[...document.querySelectorAll('#problems select option')].length") == 2

    visit(path, look)
