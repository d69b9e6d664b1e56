"""Connections that are kept: when one is used again, when it is not, and how many there are."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

import pytest

from notify.loops import on_both_loops
from notify.servers import Connection as Talk
from notify.servers import raw_server, read_request, web_client, web_server
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.errors import DownloadFailed
from onhook.notify.kept_connections import KeptConnections
from onhook.notify.resolver import AddressResolver
from onhook.notify.tls import client_context
from onhook.urls import WebUrl, parse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def url_of(port: int, host: str = "127.0.0.1") -> WebUrl:
    return parse(f"http://{host}:{port}/")


async def post(client: WebClient, port: int, host: str = "127.0.0.1") -> int | None:
    return (await client.post(url_of(port, host), {"webhook-id": "n1"}, b"a=1", 60)).status


class Site:
    """Says to each request what `says` has for it; "" is the end of the connection."""

    def __init__(self, *says: bytes) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.ended = asyncio.Event()
        """A client has closed its connection."""
        self._says = list(says)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            try:
                request = await read_request(reader)
            except asyncio.IncompleteReadError:
                self.ended.set()
                return
            self.requests.append(request)
            said = self._says.pop(0) if self._says else OK
            if not said:
                return
            writer.write(said)
            if not said.startswith(OK):
                return

    @property
    def served(self) -> Talk:
        return self.talk


@on_both_loops
async def test_a_connection_that_ended_when_it_was_used_is_tried_once_more_on_a_new_one() -> None:
    site = Site(OK, b"", OK)
    async with raw_server(site.served) as port, web_client() as client:
        assert [await post(client, port) for _ in range(2)] == [200, 200]
    assert site.connections == 2
    assert site.requests[1] == site.requests[2]  # under the same id


@on_both_loops
async def test_it_is_tried_once_more_and_not_again() -> None:
    site = Site(OK, b"", b"", OK)
    async with raw_server(site.served) as port, web_client() as client:
        assert [await post(client, port) for _ in range(2)] == [200, None]
    assert len(site.requests) == 3


@on_both_loops
@pytest.mark.parametrize("half", [b"H", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 2x0\r\n\r\n"])
async def test_a_reply_that_has_begun_is_the_reply(half: bytes) -> None:
    site = Site(OK, half, OK)
    async with raw_server(site.served) as port, web_client() as client:
        assert [await post(client, port) for _ in range(2)] == [200, None]
    assert len(site.requests) == 2


@on_both_loops
async def test_what_is_said_unasked_ends_the_connection() -> None:
    waiting = asyncio.Event()
    said = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await waiting.wait()
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        said.set()

    async with raw_server(talk) as port, web_client() as client:
        assert await post(client, port) == 200
        waiting.set()
        await asyncio.wait_for(said.wait(), 30)  # the client has closed it
        assert await post(client, port) == 200


@on_both_loops
async def test_the_address_is_checked_again_for_a_connection_that_is_kept() -> None:
    now = 0.0
    answers = {"moving.example": ["127.0.0.1"]}

    def lookup(host: str) -> Sequence[str]:
        return answers[host]

    resolver = AddressResolver(AddressPolicy(["127.0.0.0/8"]), lookup=lookup, clock=lambda: now)
    site = Site()
    async with raw_server(site.served) as port, WebClient(resolver, client_context()) as client:
        assert await post(client, port, "moving.example") == 200
        answers["moving.example"] = ["10.0.0.1"]
        now = 60.0  # what was looked up is forgotten
        reply = await client.post(url_of(port, "moving.example"), {}, b"", 10)
    resolver.close()
    assert reply.barred
    assert len(site.requests) == 1


@on_both_loops
async def test_another_address_of_the_name_gets_a_connection_of_its_own() -> None:
    now = 0.0
    addresses = ["127.0.0.1"]
    resolver = AddressResolver(
        AddressPolicy(["127.0.0.0/8"]), lookup=lambda _: addresses, clock=lambda: now
    )
    site = Site()
    async with raw_server(site.served) as port, WebClient(resolver, client_context()) as client:
        assert await post(client, port, "moving.example") == 200
        addresses[:], now = ["127.0.0.2"], 60.0
        assert await post(client, port, "moving.example") is None  # nobody listens there
    resolver.close()
    assert len(site.requests) == 1


@on_both_loops
async def test_side_by_side_each_has_its_connection_and_later_all_are_used() -> None:
    site = Site()
    async with raw_server(site.served) as port, web_client() as client:
        for _ in range(3):
            assert await asyncio.gather(*(post(client, port) for _ in range(20))) == [200] * 20
        assert len(client._connections.kept) == site.connections == 20
        await client.close()
        assert await ended(lambda: not client._connections.open)


async def ended(true: Callable[[], bool]) -> bool:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)
    return True


@on_both_loops
async def test_so_many_are_kept_in_all_and_the_oldest_go() -> None:
    sites = [Site() for _ in range(3)]
    async with (
        raw_server(sites[0].served) as first,
        raw_server(sites[1].served) as second,
        raw_server(sites[2].served) as third,
        web_client() as client,
    ):
        client._connections.kept = KeptConnections(most=2)
        for port in (first, second, third):
            assert await post(client, port) == 200
        await asyncio.wait_for(sites[0].ended.wait(), 30)
        assert len(client._connections.kept) == 2
        for port in (third, second):
            assert await post(client, port) == 200
        assert await post(client, first) == 200
    assert [site.connections for site in sites] == [2, 1, 1]


@on_both_loops
async def test_one_that_nobody_uses_is_closed() -> None:
    site = Site()
    async with raw_server(site.served) as port, web_client() as client:
        client._connections.kept = KeptConnections(keep_s=0.05)
        assert await post(client, port) == 200
        await asyncio.wait_for(site.ended.wait(), 30)
        assert len(client._connections.kept) == 0
        assert client._connections.kept._sweeper is None  # nothing runs for nothing
        assert await post(client, port) == 200
    assert site.connections == 2


@on_both_loops
async def test_none_is_used_for_ever() -> None:
    site = Site()
    async with raw_server(site.served) as port, web_client() as client:
        client._connections.kept = KeptConnections(last_s=-1.0)
        for _ in range(3):
            assert await post(client, port) == 200
    assert site.connections == 3


@on_both_loops
async def test_no_connection_is_left_behind() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with (
        raw_server(hang) as hanging,
        raw_server(drop) as dropping,
        web_server() as server,
        web_client() as client,
    ):
        urls = [url_of(hanging), url_of(dropping), url_of(1), server.url(scheme="https")]
        replies = await asyncio.gather(*(client.post(url, {}, b"", 0.2) for url in urls * 3))
        assert all(reply.status is None for reply in replies)
        assert await ended(lambda: not client._connections.open)
        assert len(client._connections.kept) == 0


@on_both_loops
async def test_closing_ends_requests_under_way() -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()

    async with raw_server(hang) as port, web_client() as client:
        asking = asyncio.create_task(client.post(url_of(port), {}, b"", 60))
        fetching = asyncio.create_task(client.download(url_of(port), 10, 60))
        await asked.wait()
        await client.close()
        async with asyncio.timeout(30):
            assert (await asking).error
            with pytest.raises(DownloadFailed):
                await fetching


@on_both_loops
async def test_several_downloads_at_once_get_their_files() -> None:
    """Each larger than what is held of one that nobody reads."""
    size = 2_000_000

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        body = request[5:6] * size
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
        await writer.drain()

    async with raw_server(send) as port, web_client() as client:
        names = "abcde"
        files = await asyncio.gather(
            *(client.download(parse(f"http://127.0.0.1:{port}/{name}"), size, 30) for name in names)
        )
    assert [file.body == name.encode() * size for file, name in zip(files, names, strict=True)] == [
        True
    ] * 5


async def test_a_url_that_would_be_two_requests_is_an_error_and_no_request() -> None:
    """Reading refuses it already; whatever was stored by other means is refused when it is written."""
    site = Site()
    async with raw_server(site.served) as port, web_client() as client:
        url = dataclasses.replace(url_of(port), path="/ HTTP/1.1\r\nHost: other\r\n\r\nGET /")
        reply = await client.post(url, {}, b"", 10)
        assert reply.status is None
        assert "cannot stand in a request" in (reply.error or "")
        with pytest.raises(DownloadFailed):
            await client.download(url_of(port), 10, 10, {"If-None-Match": "a\r\nX: y"})
    assert site.requests == []


@on_both_loops
async def test_one_whose_request_has_not_all_left_is_not_used_again() -> None:
    """The server may take what follows for the next request."""
    size = 20_000_000
    connections = 0
    may_read = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await may_read.wait()

    async with raw_server(talk) as port, web_client() as client:
        for _ in range(2):
            assert (await client.post(url_of(port), {}, bytes(size), 30)).status == 200
            assert len(client._connections.kept) == 0
        may_read.set()
    assert connections == 2
