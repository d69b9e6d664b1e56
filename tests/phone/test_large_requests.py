"""What is too large for UDP goes over TCP, whatever it asks (RFC 3261 18.1.1), and back if there is none."""

import asyncio
from typing import Any

import pytest

from onhook.phone import SipCause, Trunk
from onhook.phone.registration.pinger import TrunkPinger
from onhook.phone.registration.registrar import Answer, TrunkRegistration
from phone.peer import SDP, Callee, Caller, Dialler, Line, Message, Peer, TcpPeer, line

LARGE = tuple((f"X-Long-{number}", "x" * 200) for number in range(6))


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


# Within a dialog -----------------------------------------------------------------------------------


def proxies(peer: Peer) -> tuple[str, ...]:
    """A way back that makes every request of the dialog large."""
    host, port = peer.address
    return tuple(f"Record-Route: <sip:{host}:{port};lr;at={'x' * 60}{n}>" for n in range(14))


async def routed(on: Line, peer: Peer, *headers: str, **trunk: Any) -> tuple[Dialler, Callee]:
    """A call of ours by UDP that is answered along a long route; its ACK is still to be read."""
    dialler = on.dial(port=peer.address[1], **trunk)
    callee = Callee(peer, await peer.request("INVITE"))
    callee.respond(200, SDP, headers=(*proxies(peer), *headers))
    await dialler.until("answered")
    return dialler, callee


REFRESHED = "Session-Expires: 90;refresher=uac"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "OPTIONS", "BYE"])
async def test_each_large_request_of_a_dialog_goes_over_tcp(method: str) -> None:
    async with line() as on:
        over_udp, over_tcp = await both(on)
        allow = f"Allow: INVITE, ACK, BYE{', UPDATE' if method == 'UPDATE' else ''}"
        dialler, _ = await routed(on, over_udp, REFRESHED, allow)
        acked = await over_tcp.request("ACK")
        assert len(acked.data) > 1300
        asked: list[SipCause] = []
        if method == "OPTIONS":
            dialler.call.probe(asked.append)
        elif method == "BYE":
            dialler.call.hangup()
        else:
            on.clock.advance(45)
        request = await over_tcp.request(method)
        ours = f"127.0.0.1:{on.endpoint.address[1]}"
        assert request["Via"].startswith(f"SIP/2.0/TCP {ours};branch=")
        assert all("transport=tcp" not in each for each in request.all("Contact"))
        over_tcp.answer(request, headers=(REFRESHED,), body=SDP if method == "INVITE" else "")
        if method == "INVITE":
            await over_tcp.request("ACK")
        if method == "BYE":
            assert await dialler.until("hangup_done") == SipCause(200)
        await over_udp.quiet()
        over_udp.transport.close()
        await over_tcp.close()
        if method == "OPTIONS":
            assert asked == [SipCause(200)]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "OPTIONS", "BYE"])
async def test_without_tcp_it_goes_by_udp_with_the_same_number(method: str) -> None:
    async with line() as on:
        allow = f"Allow: INVITE, ACK, BYE{', UPDATE' if method == 'UPDATE' else ''}"
        dialler, callee = await routed(on, on.peer, REFRESHED, allow)
        callee.respond(200, SDP, headers=proxies(on.peer))  # as nothing came: the ACK is lost
        assert (await on.peer.request("ACK"))["Via"].startswith("SIP/2.0/UDP ")
        if method == "OPTIONS":
            dialler.call.probe(lambda cause: None)
        elif method == "BYE":
            dialler.call.hangup()
        else:
            on.clock.advance(45)
        request = await on.peer.request(method)
        assert len(request.data) > 1300
        assert request["Via"].startswith("SIP/2.0/UDP ")
        assert request["CSeq"] == f"2 {method}"
        on.peer.answer(request, headers=(REFRESHED,), body=SDP if method == "INVITE" else "")
        if method == "INVITE":
            await on.peer.request("ACK")
        if method == "BYE":
            assert await dialler.until("hangup_done") == SipCause(200)
        assert on.endpoint.counters["unsent"] == 1  # the ACK, to TCP; then it is known


async def test_a_large_bye_finds_no_tcp_and_is_not_lost() -> None:
    """The first large request of the call is its last."""
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.parting_headers = LARGE
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye["Via"].startswith("SIP/2.0/UDP ")
        assert len(bye.data) > 1300
        on.peer.answer(bye)
        assert await on.owner.until("hangup_done") == SipCause(200)


# Outside of dialogs --------------------------------------------------------------------------------

NONCE = f'WWW-Authenticate: Digest realm="r", nonce="{"n" * 900}", qop="auth"'


class Nobody:
    def registered(self, answer: Answer) -> None:
        """It goes on."""

    def not_registered(self, answer: Answer) -> None:
        raise AssertionError(answer)

    def gone(self) -> None:
        """It is over."""


def ask(on: Line, method: str, port: int) -> TrunkRegistration | TrunkPinger:
    trunk = Trunk("127.0.0.1", port, username="u", password="p", ping_s=20)
    if method == "OPTIONS":
        pinger = TrunkPinger(
            trunk, on.endpoint, lambda outcome: None, clock=on.clock, now=lambda: on.clock.now_s
        )
        pinger.start()
        return pinger
    registration = TrunkRegistration(
        trunk, "o1", on.endpoint, Nobody(),
        clock=on.clock, now=lambda: on.clock.now_s, chance=lambda: 1.0,
    )  # fmt: skip
    registration.start()
    return registration


def end(asker: TrunkRegistration | TrunkPinger) -> None:
    asker.stop() if isinstance(asker, TrunkPinger) else asker.abandon()


def granted(message: Message) -> tuple[str, ...]:
    return tuple(f"Contact: {each}" for each in message.all("Contact"))


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS"])
async def test_a_large_request_outside_goes_over_tcp_with_the_contact_that_it_had(
    method: str,
) -> None:
    async with line() as on:
        over_udp, over_tcp = await both(on)
        asker = ask(on, method, over_udp.address[1])
        first = await over_udp.request(method)
        over_udp.answer(first, 401, headers=(NONCE,))
        again = await over_tcp.request(method)
        assert len(again.data) > 1300
        assert again["Via"].startswith("SIP/2.0/TCP ")
        assert again["Contact"] == first["Contact"]
        over_tcp.answer(again, headers=granted(again))
        await over_udp.quiet()
        end(asker)
        over_udp.transport.close()
        await over_tcp.close()


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS"])
async def test_a_large_request_outside_goes_by_udp_if_there_is_no_tcp(method: str) -> None:
    async with line() as on:
        asker = ask(on, method, on.peer.address[1])
        on.peer.answer(await on.peer.request(method), 401, headers=(NONCE,))
        again = await on.peer.request(method)
        assert len(again.data) > 1300
        assert again["Via"].startswith("SIP/2.0/UDP ")
        assert again["CSeq"] == f"2 {method}"
        on.peer.answer(again, headers=granted(again))
        await on.peer.quiet()
        end(asker)
