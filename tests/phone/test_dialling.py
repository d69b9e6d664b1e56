"""Calls of ours as the network sees them, through a real UDP socket."""

from __future__ import annotations

from onhook.phone import (
    Codec,
    RemoteMedia,
    SipCause,
)
from phone.peer import line

CROSSED = SipCause(487, None, "hung up before the answer")


def tag_of(value: str) -> str:
    return value.rpartition(";tag=")[2]


async def test_a_call_from_dialling_to_hangup() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        invite = callee.invite
        host, port = on.peer.address
        ours = f"127.0.0.1:{on.endpoint.address[1]}"
        assert invite.start == f"INVITE sip:+6591112222@{host}:{port} SIP/2.0"
        assert invite["From"].startswith("<sip:+6531234567@127.0.0.1>;tag=")
        assert invite["To"] == f"<sip:+6591112222@{host}:{port}>"
        assert invite["P-Asserted-Identity"] == "<sip:+6531234567@127.0.0.1>"
        assert invite["Contact"] == f"<sip:{ours}>"
        assert invite["Via"].startswith(f"SIP/2.0/UDP {ours};branch=z9hG4bK")
        assert invite["Max-Forwards"] == "70"
        assert invite["CSeq"] == "1 INVITE"
        assert "UPDATE" in invite["Allow"]
        assert [invite.all(name) for name in ("Supported", "Require", "Privacy")] == [[], [], []]
        assert "m=audio 20000 RTP/AVP 0 8 101\r\n" in invite.body
        assert int(invite["Content-Length"]) == len(invite.body)
        assert dialler.call.destination == on.peer.address
        assert dialler.call.sip_call_id == invite["Call-ID"]

        callee.respond(100)
        callee.respond(180)
        assert await dialler.until("progressed") == (180, None)
        ack = await callee.answer()
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert (media.ip, media.port) == ("192.0.2.9", 40000)
        assert media.codecs == (Codec.PCMA, Codec.PCMU)
        assert ack.start == f"ACK {callee.contact[1:-1]} SIP/2.0"
        assert ack["To"] == f"{invite['To']};tag=callee"
        assert ack["From"] == invite["From"]
        assert ack["CSeq"] == "1 ACK"
        assert ack["Via"] != invite["Via"]

        dialler.call.hangup("all said")
        bye = await on.peer.request("BYE")
        assert bye.start == f"BYE {callee.contact[1:-1]} SIP/2.0"
        assert (bye["From"], bye["To"]) == (ack["From"], ack["To"])
        assert bye["CSeq"] == "2 BYE"
        assert bye["Reason"] == 'Q.850;cause=16;text="all said"'
        on.peer.answer(bye)
        assert await dialler.until("hangup_done") == SipCause(status=200)
        assert on.endpoint.live_calls == 0
        on.clock.advance(40)
        await on.peer.quiet()
        assert dialler.names == ["progressed", "answered", "hangup_done"]


async def test_the_callee_hangs_up() -> None:
    async with line() as on:
        dialler, callee = await on.talking()
        bye = callee.within("BYE", headers=("Reason: Q.850;cause=17",))
        first = await on.peer.status(200)
        assert await dialler.until("hung_up") == SipCause(None, 17)
        on.peer.send(bye)
        assert (await on.peer.status(200)).data == first.data
        assert on.endpoint.live_calls == 0
        dialler.call.hangup()  # too late, and no harm
        await on.peer.quiet()
