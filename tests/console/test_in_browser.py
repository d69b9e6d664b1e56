"""The console in Debian's Chromium: for who cannot see or use a mouse, on small screens, with many calls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from urllib.parse import quote

import aiohttp
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Dialog, Page, expect
from prometheus_client.parser import text_string_to_metric_families

from acceptance.harness import Customer, Onhook
from console.chromium import DESKTOP, NARROW, chromium, opened, paths, window
from console.conftest import SignedIn
from console.harness import PASSWORD, add_operator
from onhook.cli import trunks
from onhook.console.roles import Role
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

pytestmark = pytest.mark.slow

MANY = 500
_presses = count(1)
LAID_OUT = """[...document.querySelectorAll("#live tbody tr")]
    .filter((row) => row.cells[0].checkVisibility({contentVisibilityAuto: true})).length"""
"""How many of the rows the browser has laid out: those on the screen and around it."""


@pytest.fixture
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as one:
        yield one


async def furnished(customer: Customer) -> dict[str, str]:
    """A server with one thing of each kind, and a call that goes on: the names that stand in paths."""
    given = trunks.Given("carrier", "192.0.2.1:5060", prefix="+4930", username="me", password="x")
    await trunks.add(customer.server.data, given)
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    await call.ended()
    await customer.receiver.next(session=told["session"], call_state="ended")
    await customer.call()
    return {
        "app_id": customer.app_id,
        "number": quote(customer.number, safe=""),
        "session": told["session"],
        "operator": await add_operator(customer.server, Role.LOOK),
    }


async def test_every_page_for_everybody(
    customer: Customer, signed_in: SignedIn, browser: Chromium
) -> None:
    """Without a finding of axe in light and dark, without scrolling sideways at 320 pixels, and without a
    complaint of the browser: of the security policy, say."""
    session = await signed_in()
    names = await furnished(customer)
    found: list[str] = []
    async with window(browser, session) as one:
        for path in paths(**names):
            await one.resize(DESKTOP)
            await one.paint(dark=False)
            await one.show(path)
            found += [f"{path}: {each}" for each in await one.violations()]
            await one.paint(dark=True)
            found += [f"{path}, dark: {each}" for each in await one.violations()]
            await one.resize(NARROW)
            found += [f"{path}, narrow: {each}" for each in await one.violations()]
            wide = await one.page.evaluate("document.documentElement.scrollWidth")
            if wide > NARROW[0]:
                found.append(f"{path}: {wide} pixels wide at {NARROW[0]}")
        found += one.troubles
    assert not found, "\n".join(found)


async def press(page: Page, what: str) -> None:
    """Goes there by Tab alone, and presses Enter: again, where it was drawn anew in between."""
    hit: list[bool] = []

    def pressed(is_there: bool) -> None:
        hit.append(is_there)

    told = f"pressed{next(_presses)}"
    await page.expose_function(told, pressed)
    while not any(hit):
        await reach(page, what)
        await page.evaluate(
            "([told, what]) => document.addEventListener('keydown',"
            " (event) => window[told](event.target.matches(what)), {capture: true, once: true})",
            [told, what],
        )
        before = len(hit)
        await page.keyboard.press("Enter")
        while len(hit) == before:  # it is told of each time
            await asyncio.sleep(0.01)


async def reach(page: Page, what: str) -> None:
    """Goes there by Tab alone. A page that was drawn anew begins from its top."""
    for _ in range(150):
        if await page.evaluate(f"document.activeElement?.matches({what!r}) ?? false"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {what}")


async def test_a_call_is_hung_up_and_told_again_without_a_mouse(
    customer: Customer, signed_in: SignedIn, browser: Chromium
) -> None:
    """From the live table on, by Tab and Enter, with the question in between."""
    operator = await signed_in(Role.OPERATE)
    call, told = await customer.call()
    session = told["session"]
    async with window(browser, operator) as one:
        page, asked = one.page, []

        async def accept(dialog: Dialog) -> None:
            asked.append(dialog.message)
            await dialog.accept()

        page.on("dialog", accept)
        await one.show("/console/live")
        await page.wait_for_selector(f"a[href$='/{session}']")
        await press(page, f"a[href$='/{session}']")
        await page.wait_for_selector("#hang-up")
        await press(page, "#hang-up")
        await page.wait_for_selector("text=The call is hung up.")
        assert asked == ["The call will be hung up. Go on?"]
        await call.ended()
        await customer.receiver.next(session=session, call_state="ended")
        replay = "form[action$='/replay'] button"
        await page.wait_for_selector(replay)
        await press(page, replay)
        await page.wait_for_selector("text=The notification goes out once more.")
        assert not one.troubles


async def test_without_a_mouse(server: Onhook, customer: Customer, browser: Chromium) -> None:
    """From signing in to an application of one's own, by Tab and Enter."""
    name = await add_operator(server, Role.ADMINISTER)
    async with opened(browser, server.url) as one:
        page = one.page
        await one.show("/console/applications")
        await reach(page, "input[name=name]")
        await page.keyboard.type(name)
        await reach(page, "input[name=password]")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("h1:text('Applications')")
        await reach(page, "section form input[name=name]")
        await page.keyboard.type("by keyboard")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=it is shown only once")
        await reach(page, "main a.button")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("h1:text('by keyboard')")
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await reach(page, "form[action$='/remove'] button")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=is removed.")
        assert not one.troubles


async def cpu_s(server: Onhook) -> float:
    """What the switch has used."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as reply:
        text = await reply.text()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "onhook_process_cpu_seconds" and sample.labels["role"] == "switch":
                return sample.value
    raise AssertionError("no such figure")


async def test_five_hundred_calls_live(
    start: Callable[..., Onhook],
    receiver: Receiver,
    phone: Phone,
    signed_in: SignedIn,
    browser: Chromium,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of them are shown, each that ends goes, and the script of the page holds nothing up for long."""
    server = start(ringing_s="180", rtp_ports="20000-39999")
    customer = await Customer.make(server, receiver, phone)
    session = await signed_in(Role.LOOK, at=server)
    calls = [await phone.call(customer.number, server=server.sip) for _ in range(MANY)]
    for _ in calls:
        await receiver.next(call_state="ringing")
    before_s, idle_from_s = asyncio.get_running_loop().time(), await cpu_s(server)
    await asyncio.sleep(5)  # not to wait for anything: this long is measured
    idle = (await cpu_s(server) - idle_from_s) / (asyncio.get_running_loop().time() - before_s)
    async with window(browser, session) as one:
        await one.page.add_init_script(
            "window.longest = 0; new PerformanceObserver((list) => list.getEntries().forEach((each) => {"
            " window.longest = Math.max(window.longest, each.duration); }))"
            ".observe({type: 'longtask', buffered: true});"
        )
        await one.show("/console/live")
        rows = one.page.locator("#live tbody tr")
        await expect(rows).to_have_count(MANY, timeout=60_000)
        laid_out = await one.page.evaluate(LAID_OUT)
        await one.page.evaluate("window.longest = 0")
        before_s, looked_from_s = asyncio.get_running_loop().time(), await cpu_s(server)
        for call in calls[: MANY // 2]:
            await call.cancel()
        await expect(rows).to_have_count(MANY // 2, timeout=60_000)
        seconds = asyncio.get_running_loop().time() - before_s
        looked = (await cpu_s(server) - looked_from_s) / seconds
        longest = await one.page.evaluate("window.longest")
        assert not one.troubles
    assert 0 < laid_out < MANY / 2, "a row that is not on the screen is laid out"
    with capsys.disabled():
        print(
            f"\n{MANY} calls ring: {100 * idle:.1f} % of a core; half of them cancelled in {seconds:.1f} s"
            f" while a browser looks: {100 * looked:.1f} %; its longest task {longest:.0f} ms"
        )
    for call in calls[MANY // 2 :]:
        await call.cancel()
