"""The whole corpus of hostile texts through the page: without a browser, that no text becomes a part of the
document; in one, that none runs, hides or asks for anything."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from itc.report import page
from itc.report.contents import Report
from itc.report.pack import script_json
from itc.report.render import rendered, visible
from itc.runs.result import Result
from tests.hostile import FOR_PAGES, SHORT, TEXTS
from tests.report.chromium import Page
from tests.report.made import result
from tests.report.test_page import DRAWN, TREE, visit

CONTENTS = tuple(t for t in TEXTS if t.strip())


class Structure(HTMLParser):
    """Every element with the names of its attributes, and what scripts hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, ...]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._open: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self._open = dict(attrs) if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}",))
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.scripts.append((self._open, data))

    @staticmethod
    def of(text: str) -> Structure:
        found = Structure()
        found.feed(text)
        found.close()
        return found


def runs(hostile: bool) -> list[Result]:
    """Two, in which every text is either from the corpus or harmless; alike in everything else."""

    def some(i: int = 7) -> str:
        return CONTENTS[i % len(CONTENTS)] if hostile else f"text {i}"

    def named(i: int) -> str:
        # Names are a user's own, and stand in charts, where a browser draws what it is given.
        return FOR_PAGES[i] if hostile else f"name {i}"

    return [
        result(
            len(CONTENTS),
            draws=1,
            question=some,
            answer=some,
            text=lambda i, j: some(i),
            name=named(seed),
            strategy=named(seed + 12),
            model=named(30),
            seed=seed,
        )
        for seed in (1, 2)
    ]


def test_no_text_becomes_a_part_of_the_page() -> None:
    """The elements of the page are those of a page of harmless texts, in the same order."""
    pages = []
    for hostile in (False, True):
        sentences = [(SHORT[i] if hostile else f"sentence {i}") or "-" for i in range(len(SHORT))]
        pages.append(Structure.of(page.page(Report.of(runs(hostile), sentences=sentences))))
    plain, found = pages
    assert found.elements == plain.elements
    assert [attrs for attrs, _ in found.scripts] == [attrs for attrs, _ in plain.scripts]
    # What the page's own scripts are does not depend on texts.
    code = [[text for attrs, text in one.scripts if not attrs.get("type")] for one in pages]
    assert code[0] == code[1]
    assert len(code[0]) == 2


def test_what_is_packed_is_what_was_drawn() -> None:
    found = Structure.of(page.page(Report.of(runs(hostile=True), sentences=[])))
    questions: list[str] = []
    for attrs, text in found.scripts:
        if "json" in (attrs.get("type") or ""):
            json.loads(text)
        elif attrs.get("type"):
            told = json.loads(gzip.decompress(base64.b64decode(text)))
            questions += told.get("question", []) if isinstance(told, dict) else []
    assert len(questions) == len(CONTENTS)
    for shown, text in zip(questions, CONTENTS, strict=True):
        assert shown[:250] == text[:250]


@pytest.mark.parametrize("part", range(4))
def test_inside_a_script_and_an_attribute(part: int) -> None:
    """One by one: JSON in a script element, and a name in the index of a workspace."""
    for text in TEXTS[part::4]:
        held = Structure.of(f'<p><script type="application/json">{script_json({text: text})}</script></p>')
        assert held.elements == [("p",), ("script", "type"), ("/script",), ("/p",)]
        assert json.loads(held.scripts[0][1]) == {text: text}
        if len(text) > 10_000:
            continue
        assert not any(c in visible(text) for c in "\x00\x1b\x9b\u202e\u2066\u200b")
    texts = [t for t in SHORT[part::4] if t.strip()]
    one = dict.fromkeys(("task", "name", "strategy", "model", "seed", "accuracy", "tokens", "finished"), "x")
    fixed = {"broken": "", "id": "0123abcd", "problems": "3"}

    def index(texts: list[str]) -> Structure:
        rows = [{**dict.fromkeys(one, text), **fixed} for text in texts]
        rows += [{**fixed, "broken": text} for text in texts]
        told = rendered(
            "index.html.j2",
            runs=rows,
            count=len(rows),
            number=0,
            pages=1,
            workspace=texts[0] if texts else "",
        )
        return Structure.of(told)

    assert index(texts).elements == index(["x"] * len(texts)).elements


@pytest.mark.slow
def test_in_a_browser_none_of_it_runs(tmp_path: Path) -> None:
    """All of it in one page, which is loaded once: every row is shown, and every fifth tree opened."""
    path = page.write(runs(hostile=True), tmp_path / "page.html", sentences=list(SHORT))

    async def look(tab: Page) -> None:
        await tab.until(DRAWN)
        count = len(CONTENTS)
        for first in range(0, count, 50):
            if first:
                await tab.run("document.querySelectorAll('.turn button')[1].click()")
                await tab.until(f"document.querySelector('tr[data-index=\"{first}\"]')")
            for number in range(first, min(first + 50, count), 5):
                cells = f"document.querySelectorAll('tr[data-index=\"{number}\"] button.cell')"
                await tab.run(f"{cells}[0].click()")
                await tab.until(f"{TREE} === '{number},0'")
                await tab.run("document.getElementById('problem').close()")
        assert await tab.run("window.canary === undefined")
        assert await tab.run("[...document.scripts].filter((s) => s.type === '').length") == 2
        strange = "iframe, object, embed, base, img, video, math, template, animate, a[href^=javascript]"
        assert await tab.run(f"document.querySelectorAll('{strange}').length") == 0
        assert await tab.run("document.querySelectorAll('[onerror], [onload], [onfocus]').length") == 0
        leaves = "[...document.querySelectorAll('body *')].filter((e) => !e.children.length)"
        for hidden in ("\\u202e", "\\u2066", "\\u200b", "\\u001b", "\\u009b"):
            found = f"{leaves}.filter((e) => e.textContent.includes('{hidden}')).map((e) => e.tagName)"
            assert await tab.run(found) == [], hidden

    visit(path, look)
