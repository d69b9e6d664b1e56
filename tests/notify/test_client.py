import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notify.loops import on_both_loops
from notify.servers import (
    LOOPBACK,
    Connection,
    Received,
    raw_server,
    read_request,
    web_client,
    web_server,
)
from onhook.notify.client import MAX_REPLY_BYTES, WebClient
from onhook.notify.errors import DownloadFailed, DownloadRefused, DownloadTooLarge
from onhook.notify.replies import PostResult
from onhook.urls import WebUrl, parse

NOW = 1_000_000_000.0


def url_of(port: int, target: str = "/") -> WebUrl:
    return parse(f"http://localhost:{port}{target}")


async def post(client: WebClient, url: WebUrl, deadline_s: float = 60.0) -> PostResult:
    return await client.post(url, {"X-Test": "1"}, b"a=1", deadline_s)


def saying(
    *chunks: bytes,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()

    return talk


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@on_both_loops
async def test_sends_the_request_as_it_was_built() -> None:
    target = "//a/../b/./%7e%zz;x?q=%20+&&é=1"
    async with web_server() as server, web_client() as client:
        url = server.url(target)
        reply = await client.post(url, {"X-Test": "1", "User-Agent": "T"}, b"a=%20b", 10)
        assert (reply.status, reply.error) == (200, None)
        [received] = server.received
    assert (received.method, received.body) == ("POST", b"a=%20b")
    assert received.target == target.replace("é", "%C3%A9")
    assert received.headers["host"] == f"localhost:{server.port}"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["user-agent"] == "T"
    assert received.headers["content-length"] == "6"
    assert "cookie" not in received.headers


async def test_connects_to_the_address_that_was_checked_whatever_dns_says_next() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    def lookup(host: str) -> Sequence[str]:
        return next(answers)  # a second question would be answered with a private address

    async with web_server() as server, web_client(lookup=lookup) as client:
        url = server.url(host="rebinding.example")
        assert (await post(client, url)).status == 200
        assert server.received[0].headers["host"] == f"rebinding.example:{server.port}"


async def test_a_refused_address_is_never_connected_to() -> None:
    async with web_server() as server, web_client(allowed=()) as client:
        for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]"):
            reply = await post(client, server.url(host=host))
            assert reply.status is None
            assert "loopback" in (reply.error or "")
            with pytest.raises(DownloadRefused, match="loopback"):
                await client.download(server.url(host=host), 10, 10)
    assert server.received == []


async def test_an_address_that_refuses_connections_leads_to_the_next() -> None:
    def lookup(host: str) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second one only

    async with web_server() as server, web_client(lookup=lookup) as client:
        assert (await post(client, server.url(host="two.example"))).status == 200


async def test_redirects_of_a_notification_are_returned_and_not_followed() -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with web_server(reply) as server, web_client() as client:
        answer = await post(client, server.url())
        assert answer.status == 307
        assert answer.headers["location"] == "/elsewhere"
    assert [received.target for received in server.received] == ["/"]


async def test_the_environment_has_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\nmachine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with web_server() as proxy, web_server() as server, web_client() as client:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(client, server.url())).status == 200
    assert proxy.received == []
    assert "authorization" not in server.received[0].headers


async def test_cookies_are_not_kept() -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    async with web_server(reply) as server, web_client() as client:
        for _ in range(2):
            assert (await post(client, server.url())).status == 200
    assert "cookie" not in server.received[1].headers


@on_both_loops
async def test_connections_are_reused_but_not_across_names() -> None:
    async with web_server() as server, web_client(lookup=lambda host: ["127.0.0.1"]) as client:
        for host in ("one.example", "one.example", "two.example"):
            assert (await post(client, server.url(host=host))).status == 200
    first, second, third = (received.peer_port for received in server.received)
    assert first == second != third


@on_both_loops
async def test_a_stale_connection_costs_no_attempt() -> None:
    requests: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Promises to keep the connection, and closes it when the next request has been sent.
        requests.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.readexactly(1)

    async with raw_server(once) as port, web_client() as client:
        for _ in range(4):
            assert (await post(client, url_of(port))).status == 200
    assert len(requests) == 4


async def test_a_fresh_connection_that_is_closed_is_a_failure() -> None:
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)

    async with raw_server(hang_up) as port, web_client() as client:
        reply = await post(client, url_of(port))
    assert reply.status is None
    assert "closed before the reply" in (reply.error or "")
    assert connections == 1


@on_both_loops
async def test_the_deadline_covers_everything() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(stall) as stalled, raw_server(drip) as dripping, web_client() as client:
        for port in (stalled, dripping):
            reply = await post(client, url_of(port), 0.1)
            assert (reply.status, reply.error) == (None, "no reply within 0.1 s")
            with pytest.raises(DownloadFailed, match="no reply within"):
                await client.download(url_of(port), 10, 0.1)


@on_both_loops
async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with web_client() as client:
            reply = await post(client, url_of(unused.getsockname()[1]))
    assert (reply.status, reply.error) == (None, "the connection was refused")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
    ],
    ids=range(11),
)
async def test_half_and_broken_reply_heads_are_failures(answer: bytes) -> None:
    async with raw_server(saying(answer)) as port, web_client() as client:
        reply = await post(client, url_of(port))
        assert reply.status is None
        assert reply.error
        assert "127.0.0.1" not in reply.error
        with pytest.raises(DownloadFailed):
            await client.download(url_of(port), 10, 10)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
        b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000,
    ],
)
async def test_a_whole_head_counts_whatever_the_body_does(body: bytes) -> None:
    async with raw_server(saying(b"HTTP/1.1 200 OK\r\n" + body)) as port, web_client() as client:
        reply = await post(client, url_of(port))
    assert (reply.status, reply.error) == (200, None)


async def test_a_body_without_end_is_read_to_the_limit_only() -> None:
    sent = 0
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        finally:
            closed.set()

    async with raw_server(endless) as port, web_client() as client:
        assert (await post(client, url_of(port))).status == 200
        await asyncio.wait_for(closed.wait(), 30)
    assert sent < 100 * MAX_REPLY_BYTES  # what socket buffers hold, and not what the server has


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30), (formatdate(NOW + 90, usegmt=True), 90), ("soon", None)],
)
async def test_retry_after(value: str, seconds: float | None) -> None:
    """A date is read by the clock of whoever wrote it, however wrong ours is."""

    async def reply(received: Received) -> web.Response:
        dated = {"Retry-After": value, "Date": formatdate(NOW, usegmt=True)}
        return web.Response(status=503, headers=dated)

    async with web_server(reply) as server, web_client(clock=lambda: NOW + 43_200) as client:
        answer = await post(client, server.url())
    assert (answer.status, answer.retry_after_s) == (503, seconds)


async def test_download() -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(body=b"x" * 1000, headers={"Last-Modified": "then", "X-Other": "1"})

    async with web_server(reply) as server, web_client() as client:
        file = await client.download(server.url("/a.wav?b"), 1000, 10, {"X-Test": "1"})
        assert file.body == b"x" * 1000
        assert (file.status, file.not_modified) == (200, False)
        assert file.headers["last-modified"] == "then"
        assert "x-other" not in file.headers
        with pytest.raises(DownloadTooLarge):
            await client.download(server.url(), 999, 10)
    received = server.received[0]
    assert (received.method, received.target) == ("GET", "/a.wav?b")
    assert received.headers["x-test"] == "1"
    assert received.headers["user-agent"].startswith("Onhook/")


async def test_a_download_without_a_length_is_counted() -> None:
    async def reply(received: Received) -> web.Response:
        response = web.Response(body=b"x" * 1000)
        response.enable_chunked_encoding()
        return response

    async with web_server(reply) as server, web_client() as client:
        assert len((await client.download(server.url(), 1000, 10)).body) == 1000
        with pytest.raises(DownloadTooLarge):
            await client.download(server.url(), 999, 10)


async def test_an_endless_download_stops_at_the_limit() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()

    async with raw_server(endless) as port, web_client() as client:
        with pytest.raises(DownloadTooLarge):
            await client.download(url_of(port), 100_000, 10)


@pytest.mark.parametrize("condition", ["If-Modified-Since", "if-none-match"])
async def test_not_modified_is_an_answer_to_a_condition_only(condition: str) -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(status=304)

    async with web_server(reply) as server, web_client() as client:
        file = await client.download(server.url(), 10, 10, {condition: "x"})
        assert file.not_modified
        assert file.body == b""
        with pytest.raises(DownloadFailed, match="304"):
            await client.download(server.url(), 10, 10)


@pytest.mark.parametrize("status", [201, 204, 206, 301, 404, 500])
async def test_only_200_is_a_download(status: int) -> None:
    async def reply(received: Received) -> web.Response:
        return web.Response(status=status)

    async with web_server(reply) as server, web_client() as client:
        with pytest.raises(DownloadFailed) as failed:
            await client.download(server.url(), 10, 10)
    assert failed.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n",
    ],
)
async def test_half_a_download_is_none(body: bytes) -> None:
    async with raw_server(saying(b"HTTP/1.1 200 OK\r\n" + body)) as port, web_client() as client:
        with pytest.raises(DownloadFailed):
            await client.download(url_of(port), 1000, 10)


def pouring(begin: bytes, more: bytes) -> Connection:
    """A server that says `more` for as long as somebody listens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(begin)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(more)
                await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000),
        (b"", b"HTTP/9 100\n\n" * 20_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a=bbbbbbb;" * 9000),
    ],
    ids=["100", "103", "another version", "extensions"],
)
async def test_a_reply_without_end_is_not_parsed_until_the_deadline(
    begin: bytes, more: bytes
) -> None:
    """Interim replies once kept the event loop busy for seconds; nothing else happened meanwhile."""
    async with raw_server(pouring(begin, more)) as port, web_client() as client:
        with pytest.raises(DownloadFailed) as raised:
            await client.download(url_of(port), 1_000_000, 3600)
    assert "no reply within" not in raised.value.detail


async def test_an_interim_reply_is_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    real = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"HTTP/1.1 " * 333 + b"abc"
    async with raw_server(saying(hints * 2, real)) as port, web_client() as client:
        assert (await client.download(url_of(port), 3000, 10)).body.endswith(b"abc")


async def test_a_closed_client_answers_with_an_error() -> None:
    async with web_server() as server:
        async with web_client() as client:
            pass
        reply = await post(client, server.url())
    assert reply.status is None
    assert reply.error


HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/9.9 200 OK\r\n",
        b"HTTP/1.1 999 \r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\r\n",
    ]
)
PARTS = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 5\r\n",
            b"Content-Length: -1\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Set-Cookie: \xe9=;;;\x01\r\n",
            b"Content-Type: ;;=\r\n",
            b"Content-Encoding: br\r\n",
            b"Connection: keep-alive\r\n",
            b"Retry-After: \xff\r\n",
            b" folded\r\n",
            b"\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\n",
        ]
    )
    | st.binary(max_size=8),
    max_size=8,
).map(b"".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HEADS | PARTS, max_size=4).map(b"".join))
def test_no_reply_makes_it_raise(answer: bytes) -> None:
    async def scenario() -> None:
        async with raw_server(saying(answer)) as port, web_client(LOOPBACK) as client:
            reply = await post(client, url_of(port))
            assert (reply.status is None) == (reply.error is not None)
            try:
                await client.download(url_of(port), 1000, 10)
            except DownloadFailed as failed:
                assert failed.detail

    asyncio.run(scenario())
