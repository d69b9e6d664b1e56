"""An INVITE that is too large for UDP goes over TCP (RFC 3261 18.1.1), and back if there is none."""

import asyncio

from onhook.phone import SipCause
from phone.peer import SDP, Callee, Line, Peer, TcpPeer, line

LARGE = tuple((f"X-Long-{number}", "x" * 200) for number in range(5))


async def both(on: Line) -> tuple[Peer, TcpPeer]:
    """A trunk that listens on one port over UDP and TCP."""
    over_tcp = TcpPeer(on.peer.server)
    await over_tcp.listen()
    loop = asyncio.get_running_loop()
    _, over_udp = await loop.create_datagram_endpoint(
        lambda: Peer(on.peer.server), local_addr=over_tcp.address
    )
    return over_udp, over_tcp


async def test_a_large_invite_goes_over_tcp_and_what_follows_by_udp() -> None:
    async with line() as on:
        over_udp, over_tcp = await both(on)
        dialler = on.dial(port=over_udp.address[1], headers=LARGE)
        invite = await over_tcp.request("INVITE")
        ours = f"127.0.0.1:{on.endpoint.address[1]}"
        assert invite["Via"].startswith(f"SIP/2.0/TCP {ours};branch=")
        assert len(invite.data) > 1300
        callee = Callee(over_tcp, invite)
        callee.respond(200, SDP)
        ack = await over_udp.request("ACK")
        assert ack["Via"].startswith("SIP/2.0/UDP ")
        await dialler.until("answered")
        dialler.call.hangup()
        over_udp.answer(await over_udp.request("BYE"))
        assert await dialler.until("hangup_done") == SipCause(200)
        over_udp.transport.close()
        await over_tcp.close()


async def test_a_large_invite_is_taken_back_where_it_went() -> None:
    async with line() as on:
        over_udp, over_tcp = await both(on)
        dialler = on.dial(port=over_udp.address[1], headers=LARGE)
        callee = Callee(over_tcp, await over_tcp.request("INVITE"))
        callee.respond(180)
        await dialler.until("progressed")
        dialler.call.hangup()
        cancel = await over_tcp.request("CANCEL")
        assert cancel["Via"] == callee.invite["Via"]
        over_tcp.answer(cancel)
        callee.respond(487)
        assert (await over_tcp.request("ACK"))["Via"] == callee.invite["Via"]
        await dialler.until("failed")
        over_udp.transport.close()
        await over_tcp.close()


async def test_without_tcp_it_goes_by_udp_and_so_does_the_next() -> None:
    async with line() as on:
        for _ in range(2):
            dialler = on.dial(headers=LARGE)
            invite = await on.peer.request("INVITE")
            assert invite["Via"].startswith("SIP/2.0/UDP ")
            callee = Callee(on.peer, invite)
            await callee.answer()
            await dialler.until("answered")
            dialler.call.hangup()
            on.peer.answer(await on.peer.request("BYE"))
            await dialler.until("hangup_done")
        assert on.endpoint.counters["unsent"] == 1  # to TCP, once


async def test_a_small_invite_goes_by_udp() -> None:
    async with line() as on:
        over_udp, over_tcp = await both(on)
        on.dial(port=over_udp.address[1])
        await over_udp.request("INVITE")
        assert not over_tcp.connections
        over_udp.transport.close()
        await over_tcp.close()


async def test_one_that_credentials_make_too_large_goes_by_udp_if_there_is_no_tcp() -> None:
    async with line() as on:
        dialler = on.dial(headers=LARGE[:2], username="u", password="p")
        callee = Callee(on.peer, await on.peer.request("INVITE"))
        assert len(callee.invite.data) < 1300
        nonce = f'Digest realm="r", nonce="{"n" * 400}", qop="auth"'
        callee.respond(401, headers=(f"WWW-Authenticate: {nonce}",))
        await on.peer.request("ACK")
        again = await on.peer.request("INVITE")
        assert len(again.data) > 1300
        await Callee(on.peer, again).answer()
        await dialler.until("answered")
