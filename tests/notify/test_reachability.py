import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from notify.certificates import Authority
from notify.loops import on_both_loops
from notify.servers import LOOPBACK, raw_server, web_client, web_server
from onhook.notify.addresses import AddressPolicy
from onhook.notify.errors import (
    CaFileUnusable,
    UnableToCompleteHandshake,
    UnableToResolve,
    Unreachable,
)
from onhook.notify.reachability import Reachability
from onhook.notify.resolver import AddressResolver, Lookup, system_lookup
from onhook.notify.tls import client_context
from onhook.urls import parse


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reachability(
    authority: Authority | None = None,
    *,
    allowed: Sequence[str] = LOOPBACK,
    deadline_s: float = 10.0,
    clock: Clock | None = None,
    lookup: Lookup = system_lookup,
) -> AsyncIterator[Reachability]:
    clock = clock or Clock()
    resolver = AddressResolver(AddressPolicy(allowed), lookup=lookup, clock=clock)
    tls = client_context(authority.file if authority else None)
    try:
        yield Reachability(resolver, tls, deadline_s=deadline_s, clock=clock)
    finally:
        resolver.close()


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


def test_statuses_are_those_of_the_api() -> None:
    assert UnableToResolve.status == "error_unable_to_resolve_notify_url"
    assert UnableToCompleteHandshake.status == "error_unable_to_complete_ssl_handshake_notify_url"


@on_both_loops
async def test_good(authority: Authority) -> None:
    async with (
        web_server(tls=authority.server_context("localhost")) as server,
        reachability(authority) as reach,
    ):
        url = server.url(scheme="https")
        assert not reach.known(url)
        await reach.check(url)
        assert reach.known(url)
        assert reach.known(server.url("/other", scheme="https"))
        assert not reach.known(server.url())


async def test_good_by_address(authority: Authority) -> None:
    async with (
        web_server(tls=authority.server_context("127.0.0.1")) as server,
        reachability(authority) as reach,
    ):
        await reach.check(server.url(scheme="https", host="127.0.0.1"))
        with pytest.raises(UnableToCompleteHandshake, match="certificate was not accepted"):
            await reach.check(server.url(scheme="https", host="localhost"))


@on_both_loops
async def test_certificates_that_are_not_accepted(authority: Authority) -> None:
    contexts = {
        "self-signed": authority.server_context("localhost", self_signed=True),
        "expired": authority.server_context("localhost", expired=True),
        "Hostname mismatch": authority.server_context("other.example"),
    }
    for why, context in contexts.items():
        async with (
            web_server(tls=context) as server,
            reachability(authority) as reach,
            web_client(tls=client_context(authority.file)) as client,
        ):
            url = server.url(scheme="https")
            with pytest.raises(UnableToCompleteHandshake, match=why) as refused:
                await reach.check(url)
            assert not reach.known(url)
            reply = await client.post(url, {}, b"", 10)
            assert (reply.status, reply.error) == (None, refused.value.detail)
            assert server.received == []


async def test_an_authority_that_the_operator_did_not_name(authority: Authority) -> None:
    async with (
        web_server(tls=authority.server_context("localhost")) as server,
        reachability() as reach,
    ):
        with pytest.raises(UnableToCompleteHandshake, match="certificate was not accepted"):
            await reach.check(server.url(scheme="https"))


@on_both_loops
async def test_notifications_over_tls(authority: Authority) -> None:
    async with (
        web_server(tls=authority.server_context("localhost")) as server,
        web_client(tls=client_context(authority.file)) as client,
    ):
        for _ in range(2):
            reply = await client.post(server.url("/x", scheme="https"), {}, b"a=1", 10)
            assert (reply.status, reply.error) == (200, None)
        assert (await client.download(server.url(scheme="https"), 100, 10)).status == 200
    assert len({received.peer_port for received in server.received}) == 1
    assert server.received[0].headers["host"] == f"localhost:{server.port}"


async def test_a_connection_checked_for_one_name_does_not_serve_another(
    authority: Authority,
) -> None:
    async with (
        web_server(tls=authority.server_context("one.example")) as server,
        web_client(tls=client_context(authority.file), lookup=lambda host: ["127.0.0.1"]) as client,
    ):
        one = server.url(scheme="https", host="one.example")
        two = server.url(scheme="https", host="two.example")
        assert (await client.post(one, {}, b"", 10)).status == 200
        assert (await client.post(two, {}, b"", 10)).status is None
    assert len(server.received) == 1


@on_both_loops
async def test_servers_that_do_not_shake_hands(authority: Authority) -> None:
    async with raw_server(stall) as port, reachability(authority, deadline_s=0.1) as reach:
        with pytest.raises(UnableToCompleteHandshake, match="within"):
            await reach.check(parse(f"https://localhost:{port}/"))
    async with raw_server(hang_up) as port, reachability(authority) as reach:
        with pytest.raises(UnableToCompleteHandshake):
            await reach.check(parse(f"https://localhost:{port}/"))
    async with web_server() as server, reachability(authority) as reach:  # http, not https
        with pytest.raises(UnableToCompleteHandshake):
            await reach.check(server.url(scheme="https"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with reachability(authority) as reach:
            with pytest.raises(UnableToCompleteHandshake, match="refused"):
                await reach.check(parse(f"https://localhost:{unused.getsockname()[1]}/"))


async def test_http_needs_a_name_only() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with reachability() as reach:
            await reach.check(parse(f"http://localhost:{unused.getsockname()[1]}/"))


async def test_names_that_do_not_resolve() -> None:
    def lookup(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "")

    async with reachability(lookup=lookup) as reach:
        for scheme in ("http", "https"):
            with pytest.raises(UnableToResolve, match="no address"):
                await reach.check(parse(f"{scheme}://example.com/"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:10.0.0.1]", "10.1.1.1"]
)
async def test_refused_addresses(host: str) -> None:
    async with reachability(allowed=()) as reach:
        with pytest.raises(UnableToResolve, match="address is"):
            await reach.check(parse(f"https://{host}/"))


async def test_an_address_that_refuses_leads_to_the_next(authority: Authority) -> None:
    def lookup(host: str) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second one only

    async with (
        web_server(tls=authority.server_context("localhost")) as server,
        reachability(authority, lookup=lookup) as reach,
    ):
        await reach.check(server.url(scheme="https"))


async def test_successes_are_remembered_for_a_minute(authority: Authority) -> None:
    clock = Clock()
    async with reachability(authority, clock=clock) as reach:
        async with web_server(tls=authority.server_context("localhost")) as server:
            url = server.url(scheme="https")
            await reach.check(url)
        clock.now = 59.9
        await reach.check(url)  # the server is gone, and is not asked
        clock.now = 60.0
        assert not reach.known(url)
        with pytest.raises(UnableToCompleteHandshake):
            await reach.check(url)


async def test_failures_are_not_remembered(authority: Authority) -> None:
    async with reachability(authority) as reach:
        async with web_server(tls=authority.server_context("other.example")) as server:
            url = server.url(scheme="https")
            with pytest.raises(UnableToCompleteHandshake):
                await reach.check(url)
        async with web_server(tls=authority.server_context("localhost"), port=server.port):
            await reach.check(url)


async def test_checks_at_the_same_time_share_one_handshake(authority: Authority) -> None:
    connections = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(10)  # some of the ClientHello, and no answer

    async with raw_server(count) as port, reachability(authority) as reach:
        url = parse(f"https://localhost:{port}/")
        results = await asyncio.gather(
            *(reach.check(url) for _ in range(10)), return_exceptions=True
        )
    assert all(isinstance(result, Unreachable) for result in results)
    assert len({id(result) for result in results}) == 10
    assert connections == 1


async def test_a_caller_who_leaves_does_not_take_the_check_along(authority: Authority) -> None:
    async with (
        web_server(tls=authority.server_context("localhost")) as server,
        reachability(authority) as reach,
    ):
        url = server.url(scheme="https")
        first, second = (asyncio.create_task(reach.check(url)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert reach.known(url)


def test_ca_files(authority: Authority, tmp_path: Path) -> None:
    context = client_context(authority.file)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for file in (broken, tmp_path / "missing.pem"):
        with pytest.raises(CaFileUnusable, match=file.name):
            client_context(file)
