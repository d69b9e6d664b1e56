"""Requests of the API on their connections: whose turn it is, how far a body is read, what is written."""

import asyncio
import contextlib
import functools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.responses import PlainTextResponse

from onhook.api.http_guard import guarded
from onhook.api.params import MAX_BODY_BYTES
from onhook.api.request import ApiRequest
from onhook.server import web

PATIENCE_S = 20
CLOSE = b"Connection: close\r\n"


@dataclass
class Api:
    """Answers with what it was asked, when it is let."""

    port: int = 0
    requests: list[ApiRequest] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    refused: int = 0
    fails: bool = False

    def find(self, path: str) -> "Api | None":
        return self if path == "/open/x" else None

    async def reply(self, request: ApiRequest) -> tuple[bytes, bytes]:
        self.requests.append(request)
        self.asked.set()
        await self.go_on.wait()
        if self.fails:
            raise ZeroDivisionError
        body = b"%b %d" % (request.query, -1 if request.body is None else len(request.body))
        return b"x: y\r\ncontent-length: %d\r\n" % len(body), body

    def refuse(self) -> None:
        self.refused += 1

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, *chunks: bytes) -> bytes:
        """What comes back until the other side ends the connection."""
        reader, writer = await self.open()
        async with asyncio.timeout(PATIENCE_S):
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0)
            told = await reader.read()
        writer.close()
        return told


@asynccontextmanager
async def served(*, waits: bool = False) -> AsyncIterator[Api]:
    api = Api()
    if not waits:
        api.go_on.set()
    at = socket.create_server(("127.0.0.1", 0))
    api.port = at.getsockname()[1]
    async with web.serving(at, api.find, {}, lambda: PlainTextResponse("other"), api.refuse):
        yield api


def request(
    method: bytes = b"POST", body: bytes = b"", more: bytes = b"", path: bytes = b"/open/x"
) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"%b %b HTTP/1.1\r\nHost: a\r\n%b%b\r\n%b" % (method, path, length, more, body)


def bodies(told: bytes) -> list[bytes]:
    """What stands in replies that have a length."""
    found = []
    while told:
        head, _, rest = told.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        found.append(rest[:size])
        told = rest[size:]
    return found


async def test_replies_leave_in_the_order_of_their_requests_whoever_answers() -> None:
    asked = (
        request(path=b"/open/x?1", body=b"ab"),
        request(b"GET", path=b"/elsewhere"),
        request(path=b"/open/x?2"),
        request(b"GET", path=b"/open/x?3"),
        request(b"GET", path=b"/elsewhere"),
        request(path=b"/open/x?4", body=b"abc", more=CLOSE),
    )
    told = [b"1 2", b"other", b"2 0", b"3 0", b"other", b"4 3"]
    text = b"".join(asked)
    async with served() as api:
        assert bodies(await api.talk(text)) == told
        assert bodies(await api.talk(*[text[at : at + 7] for at in range(0, len(text), 7)])) == told


async def test_a_request_waits_for_its_turn_and_is_asked_for_its_body_then() -> None:
    expecting = request(path=b"/open/x?2", body=b"abc", more=CLOSE + b"Expect: 100-continue\r\n")
    async with served(waits=True) as api, asyncio.timeout(PATIENCE_S):
        reader, writer = await api.open()
        writer.write(request(path=b"/open/x?1") + expecting[:-3])
        await api.asked.wait()
        assert [one.query for one in api.requests] == [b"1"]
        api.go_on.set()
        told = await reader.readuntil(b"1 0")
        assert b"100 Continue" not in told
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert bodies(await reader.read()) == [b"2 3"]
        writer.close()


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"HEAD"])
async def test_a_body_that_nobody_looks_at_is_neither_asked_for_nor_waited_for(
    method: bytes,
) -> None:
    more = b"Expect: 100-continue\r\n"
    async with served() as api, asyncio.timeout(PATIENCE_S):
        reader, writer = await api.open()
        writer.write(request(method, b"abc", more)[:-3])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-length: 2\r\n" in head
        writer.write(b"abc" + request(path=b"/open/x?2", more=CLOSE))
        rest = await reader.read()
        assert rest.removeprefix(b" 0").startswith(b"HTTP/1.1 200 OK\r\n")
        assert rest.startswith(b" 0") == (method != b"HEAD")
        writer.close()


async def test_a_chunked_body_is_one() -> None:
    head = b"POST /open/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + CLOSE
    async with served() as api:
        told = await api.talk(head + b"\r\n", b"2\r\nab\r\n", b"1\r\nc\r\n", b"0\r\nT: u\r\n\r\n")
        assert bodies(told) == [b" 3"]
        assert api.requests[0].body == b"abc"


async def test_a_body_is_read_no_further_than_is_allowed() -> None:
    async with served() as api, asyncio.timeout(PATIENCE_S):
        reader, writer = await api.open()
        head = b"POST /open/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (2 * MAX_BODY_BYTES) + bytes(MAX_BODY_BYTES + 1))
        await reader.readuntil(b" %d" % (MAX_BODY_BYTES + 1))
        writer.write(bytes(MAX_BODY_BYTES - 1) + request(path=b"/open/x?2", more=CLOSE))
        assert bodies(await reader.read()) == [b"2 0"], "the next request on this connection"
        writer.close()


@pytest.mark.parametrize("body", [b"", bytes(16 * MAX_BODY_BYTES)])
async def test_a_last_reply_arrives_though_more_of_the_body_comes(body: bytes) -> None:
    method = b"POST" if body else b"GET"
    asked = request(method, body=body or bytes(16 * MAX_BODY_BYTES), more=CLOSE)
    async with served() as api:
        assert len(bodies(await api.talk(asked))) == 1


async def test_what_follows_a_body_is_no_header() -> None:
    head = b"POST /open/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + CLOSE
    async with served() as api:
        await api.talk(head + b"\r\n1\r\nc\r\n0\r\nOrigin: b\r\n\r\n")
        assert api.requests[0].header(b"host") == "a"
        assert api.requests[0].header(b"origin") is None


@pytest.mark.parametrize("behind", [b"what is this?\r\n\r\n", request() * 100])
async def test_a_refusal_is_not_said_where_a_reply_is_owed(behind: bytes) -> None:
    async with served(waits=True) as api:
        told = await api.talk(request(), behind)
        assert len(api.requests) == 1
        assert api.refused == 1
        assert told == b""
        api.go_on.set()


async def test_who_asks_on_and_reads_nothing_does_not_hold_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request of his is always there, but a reply to it cannot leave."""
    monkeypatch.setattr(web, "guarded", functools.partial(guarded, progress_s=0.3))
    asked = request(b"GET", path=b"/open/x?" + b"y" * 60_000)
    async with served() as api, asyncio.timeout(PATIENCE_S):
        with socket.create_connection(("127.0.0.1", api.port)) as client:
            client.setblocking(False)
            left = asked
            while not api.refused:
                with contextlib.suppress(BlockingIOError):
                    left = left[client.send(left) :] or asked
                await asyncio.sleep(0)


async def test_who_goes_away_in_the_middle_of_a_body_has_asked_nothing() -> None:
    async with served() as api, asyncio.timeout(PATIENCE_S):
        _, writer = await api.open()
        writer.write(request(body=b"abc")[:-1])
        await writer.drain()
        writer.close()
        await api.asked.wait()
        assert api.requests[0].body is None


async def test_old_http_is_answered_once() -> None:
    asked = b"GET /open/x?1 HTTP/1.0\r\n\r\n"
    async with served() as api:
        told = await api.talk(asked)
        assert bodies(told) == [b"1 0"]
        assert b"connection: close\r\n" in told
        expecting = b"POST /open/x HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na"
        assert (await api.talk(expecting)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_fault_of_ours_is_a_500_and_ends_the_connection() -> None:
    async with served() as api:
        api.fails = True
        told = await api.talk(request() + request())
        assert told.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert bodies(told) == [b"Internal Server Error"]


async def test_the_end_waits_for_what_is_being_answered() -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with served(waits=True) as api:
            reader, writer = await api.open()
            idle, _ = await api.open()
            writer.write(request(path=b"/open/x?1"))
            await api.asked.wait()
            asyncio.get_running_loop().call_later(0.3, api.go_on.set)
        assert bodies(await reader.read()) == [b"1 0"]
        assert await idle.read() == b""
        writer.close()


async def test_the_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LINGER_S", 0.2)
    async with asyncio.timeout(PATIENCE_S):
        async with served(waits=True) as api:
            reader, writer = await api.open()
            writer.write(request())
            await api.asked.wait()
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
        writer.close()
