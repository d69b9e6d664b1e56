"""Several listeners, of both families: what they are called, and which of them a message leaves from."""

import asyncio
from ipaddress import IPv4Network, IPv6Network

import pytest

from onhook.listeners import ListenAddress, listen_addresses
from onhook.phone import SipEndpoint
from onhook.phone.binding import ListenerRefused
from phone.peer import SDP, Caller, Line, Peer, TcpPeer, line
from ports import free_port

LOOPBACKS = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
BOTH = "udp:127.0.0.1:0,tcp:127.0.0.1:0,udp:[::1]:0,tcp:[::1]:0"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0.0.0.0:5060", [ListenAddress("0.0.0.0", 5060)]),
        (":5060", [ListenAddress("0.0.0.0", 5060)]),
        ("[::]:5060", [ListenAddress("::", 5060)]),
        (
            "udp:0.0.0.0:5060, TLS:[::]:5061",
            [ListenAddress("0.0.0.0", 5060, "udp"), ListenAddress("::", 5061, "tls")],
        ),
        (
            "udp:127.0.0.1:5060,tcp:127.0.0.1:5060",
            [ListenAddress("127.0.0.1", 5060, "udp"), ListenAddress("127.0.0.1", 5060, "tcp")],
        ),
        ("[2001:DB8:0::1]:5060", [ListenAddress("2001:db8::1", 5060)]),
    ],
)
def test_addresses_as_they_are_written(text: str, read: list[ListenAddress]) -> None:
    assert list(listen_addresses(text)) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected an address in digits and a port"),
        ("localhost:5060", "expected an address in digits"),
        ("127.0.0.1", "expected an address in digits"),
        ("127.0.0.1:70000", "expected an address in digits"),
        ("sctp:127.0.0.1:5060", "expected an address in digits"),
        ("::1:5060", "stands in brackets"),
        ("[127.0.0.1]:5060", "stands in brackets"),
        ("127.0.0.1:5060,udp:127.0.0.1:5060", "given twice"),
        ("tcp:127.0.0.1:5060,tls:127.0.0.1:5060", "given twice"),
    ],
)
def test_what_is_no_address_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        listen_addresses(text)


async def peer_of(on: Line, *, ipv6: bool) -> Peer:
    host = "::1" if ipv6 else "127.0.0.1"
    server = (host, on.port("udp", ipv6=ipv6))
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_datagram_endpoint(lambda: Peer(server), local_addr=(host, 0))
    return peer


@pytest.mark.parametrize("ipv6", [False, True])
async def test_a_call_is_answered_by_the_listener_that_it_came_to(ipv6: bool) -> None:
    async with line(listeners=BOTH, trusted_peers=LOOPBACKS) as on:
        peer = await peer_of(on, ipv6=ipv6)
        ours = ListenAddress(*peer.server).place
        caller = Caller(peer)
        final = await caller.established()
        assert final["Contact"] == f"<sip:{ours}>"
        on.owner.call.hangup()
        bye = await peer.request("BYE")
        assert bye["Via"].startswith(f"SIP/2.0/UDP {ours};branch=")
        peer.answer(bye)
        await on.owner.until("hangup_done")
        peer.transport.close()


async def test_of_two_listeners_a_dialog_keeps_the_one_that_it_began_on() -> None:
    async with line(listeners="udp:127.0.0.1:0,udp:127.0.0.1:0") as on:
        ports = [each.port for each in on.endpoint.listeners]
        server = ("127.0.0.1", ports[1])
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(
            lambda: Peer(server), local_addr=("127.0.0.1", 0)
        )
        caller = Caller(peer)
        final = await caller.established()
        assert final["Contact"] == f"<sip:127.0.0.1:{ports[1]}>"
        record = on.owner.call.record()
        assert type(record).from_dict(record.as_dict()) == record
        on.owner.call.hangup()
        bye = await peer.request("BYE")
        assert f"127.0.0.1:{ports[1]};" in bye["Via"]
        peer.answer(bye)
        await on.owner.until("hangup_done")
        peer.transport.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_is_called_over_ipv6(transport: str) -> None:
    async with line(listeners=BOTH, trusted_peers=LOOPBACKS) as on:
        if transport == "udp":
            trunk = await peer_of(on, ipv6=True)
        else:
            trunk = TcpPeer(on.peer.server)
            await trunk.listen("::1")
        dialler = on.dial(host="::1", port=trunk.address[1], transport=transport)
        invite = await trunk.request("INVITE")
        ours = f"[::1]:{on.port(transport, ipv6=True)}"
        assert invite["Via"].startswith(f"SIP/2.0/{transport.upper()} {ours};branch=")
        assert f"@[::1]:{trunk.address[1]}" in invite.start
        assert ours in invite["Contact"]
        dialler.call.hangup()
        if isinstance(trunk, TcpPeer):
            await trunk.close()
        else:
            trunk.transport.close()


async def test_a_peer_of_a_family_without_a_listener_is_not_reached() -> None:
    async with line() as on:
        on.dial(host="::1", port=9)
        await on.peer.quiet()
        assert on.endpoint.counters["unsent"] == 1


async def test_an_ipv6_listener_hears_no_ipv4() -> None:
    """And the same port is free for a listener of the other family."""
    port = free_port()
    async with line(listeners=f"[::]:{port}"):
        async with line(listeners=f"0.0.0.0:{port}") as other:
            assert other.endpoint.address == ("0.0.0.0", port)
            await Caller(other.peer).established()
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(
            lambda: Peer(("::1", port)), local_addr=("::1", 0)
        )
        peer.send(peer.text("INVITE", body=SDP))
        await peer.status(403)  # only 127.0.0.0/8 is trusted
        peer.transport.close()


async def test_a_listener_that_is_taken_is_named_and_the_others_are_let_go() -> None:
    async with line() as on:
        taken = on.endpoint.address[1]
        first = ListenAddress("127.0.0.1", free_port(), "udp")
        endpoint = SipEndpoint(on_call=lambda call: None, trusted_peers=())
        with pytest.raises(ListenerRefused) as refusal:
            await endpoint.listen((first, ListenAddress("127.0.0.1", taken, "tcp")))
        assert str(refusal.value.address) == f"tcp:127.0.0.1:{taken}"
        await endpoint.listen((first,))
        assert endpoint.listeners == (first,)
        await endpoint.close()
