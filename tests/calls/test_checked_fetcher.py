"""Downloads for speech, from a real web server."""

import asyncio
from functools import partial
from ipaddress import ip_network

import pytest
from aiohttp import web

from onhook.calls.preparation import CheckedFetcher, download_slots
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.resolver import AddressResolver
from onhook.notify.tls import client_context
from onhook.speech.fetch import Download, FetchFailed, FetchRefused, TryLater

DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/moved":
        return web.Response(status=302, headers={"Location": "/file"})
    if request.path != "/file":
        return web.Response(status=int(request.path[1:]))
    if request.headers.get("If-Modified-Since") == DATE:
        return web.Response(status=304, headers={"Last-Modified": DATE})
    return web.Response(body=b"sound", headers={"Last-Modified": DATE})


async def _fetch(
    path: str,
    conditions: dict[str, str] | None = None,
    allowed: str = "127.0.0.0/8",
    then: str | None = None,
) -> Download:
    """The file; or what comes of `then`, asked with the file's source."""
    runner = web.ServerRunner(web.Server(_answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    resolver = AddressResolver(AddressPolicy((ip_network(allowed),)))
    try:
        async with WebClient(resolver, client_context(None)) as client:
            site = f"http://127.0.0.1:{runner.addresses[0][1]}"
            get = partial(CheckedFetcher(client).fetch, limit_bytes=1000, deadline_s=30)
            if then is None:
                return await get(f"{site}/{path}", conditions=conditions)
            source = (await get(f"{site}/{path}")).source
            return await get(f"{site}/{then}", conditions=conditions, source=source)
    finally:
        resolver.close()
        await runner.cleanup()


async def test_conditions_are_passed_on_and_headers_come_back() -> None:
    first = await _fetch("file")
    assert (first.body, first.not_modified) == (b"sound", False)
    assert first.headers["last-modified"] == DATE
    second = await _fetch("file", {"If-Modified-Since": DATE})
    assert (second.body, second.not_modified) == (b"", True)


@pytest.mark.parametrize(
    ("first", "then", "unchanged"),
    [
        ("moved", "moved", True),
        ("file", "moved", True),
        ("moved", "file", True),
        ("moved", "file?other", False),
    ],
)
async def test_conditions_go_to_where_the_file_came_from(
    first: str, then: str, unchanged: bool
) -> None:
    file = await _fetch(first, {"If-Modified-Since": DATE}, then=then)
    assert file.not_modified is unchanged


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_passing_trouble_is_told_from_an_answer(status: int) -> None:
    with pytest.raises(TryLater):
        await _fetch(str(status))


@pytest.mark.parametrize("status", [301, 304, 401, 403, 404, 410])
async def test_an_answer_about_the_file_is_final(status: int) -> None:
    with pytest.raises(FetchFailed) as raised:
        await _fetch(str(status))
    assert not isinstance(raised.value, TryLater)


async def test_a_rule_is_no_passing_trouble() -> None:
    with pytest.raises(FetchRefused):
        await _fetch("file", allowed="192.0.2.0/24")


async def test_a_server_that_hangs_does_not_take_all_the_room() -> None:
    """Otherwise nobody's recordings would be downloaded until its deadlines have passed."""
    room = download_slots(total=4, per_server=2)
    never = asyncio.Event()

    async def hang(number: int) -> None:
        async with room(f"http://192.0.2.1/{number}.wav"):
            await never.wait()

    hanging = [asyncio.create_task(hang(number)) for number in range(50)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30), room("http://192.0.2.2/a.wav"), room("not a URL"):
        pass
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
