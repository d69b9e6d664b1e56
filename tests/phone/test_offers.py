"""Offers and answers as the world writes them: in parts, by name, over AVPF, under other numbers, closed."""

import threading

import pytest

from onhook.phone import IncomingCall, RemoteMedia, SdpCodec, SipCause
from onhook.phone.media_hosts import MediaHosts
from onhook.phone.resolver import HostResolver
from onhook.phone.sdp import Direction
from phone.peer import SDP, Caller, Line, Message, leave_ringing, line

MULTIPART = "multipart/mixed;boundary=edge"
NAMED = SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 localhost")
LOST = SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 media.invalid")
CLOSED = SDP.replace("audio 40000", "audio 0")
VIDEO = "m=video 5000 RTP/AVP 96\r\n"


def in_parts(sdp: str) -> str:
    isup = (
        "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\nx"
    )
    return (
        f"--edge\r\n{isup}\r\n--edge\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--edge--\r\n"
    )


def streams(message: Message) -> list[str]:
    return [text for text in message.body.split("\r\n") if text.startswith("m=")]


def finding(on: Line, **addresses: str) -> list[str]:
    """Have names found as these; what was asked for."""
    asked: list[str] = []

    def look_up(host: str) -> str:
        asked.append(host)
        if host not in addresses:
            raise OSError
        return addresses[host]

    on.endpoint.media_hosts = MediaHosts(HostResolver(look_up))
    return asked


async def test_an_offer_in_parts_and_an_answer_in_parts() -> None:
    async with line() as on:
        final = await Caller(on.peer).established(body=in_parts(SDP), content_type=MULTIPART)
        assert streams(final) == ["m=audio 20000 RTP/AVP 8 101"]
        caller = Caller(on.peer)
        final = await caller.answered(body="")
        text = on.peer.text(
            "ACK", call_id=caller.call_id, to_tag=final.to_tag, body=in_parts(SDP),
            content_type=MULTIPART,
        )  # fmt: skip
        on.peer.send(text)
        media = await on.owners[1].until("acknowledged")
        assert media == on.owners[0].call.offer
        dialler, callee = await on.dialled()
        callee.respond(183, in_parts(SDP), content_type=MULTIPART)
        callee.respond(200, in_parts(SDP), content_type=MULTIPART)
        answered = await dialler.until("answered")
        assert dialler.heard[0] == ("progressed", (183, answered))


async def test_a_required_part_that_is_not_understood() -> None:
    async with line() as on:
        body = in_parts(SDP).replace("optional", "required")
        Caller(on.peer).invite(body=body, content_type=MULTIPART)
        refused = await on.peer.status(415)
        assert refused["Accept"] == "application/sdp, multipart/mixed"
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE", body=body, content_type=MULTIPART)
        await on.peer.status(415)


async def test_feedback_is_answered_in_kind() -> None:
    async with line() as on:
        offer = SDP.replace("RTP/AVP", "RTP/AVPF") + "a=rtcp-fb:* nack\r\n"
        caller = Caller(on.peer)
        final = await caller.established(body=offer)
        assert streams(final) == ["m=audio 20000 RTP/AVPF 8 101"]
        caller.within("INVITE")  # our offer is like theirs
        assert streams(await on.peer.status(200)) == ["m=audio 20000 RTP/AVPF 8 101"]


async def test_a_codec_under_another_number() -> None:
    async with line() as on:
        offer = SDP.replace("AVP 8 0 101", "AVP 97 101").replace(":8 PCMA", ":97 PCMU")
        caller = Caller(on.peer)
        final = await caller.established(body=offer.replace("a=rtpmap:0 PCMU/8000\r\n", ""))
        assert streams(final) == ["m=audio 20000 RTP/AVP 97 101"]
        assert "a=rtpmap:97 PCMU/8000\r\n" in final.body
        media = on.owner.call.offer
        assert media is not None
        assert (media.codecs, media.payload_type) == ((SdpCodec.PCMU,), 97)
        caller.within("INVITE")
        assert streams(await on.peer.status(200)) == ["m=audio 20000 RTP/AVP 97 101"]


async def test_an_offer_from_us_has_the_streams_of_before() -> None:
    """RFC 3264 8: none of them goes away."""
    async with line() as on:
        caller = Caller(on.peer)
        head, audio = SDP.split("m=audio")
        await caller.established(body=f"{head}{VIDEO}m=audio{audio}m=image 9 udptl t38\r\n")
        caller.within("INVITE")
        ours = await on.peer.status(200)
        assert streams(ours) == [
            "m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVP 8 101", "m=image 0 udptl t38",
        ]  # fmt: skip


# Hosts by name ------------------------------------------------------------------------------------


async def test_audio_at_a_host_that_has_a_name() -> None:
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        caller.invite(body=NAMED)
        await on.peer.status(100)
        await on.peer.until_quiet()
        while not on.owners:
            await on.peer.until_quiet()
        offer = on.owner.call.offer
        assert offer is not None
        assert (offer.ip, offer.port) == ("127.0.0.1", 40000)
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        final = await on.peer.status(200)
        caller.to_tag = final.to_tag
        caller.ack()
        caller.within("INVITE", body=NAMED)
        assert streams(await on.peer.status(200)) == ["m=audio 20000 RTP/AVP 8 101"]


@pytest.mark.parametrize("address", [None, "10.1.2.3", "224.0.0.1", "0.0.0.0"])
async def test_a_name_that_leads_nowhere_that_the_peer_could_name(address: str | None) -> None:
    """Nothing, a network of ours, or nobody: 488 with a Warning (RFC 3261 20.43)."""
    async with line() as on:
        asked = finding(on, **({"media.invalid": address} if address else {}))
        caller = Caller(on.peer)
        caller.invite(body=LOST)
        await on.peer.status(100)
        refused = await on.peer.status(488)
        agent = f"127.0.0.1:{on.endpoint.address[1]}"
        assert refused["Warning"].startswith(f'301 {agent} "media address ')
        caller.to_tag = refused.to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        assert (on.owners, on.endpoint.live_calls, asked) == ([], 0, ["media.invalid"])


async def test_a_name_server_that_does_not_answer_holds_nothing_up() -> None:
    """Repetitions are absorbed, other calls go on, and the caller may give up."""
    async with line() as on:
        answer = threading.Event()

        def look_up(host: str) -> str:
            answer.wait(60)
            raise OSError

        on.endpoint.media_hosts = MediaHosts(HostResolver(look_up))
        slow = Caller(on.peer)
        text = slow.invite(body=LOST)
        await on.peer.status(100)
        on.peer.send(text)
        await on.peer.status(100)
        await Caller(on.peer).established()
        slow.cancel()
        await on.peer.status(200)
        await on.peer.status(487)
        answer.set()
        assert len(on.owners) == 1


async def test_in_mid_call_a_host_is_looked_up_once_and_others_wait() -> None:
    async with line() as on:
        answer = threading.Event()
        asked: list[str] = []

        def look_up(host: str) -> str:
            asked.append(host)
            answer.wait(60)
            return "127.0.0.1"

        on.endpoint.media_hosts = MediaHosts(HostResolver(look_up))
        caller = Caller(on.peer)
        await caller.established()
        text = caller.within("INVITE", body=LOST)
        on.peer.send(text)
        await on.peer.quiet()
        caller.within("UPDATE", body=SDP)
        assert (await on.peer.status(500)).all("Retry-After")
        caller.within("OPTIONS")
        await on.peer.status(200)
        answer.set()
        assert (await on.peer.status(200))["CSeq"] == "2 INVITE"
        assert asked == ["media.invalid"]
        caller.ack(cseq=2)


async def test_the_call_is_over_before_its_host_is_found() -> None:
    async with line() as on:
        answer = threading.Event()

        def look_up(host: str) -> str:
            answer.wait(60)
            return "127.0.0.1"

        on.endpoint.media_hosts = MediaHosts(HostResolver(look_up))
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE", body=LOST)
        caller.within("BYE")
        await on.peer.status(200)
        answer.set()
        await on.peer.status(481)


async def test_a_callee_names_the_host_of_its_audio() -> None:
    """Early, and in the answer, which is acknowledged at once."""
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, NAMED)
        while len(dialler.heard) < 2:
            await on.peer.quiet()
        await callee.answer(NAMED)
        answered = await dialler.until("answered")
        assert isinstance(answered, RemoteMedia)
        assert answered.ip == "127.0.0.1"
        assert dialler.heard[:2] == [("progressed", (183, None)), ("progressed", (183, answered))]
        dialler.call.hangup()
        on.peer.answer(await on.peer.request("BYE"))
        await dialler.until("hangup_done")


async def test_a_callee_whose_host_is_not_found_is_hung_up() -> None:
    async with line() as on:
        finding(on)
        dialler, callee = await on.dialled()
        await callee.answer(LOST)
        on.peer.answer(await on.peer.request("BYE"))
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 488


async def test_a_callee_hangs_up_before_its_host_is_found() -> None:
    async with line() as on:
        answer = threading.Event()

        def look_up(host: str) -> str:
            answer.wait(60)
            return "127.0.0.1"

        on.endpoint.media_hosts = MediaHosts(HostResolver(look_up))
        dialler, callee = await on.dialled()
        await callee.answer(LOST)
        callee.within("BYE")
        await on.peer.status(200)
        await dialler.until("failed")
        answer.set()
        await on.peer.quiet()
        assert dialler.names == ["failed"]
        assert on.endpoint.live_calls == 0


async def test_an_answer_in_the_ack_names_its_host() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered(body="")
        caller.ack(NAMED)
        media = await on.owner.until("acknowledged")
        assert isinstance(media, RemoteMedia)
        assert media.ip == "127.0.0.1"


# No audio -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_stream_that_is_closed_in_mid_call_and_opened_again(method: str) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within(method, body=CLOSED + VIDEO)
        closed = await on.peer.status(200)
        assert streams(closed) == ["m=audio 0 RTP/AVP 8 0 101", "m=video 0 RTP/AVP 96"]
        if method == "INVITE":
            caller.ack(cseq=caller.cseq)
        moved = await on.owner.until("media_moved")
        assert isinstance(moved, RemoteMedia)
        assert moved.on_hold
        assert (moved.direction, moved.codecs[0]) == (Direction.INACTIVE, SdpCodec.PCMA)
        caller.within(method, body=SDP + VIDEO)
        opened = await on.peer.status(200)
        assert streams(opened) == ["m=audio 20000 RTP/AVP 8 101", "m=video 0 RTP/AVP 96"]
        await on.peer.quiet()
        assert on.owner.heard[-1][1] == on.owner.call.offer
        assert on.endpoint.live_calls == 1


async def test_a_call_does_not_begin_without_audio() -> None:
    async with line() as on:
        for body, code in ((CLOSED, 304), (SDP.replace("m=audio", "m=video"), 304)):
            Caller(on.peer).invite(body=body)
            assert (await on.peer.status(488))["Warning"].startswith(f"{code} ")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("RTP/AVP 8 0 101", "RTP/AVP 18 101", 305),
        ("RTP/AVP", "RTP/SAVP", 302),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 2001:db8::1", 301),
        ("c=IN IP4 192.0.2.9", "c=ATM NSAP 47.0091", 300),
    ],
)
async def test_what_is_of_no_use_is_refused_with_a_warning(old: str, new: str, code: int) -> None:
    async with line() as on:
        agent = f"127.0.0.1:{on.endpoint.address[1]}"
        Caller(on.peer).invite(body=SDP.replace(old, new) + VIDEO)
        assert (await on.peer.status(488))["Warning"].startswith(f'{code} {agent} "')
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE", body=SDP.replace(old, new))
        assert (await on.peer.status(488))["Warning"].startswith(f'{code} {agent} "')


@pytest.mark.parametrize("status", [488, 606])
async def test_an_owner_that_rejects_so_warns_as_well(status: int) -> None:
    def reject(call: IncomingCall) -> None:
        call.reject(status, 'no "good"')

    async with line(reject) as on:
        Caller(on.peer).invite()
        await on.peer.status(100)
        warning = (await on.peer.status(status))["Warning"]
        assert warning == f'399 127.0.0.1:{on.endpoint.address[1]} "no \\"good\\""'


@pytest.mark.parametrize(
    ("warning", "text"),
    [
        ('305 pbx.example:5060 "Only \\"G.729\\" here"', 'Only "G.729" here'),
        ("305 pbx.example", "Whatever"),
        ('305 pbx.example "no end', "Whatever"),
    ],
)
async def test_what_a_callee_warns_of_is_why_it_refused(warning: str, text: str) -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(488, headers=(f"Warning: {warning}",))
        await on.peer.request("ACK")
        assert await dialler.until("failed") == SipCause(488, None, text)


# INFO ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "kind", "status"),
    [
        ((), "Signal=5\r\n", "application/dtmf-relay", 200),
        ((), "5", "Application/DTMF; x=y", 200),
        ((), "", "", 200),
        ((), "<media_control/>", "application/media_control+xml", 415),
        (("Content-Disposition: render;handling=optional",), "x", "text/plain", 200),
        (("Info-Package: trickle-ice",), "x", "application/trickle-ice-sdpfrag", 469),
        (("Info-Package: dtmf",), "5", "application/dtmf", 469),
    ],
)
async def test_info(headers: tuple[str, ...], body: str, kind: str, status: int) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INFO", headers=headers, body=body, content_type=kind)
        answer = await on.peer.status(status)
        if status == 415:
            assert answer["Accept"] == "application/dtmf-relay, application/dtmf"
        if status == 469:
            assert answer.start.endswith("Bad Info Package")
            assert answer.all("Recv-Info") == [""]
        digits = [detail for name, detail in on.owner.heard if name == "digit"]
        assert digits == (["5"] if status == 200 and "5" in body else [])
