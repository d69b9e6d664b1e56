"""A recording as a browser asks for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from yarl import URL

from calls.recordings.conftest import KEPT_S, Kept, tone
from onhook.api.http_guard import guarded
from onhook.calls.recordings import web

PATIENCE_S = 60


class Served(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(kept: Kept, patience_s: float) -> AsyncIterator[URL]:
    config = uvicorn.Config(
        Starlette(routes=[web.route(kept.store, patience_s)]),
        port=0,
        http=guarded(lambda: None),
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = Served(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:
            await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield URL(f"http://127.0.0.1:{port}")
    server.should_exit = True
    await task


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Browser:
    def __init__(self, session: aiohttp.ClientSession, server: URL, name: str) -> None:
        self._session = session
        self._server = server
        self.name = name

    async def ask(self, path: str | None = None, method: str = "GET", **headers: str) -> Reply:
        url = str(self._server) + (path or f"/recordings/{self.name}.mp3")
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(
            method, URL(url, encoded=True), headers=fields, allow_redirects=False
        ) as reply:
            found = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(reply.status, found, await reply.read())


@pytest.fixture
async def browser(kept: Kept) -> AsyncIterator[Browser]:
    """With a finished recording of a few seconds."""
    name = kept.spool(tone(5).tobytes())
    kept.store.finish(name)
    await kept.finished(name)
    async with serving(kept, PATIENCE_S) as server, aiohttp.ClientSession() as session:
        yield Browser(session, server, name)


@pytest.fixture
def content(browser: Browser, kept: Kept) -> bytes:
    return (kept.directory / f"{browser.name}.mp3").read_bytes()


async def test_the_whole(browser: Browser, content: bytes) -> None:
    reply = await browser.ask()
    assert (reply.status, reply.body) == (200, content)
    assert reply.headers["content-type"] == "audio/mpeg"
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-length"] == str(len(content))
    assert parsedate_to_datetime(reply.headers["last-modified"])
    private, _, age = reply.headers["cache-control"].partition(", max-age=")
    assert private == "private"
    assert KEPT_S - PATIENCE_S < int(age) <= KEPT_S


async def test_its_head(browser: Browser, content: bytes) -> None:
    reply = await browser.ask(method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-100", slice(-100, None)),
        ("bytes=0-99999999", slice(0, None)),
        ("Bytes=5-9", slice(5, 10)),
    ],
)
async def test_a_range(browser: Browser, content: bytes, asked: str, part: slice) -> None:
    reply = await browser.ask(Range=asked)
    assert (reply.status, reply.body) == (206, content[part])
    first = content.index(content[part]) if part.start is None else part.indices(len(content))[0]
    last = first + len(reply.body) - 1
    assert reply.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"


async def test_two_ranges(browser: Browser, content: bytes) -> None:
    reply = await browser.ask(Range="bytes=0-9, 100-109")
    assert reply.status == 206
    assert reply.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert content[:10] in reply.body
    assert content[100:110] in reply.body


async def test_a_range_that_is_not_there(browser: Browser, content: bytes) -> None:
    reply = await browser.ask(Range=f"bytes={len(content)}-")
    assert reply.status == 416
    assert reply.headers["content-range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=a-b", "bytes=-", "frames=0-1", "bytes"])
async def test_a_range_without_sense_is_none(browser: Browser, content: bytes, asked: str) -> None:
    reply = await browser.ask(Range=asked)
    assert (reply.status, reply.body) == (200, content)


async def test_a_range_of_what_it_was(browser: Browser, content: bytes) -> None:
    """If-Range: a download that was broken off goes on only if the file is the same."""
    known = (await browser.ask()).headers
    for validator in (known["etag"], known["last-modified"]):
        assert (await browser.ask(Range="bytes=9-", If_Range=validator)).status == 206
    reply = await browser.ask(Range="bytes=9-", If_Range='"another"')
    assert (reply.status, reply.body) == (200, content)


async def test_what_the_browser_has(browser: Browser) -> None:
    tag = (await browser.ask()).headers["etag"]
    reply = await browser.ask(If_None_Match=f'"another", {tag}')
    assert (reply.status, reply.body) == (304, b"")
    assert (await browser.ask(If_None_Match='"another"')).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/recordings",
        "/recordings/",
        f"/recordings/{'a' * 32}.mp3",
        f"/recordings/{'a' * 32}",
        "/recordings/../recordings/secret.mp3",
        "/recordings/..%2f..%2fetc%2fpasswd.mp3",
        "/recordings/%2e%2e/%2e%2e/etc/passwd",
        "/recordings/%00.mp3",
        "/recordings/.mp3",
    ],
)
async def test_nothing_else_is_found(browser: Browser, path: str) -> None:
    reply = await browser.ask(path)
    assert reply.status == 404
    assert browser.name.encode() not in reply.body


async def test_not_its_spool_either(browser: Browser, kept: Kept) -> None:
    name = kept.spool(bytes(1600))
    for path in (f"/recordings/{name}.pcm", f"/recordings/{browser.name}.mp3.part"):
        assert (await browser.ask(path)).status == 404


async def test_it_cannot_be_changed(browser: Browser) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await browser.ask(method=method)).status == 405


async def test_expired(browser: Browser, kept: Kept) -> None:
    kept.later_s = KEPT_S
    assert (await browser.ask()).status == 410
    kept.store.delete_expired()
    assert (await browser.ask()).status == 404


async def test_whoever_comes_early_waits(browser: Browser, kept: Kept) -> None:
    name = kept.spool(tone(1).tobytes())
    asking = asyncio.create_task(browser.ask(f"/recordings/{name}.mp3"))
    await asyncio.sleep(0)
    kept.store.finish(name)
    assert (await asking).status == 200


async def test_but_not_for_ever(kept: Kept) -> None:
    name = kept.spool(tone(1).tobytes())
    async with serving(kept, 0.05) as server, aiohttp.ClientSession() as session:
        reply = await Browser(session, server, name).ask()
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["cache-control"] == "no-store"


def test_the_route_is_where_links_lead(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    ref = kept.store.new()
    assert URL(ref.url).path == web.route(kept.store).url_path_for(
        "recording", file=f"{ref.name}.mp3"
    )
