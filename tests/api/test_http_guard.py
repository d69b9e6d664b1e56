"""The HTTP port under people who do not mean to ask anything."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from onhook.api.http_guard import (
    MAX_HEADER_LINES,
    MAX_PIPELINED,
    MAX_REQUEST_BYTES,
    guarded,
)

PATIENCE_S = 60
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


@dataclass
class Guarded:
    port: int
    refused: int = 0
    served: int = 0
    release: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """A request has arrived."""
    chunk: bytes = b"ok"
    chunks: int = 1
    more: asyncio.Event | None = None
    """When the rest of the reply, behind its first chunk, is said."""

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        if self.release is not None:
            await self.release.wait()
        self.served += 1
        headers = [(b"content-length", b"%d" % (len(self.chunk) * self.chunks))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left in reversed(range(self.chunks)):
            await send({"type": "http.response.body", "body": self.chunk, "more_body": left > 0})
            if self.more is not None:
                await self.more.wait()

    def refuse(self) -> None:
        self.refused += 1

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, *chunks: bytes) -> bytes:
        """What comes back until the other side ends the connection."""
        reader, writer = await self.open()
        try:
            async with asyncio.timeout(PATIENCE_S):
                try:
                    for chunk in chunks:
                        writer.write(chunk)
                        await writer.drain()
                    return await reader.read()
                except ConnectionError:
                    return b""
        finally:
            writer.close()


class Served(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(progress_s: float = 60.0) -> AsyncIterator[Guarded]:
    one = Guarded(0)
    config = uvicorn.Config(
        one.application,
        interface="asgi3",
        port=0,
        http=guarded(one.refuse, progress_s=progress_s),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = Served(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    one.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.should_exit = True
        await task


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "uvicorn.error")


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (POST, b"x: yyyyyyyy\r\n" * 1000),
        (POST + b"x: ", b"y" * 65536),
        (b"GET /?", b"y" * 65536),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: yyyyyyyy\r\n" * 1000),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x=yyyyyyyy;" * 1000),
        (POST + b"Content-Length: 99999999999\r\n\r\n", b"y" * 65536),
    ],
    ids=["headers", "header", "target", "trailers", "extensions", "body"],
)
async def test_what_has_no_end_is_cut_off(begin: bytes, more: bytes) -> None:
    """Each of these once took memory for as long as somebody sent."""
    async with listening() as one:
        await one.talk(begin, *[more] * (2 * MAX_REQUEST_BYTES // len(more)))
        assert one.refused


async def test_limits_leave_room_for_the_longest_request() -> None:
    lines = (b"x: " + b"y" * 600 + b"\r\n") * (MAX_HEADER_LINES - 2)
    target = b"/?" + b"y" * 65_000  # the parser of targets ends at 65,535
    head = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + lines + b"\r\n"
    async with listening() as one:
        assert (await one.talk(head)).startswith(b"HTTP/1.1 200 ")
        assert (one.served, one.refused) == (1, 0)


@pytest.mark.parametrize("lines", [MAX_HEADER_LINES + 1, 10_000])
async def test_too_many_header_lines(lines: int) -> None:
    async with listening() as one:
        reply = await one.talk(POST + b"x: y\r\n" * lines + b"\r\n")
        assert reply[:12] == b"HTTP/1.1 400", "what came behind the refused lines was not read"
        assert (one.served, one.refused) == (0, 1)


@pytest.mark.parametrize(
    "half", [b"", b"PO", POST, POST + b"Content-Length: 9\r\n\r\nab"], ids=range(4)
)
async def test_half_a_request_does_not_hold_a_connection(half: bytes) -> None:
    async with listening(progress_s=0.1) as one:
        assert not (await one.talk(half)).startswith(b"HTTP/1.1 4")
        assert one.refused == 1


async def test_who_waits_for_us_is_left_alone() -> None:
    async with listening(progress_s=0.3) as one:
        one.release = asyncio.Event()
        reader, writer = await one.open()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await one.asked.wait()
        await asyncio.sleep(1.0)
        assert one.refused == 0
        one.release.set()
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.read()).endswith(b"ok")
        writer.close()


async def test_who_reads_all_that_we_say_may_wait_for_more() -> None:
    """A stream of events, on which nothing happens for a while."""
    async with listening(progress_s=0.3) as one:
        one.more, one.chunks = asyncio.Event(), 2
        reader, writer = await one.open()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.readuntil(b"\r\n\r\nok")
        await asyncio.sleep(1.0)
        assert one.refused == 0
        one.more.set()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b"ok"
        writer.close()


async def test_a_slow_download_goes_on_and_one_that_stands_still_does_not() -> None:
    async with listening(progress_s=1.0) as one:
        one.chunk, one.chunks = bytes(1 << 16), 1 << 16  # more than is ever read
        reader, writer = await one.open()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        began_s = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began_s + 4:
            assert await reader.read(1 << 18)
            await asyncio.sleep(0.02)
        assert one.refused == 0
        async with asyncio.timeout(PATIENCE_S):
            while not one.refused:
                await asyncio.sleep(0.1)
        writer.close()


def test_whoever_is_refused_leaves_no_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On the loop that the server has, which takes nothing behind the end."""

    async def refused() -> None:
        get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        async with listening() as one:
            for behind in (b"what is this?\r\n\r\n", get + b"what is this?\r\n\r\n"):
                served, one.release, one.asked = one.served, asyncio.Event(), asyncio.Event()
                _, writer = await one.open()
                writer.write(get + behind)
                await one.asked.wait()
                one.release.set()
                while one.served == served:
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
                writer.close()
            assert one.refused == 2

    uvloop.run(refused())
    assert "Traceback" not in caplog.text


async def test_pipelined_requests_are_answered_but_not_piled_up() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    async with listening() as one:
        last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await one.talk(request * (MAX_PIPELINED - 1) + last)).count(b"200 OK") == 16
        one.release = asyncio.Event()
        await one.talk(request * (10 * MAX_PIPELINED))
        assert one.refused == 1
        one.release.set()


async def test_there_is_an_end_to_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onhook.api.http_guard._MAX_CONNECTIONS", 3)
    async with listening() as one:
        held = [await one.open() for _ in range(3)]
        await one.talk(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (one.served, one.refused) == (0, 1)
        for _, writer in held:
            writer.close()
