"""Audio by IPv6 (RFC 4566, RFC 5118): a call's stays with the family that it began with."""

import pytest

from onhook.phone.incoming import IncomingCall
from onhook.phone.sdp import RemoteMedia
from phone.peer import SDP, Caller, line

SDP6 = SDP.replace("IP4", "IP6").replace("192.0.2.9", "2001:db8::9")
OURS = "2001:db8::5"


def answer_by_ipv6(call: IncomingCall) -> None:
    call.answer(ip=OURS, port=20000)


def both(ip: str) -> bool:
    return True


def only_ipv6(ip: str) -> bool:
    return ":" in ip


async def test_an_offer_by_ipv6_is_answered_by_ipv6() -> None:
    async with line(answer_by_ipv6, sends_audio_to=both) as on:
        final = await Caller(on.peer).answered(body=SDP6)
        assert f"c=IN IP6 {OURS}\r\n" in final.body
        assert f" IN IP6 {OURS}\r\ns=" in final.body
        assert on.owner.call.offer is not None
        assert on.owner.call.offer.ip == "2001:db8::9"


async def test_an_offer_of_a_family_that_is_not_served() -> None:
    async with line(sends_audio_to=only_ipv6) as on:
        Caller(on.peer).invite(body=SDP)
        assert (await on.peer.status(488))["Warning"].startswith("301 ")
        assert on.owners == []


MAPPED = SDP.replace("IP4 192.0.2.9\r\nt", "IP6 ::ffff:127.0.0.1\r\nt")


async def test_an_ipv4_address_that_is_written_as_ipv6_wants_a_server_that_has_ipv6() -> None:
    """Its answer would say IP4, to a phone that said IP6."""
    async with line() as on:
        Caller(on.peer).invite(body=MAPPED)
        assert (await on.peer.status(488))["Warning"].startswith("301 ")
        assert on.owners == []
    async with line(sends_audio_to=both) as on:
        await Caller(on.peer).established(body=MAPPED)
        assert on.owner.call.offer is not None
        assert on.owner.call.offer.ip == "127.0.0.1"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_audio_does_not_move_to_the_other_family(method: str) -> None:
    async with line(answer_by_ipv6, sends_audio_to=both) as on:
        caller = Caller(on.peer)
        await caller.established(body=SDP6)
        caller.within(method, body=SDP)
        assert (await on.peer.status(488))["Warning"].startswith("301 ")
        caller.within(method, body=SDP6.replace("2001:db8::9", "2001:db8::a"))
        await on.peer.status(200)


async def test_a_hold_by_the_address_of_nobody() -> None:
    async with line(answer_by_ipv6, sends_audio_to=both) as on:
        caller = Caller(on.peer)
        await caller.established(body=SDP6)
        caller.within("UPDATE", body=SDP6.replace("2001:db8::9", "::"))
        held = await on.peer.status(200)
        assert "a=recvonly" in held.body
        media = on.owner.heard[-1][1]
        assert isinstance(media, RemoteMedia)
        assert media.on_hold


async def test_an_answer_by_the_other_family_is_of_no_use() -> None:
    async with line(sends_audio_to=both) as on:
        dialler, callee = await on.dialled()  # our offer is by IPv4
        await callee.answer(SDP6)
        bye = await on.peer.request("BYE")
        on.peer.answer(bye)
        await dialler.until("failed")
