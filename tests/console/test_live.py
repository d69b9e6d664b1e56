"""Calls move on the page of live calls, while somebody looks."""

import asyncio
import json
import sys
from collections.abc import Callable

import aiohttp

from acceptance.harness import Customer, Onhook
from console.conftest import SignedIn
from console.harness import Browser
from onhook.console.roles import Role


class Events:
    """The events of a stream, as a browser reads them."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply

    async def next(self) -> tuple[str, str]:
        """Its kind, and its data."""
        kind = data = ""
        while True:
            line = (await self._reply.content.readline()).decode()
            if not line:
                return "end", ""
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line.strip() and kind:
                return kind, data

    async def until(self, session: str, *, application: str, state: str) -> list[object]:
        """The row of a call once it is in this state, and the name of its application is known."""
        while True:
            kind, data = await self.next()
            assert kind in ("now", "whole", "change"), kind
            told = json.loads(data)
            for row in told["rows"] if kind != "now" else ():
                if (row[0], row[4], row[5]) == (session, application, state):
                    return list(row)

    async def until_gone(self, session: str) -> None:
        """The call is over."""
        while True:
            kind, data = await self.next()
            if kind == "change" and session in json.loads(data)["gone"]:
                return


async def test_a_call_is_seen_to_ring_to_run_and_to_end(
    signed_in: SignedIn, customer: Customer
) -> None:
    browser = await signed_in(Role.LOOK)
    reply = await browser.stream("/console/live/stream")
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = Events(reply)
    _, told = await customer.call()
    session = told["session"]
    row = await events.until(session, application="test", state="ringing")
    assert row[1] == "in"
    assert row[3] == customer.number
    page = await browser.get("/console/live")
    assert session in page.text
    assert customer.number in page.text
    await customer.hangup(session)
    await events.until_gone(session)
    reply.close()


async def test_the_top_of_a_page_says_how_the_server_is(signed_in: SignedIn) -> None:
    browser = await signed_in(Role.LOOK)
    page = await browser.get("/console/state", **{"HX-Request": "true"})
    assert page.status == 200
    assert "ready" in page.text


async def test_streams_end_for_a_reload_and_sessions_outlive_it_and_a_crash(
    start: Callable[..., Onhook], signed_in: SignedIn
) -> None:
    server = start()
    browser: Browser = await signed_in(Role.LOOK, server)
    events = Events(await browser.stream("/console/live/stream"))
    assert (await events.next())[0] == "now"
    before = server.pid("switch")
    reloading = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "reload", "--data", str(server.data))
    )
    # To its proper end: a stream that was cut off would be an error here.
    while (await events.next())[0] != "end":
        pass
    assert await reloading.wait() == 0
    assert server.pid("switch") != before
    assert (await browser.get("/console/live")).status == 200
    await server.kill_role("switch")
    assert (await browser.get("/console/live")).status == 200
