"""Debian's Chromium at the console: with a session, in light or dark, on a desktop or a phone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser as Chromium
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from console.harness import Browser

EXECUTABLE: Final = "/usr/bin/chromium"
AXE: Final = Path(__file__).parents[2] / "build/clients/node_modules/axe-core/axe.min.js"
DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 844)
NARROW: Final = (320, 640)
_PATIENCE_MS: Final = 120_000


@dataclass
class Window:
    """A page of a browser, and what went wrong in it."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    async def show(self, path: str) -> None:
        """Goes there; it is drawn when this returns."""
        await self.page.goto(path, wait_until="domcontentloaded")
        await self.page.wait_for_selector("h1, #main")

    async def resize(self, size: tuple[int, int]) -> None:
        """Another screen."""
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    async def paint(self, *, dark: bool) -> None:
        """As somebody has it who prefers light, or dark."""
        await self.page.emulate_media(color_scheme="dark" if dark else "light")

    async def violations(self) -> list[str]:
        """What axe finds on the page of now: the rule and where."""
        await self.page.evaluate(AXE.read_text())
        found: Mapping[str, Any] = await self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """The browser, without a window."""
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=EXECUTABLE,
            args=["--no-sandbox", "--disable-gpu"],
            timeout=_PATIENCE_MS,
        )
        yield launched
        await launched.close()


@asynccontextmanager
async def window(
    browser: Chromium, signed_in: Browser, *, size: tuple[int, int] = DESKTOP
) -> AsyncIterator[Window]:
    """A page with the session of somebody who has signed in."""
    async with opened(browser, signed_in.url, size=size) as one:
        cookies = [
            {"name": name, "value": value, "url": signed_in.url}
            for name, value in signed_in.cookies.items()
        ]
        await one.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        yield one


@asynccontextmanager
async def opened(
    browser: Chromium, url: str, *, size: tuple[int, int] = DESKTOP
) -> AsyncIterator[Window]:
    """A page without a session. What the browser complains of is in its ``troubles``."""
    context = await browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="light",
        reduced_motion="reduce",
        timezone_id="Asia/Singapore",
    )
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    made = Window(page)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            made.troubles.append(f"{page.url}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: made.troubles.append(f"{page.url}: {error}"))
    yield made
    await context.close()


def paths(**names: str) -> Sequence[str]:
    """Every page of the console that a person looks at, with these names of things in its path."""
    from onhook.console.table import PAGES

    shown = [one.path for one in PAGES if one.method == "GET" and not one.by_itself]
    skipped = ("/console", "/console/static/{name}", "/console/recordings/{name}.svg")
    found = [one for one in shown if one not in skipped]
    return [one.format_map({**_NAMES, **names}) for one in found]


_NAMES: Final = {"account": "main", "name": "carrier", "operator": "mei"}
