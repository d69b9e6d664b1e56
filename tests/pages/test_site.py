"""The site as ``make site`` builds it: small, whole, and at home under the server's policy."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest
import uvicorn
from playwright.async_api import Request as Asked
from playwright.async_api import expect
from starlette.applications import Starlette

from console.chromium import NARROW, Window, chromium, opened
from onhook.api import docs_site, pages
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES
from pages.reading import ROOT

pytestmark = pytest.mark.slow

MOST_BYTES = 2 * 2**20
"""Of the site as a wheel has it."""
GUIDE = "/docs/guide/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    target = tmp_path_factory.mktemp("site") / "guide"
    command = [sys.executable, "scripts/build_site.py", "--to", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    yield target
    shutil.rmtree(target)


class Reader(HTMLParser):
    """What a page leads to, what can be led to in it, and what it has in itself that should be in a file."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


def test_every_link_of_the_site_works(site: Path) -> None:
    read = {page.relative_to(site).as_posix(): Reader(page) for page in site.rglob("*.html")}
    served = {page.path for page in docs_site.pages(BLOCKS, "/", NOTICES, ENDPOINTS)}
    broken = []
    for page, one in read.items():
        for link in one.links:
            if re.match(r"(https?|mailto|data):", link):
                continue
            path, _, anchor = urljoin(f"{GUIDE}{page}", link).partition("#")
            within = unquote(path.partition("?")[0]).removeprefix(GUIDE)
            there = (site / within).is_file() if not within.startswith("/") else within in served
            if not there or (anchor and within in read and unquote(anchor) not in read[within].ids):
                broken.append(f"{page}: {link}")
    assert len(read) > 60
    assert not broken


def test_no_page_has_a_script_or_a_style_in_itself(site: Path) -> None:
    assert not {page.name: found for page in site.rglob("*.html") if (found := Reader(page).inline)}


def test_it_makes_a_wheel_little_larger(site: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "site"), "zip", site)
    assert Path(packed).stat().st_size < MOST_BYTES


def test_the_licences_of_what_it_has_are_in_it(site: Path) -> None:
    for whose in ("furo", "sphinx", "snowballstemmer"):
        text = (site / "_static" / f"{whose}.LICENSE.txt").read_text(encoding="utf-8")
        assert "WITHOUT WARRANTY" in text or "AS IS" in text


@pytest.fixture
async def window(site: Path) -> AsyncIterator[Window]:
    """A browser at the routes of a server that has the site."""
    app = Starlette(routes=pages.routes(guide_directory=site))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with chromium() as browser, opened(browser, f"http://127.0.0.1:{port}") as one:
        yield one
    server.should_exit = True
    await serving


async def test_a_browser_has_nothing_to_complain_of_and_asks_nobody_else(
    window: Window, site: Path
) -> None:
    asked: list[str] = []

    def note(request: Asked) -> None:
        asked.append(request.url)

    window.page.on("request", note)
    for page in ("index.html", "tutorial.html", "webhooks.html", "lists/commands.html"):
        assert (site / page).is_file()
        await window.show(f"{GUIDE}{page}")
    await window.page.locator(".theme-toggle").locator("visible=true").first.click()
    await expect(window.page.locator("body")).to_have_attribute(
        "data-theme", re.compile("dark|light")
    )
    await window.resize(NARROW)
    assert await window.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    assert not window.troubles
    own = window.page.url.partition(GUIDE)[0]
    assert len(asked) > 10
    assert not [url for url in asked if not url.startswith((own, "data:"))]


async def test_the_search_finds_pages_by_their_words(window: Window) -> None:
    await window.show(GUIDE)
    await window.page.locator("input.sidebar-search").fill("overdraw")
    await window.page.keyboard.press("Enter")
    found = window.page.locator('#search-results a[href*="promises.html"]')
    await expect(found.first).to_be_visible()
    assert not window.troubles


async def test_the_guide_and_the_reference_lead_to_one_another(window: Window) -> None:
    await window.show("/docs")
    await window.page.get_by_role("link", name="Tutorial and guide", exact=True).click()
    await window.page.wait_for_url(f"**{GUIDE}")
    await window.page.get_by_role("link", name="This server's API").click()
    await window.page.wait_for_url("**/docs")
    assert not window.troubles
