"""Calls of ours as the network sees them, through a real UDP socket."""

import pytest

from onhook.phone import (
    CallState,
    Direction,
    RemoteMedia,
    SdpCodec,
    ShownCaller,
    SipCause,
    Trunk,
)
from onhook.phone.reason import Reason
from phone.peer import SDP, Callee, Dialler, Line, line

CROSSED = SipCause(487, None, "hung up before the answer")
TIMED_OUT = SipCause(408, None, "no answer to the INVITE")


async def ringing(on: Line) -> tuple[Dialler, Callee]:
    dialler, callee = await on.dialled()
    callee.respond(180)
    await dialler.until("progressed")
    return dialler, callee


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
        assert [invite.all(name) for name in ("Supported", "Require", "Privacy")] == [
            ["100rel, timer"],
            [],
            [],
        ]
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
        assert media.codecs == (SdpCodec.PCMA, SdpCodec.PCMU)
        assert ack.start == f"ACK {callee.contact[1:-1]} SIP/2.0"
        assert ack["To"] == f"{invite['To']};tag=callee"
        assert ack["From"] == invite["From"]
        assert ack["CSeq"] == "1 ACK"
        assert ack["Via"] != invite["Via"]

        dialler.call.hangup(Reason(16, "all said"))
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
        assert await dialler.until("hung_up") == SipCause(None, 17, "", "Q.850;cause=17")
        on.peer.send(bye)
        assert (await on.peer.status(200)).data == first.data
        assert on.endpoint.live_calls == 0
        dialler.call.hangup()  # too late, and no harm
        await on.peer.quiet()


async def test_a_number_with_a_hash_and_no_caller_id() -> None:
    async with line() as on:
        _, callee = await on.dialled(called="*21#", caller=ShownCaller(""))
        assert callee.invite.start.startswith("INVITE sip:*21%23@127.0.0.1:")
        assert callee.invite["From"].startswith("<sip:127.0.0.1>;tag=")
        assert callee.invite.all("P-Asserted-Identity") == []


async def test_a_private_caller_is_asserted_to_the_trunk_alone() -> None:
    async with line() as on:
        _, callee = await on.dialled(caller=ShownCaller("+6531234567", private=True))
        invite = callee.invite
        assert invite["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
        assert invite["P-Asserted-Identity"] == "<sip:+6531234567@127.0.0.1>"
        assert invite["Privacy"] == "id"
        assert "6531234567" not in invite["From"] + invite["Contact"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"called": ""}, {"called": "+65 9"}, {"called": "1@evil"}, {"called": "9" * 65},
        {"called": "1\r\nX: y"}, {"called": "1;x"}, {"host": "a b"}, {"host": ""},
        {"host": "fe80::1%1"}, {"host": "-x"}, {"port": 0}, {"port": 70000}, {"transport": "ws"},
        {"username": "a\r\nb"},
    ],
)  # fmt: skip
async def test_what_cannot_be_dialled(wrong: dict[str, object]) -> None:
    async with line() as on:
        with pytest.raises(ValueError, match=r"trunk|dialled"):
            on.dial(**wrong)  # type: ignore[arg-type]
        assert on.endpoint.live_calls == 0


def test_what_else_is_no_call() -> None:
    with pytest.raises(ValueError, match="caller id"):
        ShownCaller("alice")
    assert "secret" not in repr(Trunk("h", username="u", password="secret"))


async def test_bad_media_addresses() -> None:
    async with line() as on:
        for ip, port in (("onhook.example", 20000), ("127.0.0.1", 0)):
            with pytest.raises(ValueError, match=r"onhook|port"):
                on.endpoint.dial(
                    Trunk("127.0.0.1"), "1", ShownCaller(""), ip=ip, port=port, listener=Dialler()
                )
        assert on.endpoint.live_calls == 0


# Before the answer.


async def test_early_media_of_forks_and_the_first_answer_has_the_call() -> None:
    async with line() as on:
        dialler, first = await on.dialled()
        second = Callee(on.peer, first.invite, tag="other")
        first.respond(183, SDP)
        second.respond(180)
        second.respond(183, SDP.replace("40000", "41000"))
        second.respond(183, "no sdp at all")
        first.respond(180, tag="")
        await on.peer.quiet()
        codes = [detail[0] for _, detail in dialler.heard if isinstance(detail, tuple)]
        early = [detail[1] for _, detail in dialler.heard if isinstance(detail, tuple)]
        assert codes == [183, 180, 183, 183, 180]
        ports = [media.port if media else None for media in early]
        assert ports == [40000, None, None, None, None]  # of the first that is heard

        ack = await second.answer(SDP.replace("40000", "42000"))
        assert ack.to_tag == "other"
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert media.port == 42000
        first.respond(180)  # too late
        first.respond(200, SDP)
        late, bye = await on.peer.request("ACK"), await on.peer.request("BYE")
        assert late.to_tag == bye.to_tag == "callee"
        assert (late["CSeq"], bye["CSeq"]) == ("1 ACK", "2 BYE")
        on.peer.answer(bye)
        first.respond(200, SDP)  # its ACK was lost
        assert (await on.peer.request("ACK")).data == late.data
        first.within("BYE")
        await on.peer.status(481)
        second.within("INFO", body="Signal=7", content_type="application/dtmf-relay")
        await on.peer.status(200)
        assert dialler.names[-2:] == ["answered", "digit"]
        assert dialler.call.state is CallState.ESTABLISHED


async def test_a_repeated_answer_is_acknowledged_each_time() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        first = await callee.answer()
        for _ in range(3):
            assert (await callee.answer()).data == first.data
        on.clock.advance(31)
        assert (await callee.answer()).data == first.data
        assert dialler.names == ["answered"]
        callee.within("BYE")
        await on.peer.status(200)
        assert (await callee.answer()).data == first.data  # even though the call is over
        on.clock.advance(2)
        callee.respond(200, SDP)
        await on.peer.quiet()


async def test_a_phone_may_ring_for_minutes() -> None:
    async with line() as on:
        dialler, callee = await ringing(on)
        on.clock.advance(600)
        await on.peer.quiet()
        await callee.answer()
        await dialler.until("answered")


async def test_nobody_is_there() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        on.clock.advance(31.9)
        assert dialler.names == []
        again = await on.peer.until_quiet()
        assert [message.data for message in again] == [callee.invite.data] * 6
        on.clock.advance(0.1)
        assert await dialler.until("failed") == TIMED_OUT
        assert on.endpoint.live_calls == 0
        callee.respond(180)
        callee.respond(200, SDP)
        await on.peer.quiet()
        assert dialler.names == ["failed"]


@pytest.mark.parametrize("status", [302, 401, 404, 407, 408, 480, 486, 487, 503, 600, 603])
@pytest.mark.parametrize("rings", [True, False])
async def test_a_refusal(status: int, rings: bool) -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        if rings:
            callee.respond(180)
        callee.respond(
            status,
            headers=(
                "Contact: <sip:+1900@192.0.2.66>",
                'WWW-Authenticate: Digest realm="r", nonce="n"',
                'Reason: Q.850;cause=17;text="User busy"',
            ),
        )
        ack = await on.peer.request("ACK")
        assert ack["Via"] == callee.invite["Via"]
        assert ack.start.split()[1] == callee.invite.start.split()[1]
        assert ack.to_tag == "callee"
        assert await dialler.until("failed") == SipCause(
            status, 17, "User busy", 'Q.850;cause=17;text="User busy"'
        )
        assert on.endpoint.live_calls == 0
        callee.respond(status)
        assert (await on.peer.request("ACK")).data == ack.data
        dialler.call.hangup()
        await on.peer.quiet()
        assert dialler.names == (["progressed", "failed"] if rings else ["failed"])


async def test_requests_of_a_ringing_phone() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.within("OPTIONS")
        await on.peer.status(481)  # nobody was heard to ring yet
        callee.respond(183, SDP)
        await dialler.until("progressed")
        callee.within("INVITE", body=SDP)
        await on.peer.status(491)
        callee.within("UPDATE", body=SDP)
        await on.peer.status(491)
        callee.within("UPDATE")
        await on.peer.status(200)
        callee.within("OPTIONS")
        await on.peer.status(200)
        callee.within("INFO", body="5", content_type="application/dtmf")
        await on.peer.status(200)
        callee.within("BYE")
        await on.peer.status(481)
        assert dialler.names == ["progressed"]
        await callee.answer()
        await dialler.until("answered")


async def test_many_forks_are_bounded() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        for number in range(40):
            Callee(on.peer, callee.invite, tag=f"f{number}").respond(180)
        Callee(on.peer, callee.invite, tag="f39").within("OPTIONS")
        for number in range(40):
            Callee(on.peer, callee.invite, tag=f"f{number}").respond(200, SDP)
        seen = [message.start.split()[0] for message in await on.peer.until_quiet()]
        assert (seen.count("ACK"), seen.count("BYE")) == (16, 15)
        assert dialler.names.count("answered") == 1
        on.clock.advance(40)


# Taking it back.


async def test_a_hangup_before_anything_waits_for_a_provisional_response() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        dialler.call.hangup(Reason(16, "changed my mind"))
        await on.peer.quiet()
        callee.respond(100)
        cancel = await on.peer.request("CANCEL")
        assert cancel["Via"] == callee.invite["Via"]
        assert cancel["CSeq"] == "1 CANCEL"
        assert cancel["To"] == callee.invite["To"]
        assert cancel.start.split()[1] == callee.invite.start.split()[1]
        assert "changed my mind" in cancel["Reason"]
        on.peer.answer(cancel)
        callee.respond(180)  # crossed; no second CANCEL, and not told
        await on.peer.quiet()
        callee.respond(487)
        await on.peer.request("ACK")
        assert await dialler.until("failed") == SipCause(487, None, "Whatever")
        assert dialler.names == ["failed"]
        assert on.endpoint.live_calls == 0


async def test_a_hangup_while_it_rings() -> None:
    async with line() as on:
        dialler, callee = await ringing(on)
        dialler.call.hangup()
        dialler.call.hangup()
        cancel = await on.peer.request("CANCEL")
        on.clock.advance(0.5)
        assert (await on.peer.request("CANCEL")).data == cancel.data
        on.peer.answer(cancel)
        callee.respond(487)
        await on.peer.request("ACK")
        await dialler.until("failed")
        on.clock.advance(40)
        await on.peer.quiet()


async def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    async with line() as on:
        dialler, callee = await ringing(on)
        dialler.call.hangup(Reason(16, "never mind"))
        cancel = await on.peer.request("CANCEL")
        ack = await callee.answer()
        bye = await on.peer.request("BYE")
        on.peer.answer(cancel, 481)
        assert ack.to_tag == bye.to_tag == "callee"
        assert "never mind" in bye["Reason"]
        assert (await callee.answer()).data == ack.data
        on.peer.answer(bye)
        assert await dialler.until("failed") == CROSSED
        assert dialler.names == ["progressed", "failed"]
        assert on.endpoint.live_calls == 0


async def test_an_answer_before_any_provisional_response_to_a_call_taken_back() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        dialler.call.hangup()
        await callee.answer()
        on.peer.answer(await on.peer.request("BYE"))
        assert await dialler.until("failed") == CROSSED
        await on.peer.quiet()


async def test_a_busy_that_crosses_the_cancel() -> None:
    async with line() as on:
        dialler, callee = await ringing(on)
        dialler.call.hangup()
        cancel = await on.peer.request("CANCEL")
        callee.respond(486)
        await on.peer.request("ACK")
        on.peer.answer(cancel)
        assert await dialler.until("failed") == SipCause(486, None, "Whatever")


async def test_no_final_response_after_the_cancel() -> None:
    async with line() as on:
        dialler, _ = await ringing(on)
        on.clock.advance(100)
        dialler.call.hangup()
        on.peer.answer(await on.peer.request("CANCEL"))
        await on.peer.quiet()
        on.clock.advance(31.9)
        assert dialler.names == ["progressed"]
        on.clock.advance(0.1)
        assert await dialler.until("failed") == TIMED_OUT
        assert on.endpoint.live_calls == 0


async def test_a_call_taken_back_that_nobody_ever_heard_of() -> None:
    async with line() as on:
        dialler, _ = await on.dialled()
        dialler.call.hangup()
        on.clock.advance(32)
        assert await dialler.until("failed") == TIMED_OUT
        assert {message.start.split()[0] for message in await on.peer.until_quiet()} == {"INVITE"}


async def test_a_call_that_is_not_launched_yet() -> None:
    async with line() as on:
        dialler = on.dial(at_once=False)
        await on.peer.quiet()
        assert dialler.call.record().pending_out is not None
        on.endpoint.launch(dialler.call)
        on.endpoint.launch(dialler.call)
        await on.peer.request("INVITE")
        await on.peer.quiet()
        other = on.dial(at_once=False)
        other.call.hangup()
        assert other.heard == [("failed", CROSSED)]
        on.endpoint.launch(other.call)
        await on.peer.quiet()
        assert on.endpoint.live_calls == 1


async def test_the_number_of_calls_is_bounded() -> None:
    async with line(capacity=1) as on:
        await on.dialled()
        dialler = on.dial()
        assert dialler.heard == []
        on.clock.advance(0)
        assert await dialler.until("failed") == SipCause(503, None, "too many calls")
        assert on.endpoint.live_calls == 1
        assert on.endpoint.counters["overloaded"] == 1
        await on.peer.quiet()


# The answer.


async def test_an_answer_with_fewer_codecs_and_another_payload_type() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        await callee.answer(SDP.replace("8 0 101", "8 96").replace(":101", ":96"))
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert media.codecs == (SdpCodec.PCMA,)
        assert (media.dtmf_payload_type, media.dtmf_from_peer) == (96, 101)
        callee.within("INVITE")
        assert "m=audio 20000 RTP/AVP 8 101" in (await on.peer.status(200)).body


async def test_an_answer_without_telephone_event() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        await callee.answer(SDP.replace("8 0 101", "0"))
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert (media.codecs, media.dtmf_payload_type) == ((SdpCodec.PCMU,), None)


UNUSABLE = [
    SDP.replace("8 0 101", "18 101"),
    SDP.replace("IP4", "IP6").replace("192.0.2.9", "2001:db8::1"),
    SDP.replace("192.0.2.9", "0.0.0.0"),
    "rubbish",
    "",
    SDP + "a=x\r\n" * 290,
    SDP + "a=" + "x" * 9000 + "\r\n",
]


@pytest.mark.parametrize("body", UNUSABLE)
async def test_an_answer_that_is_of_no_use_is_acknowledged_and_hung_up(body: str) -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        ack = await callee.answer(body)
        bye = await on.peer.request("BYE")
        assert ack.to_tag == bye.to_tag == "callee"
        assert dialler.names == []
        on.peer.answer(bye)
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 488
        assert on.endpoint.live_calls == 0


async def test_an_answer_that_the_phone_gave_while_it_rang() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, SDP.replace("40000", "44000"))
        await callee.answer("")
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert media.port == 44000


@pytest.mark.parametrize("contact", ["", "Contact: *", "Contact: <mailto:a@b>", "Contact: <sip:a"])
async def test_an_answer_without_a_usable_contact(contact: str) -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        ack = await callee.answer(contact=contact)
        assert ack.start.split()[1] == callee.invite.start.split()[1]
        await dialler.until("answered")
        dialler.call.hangup()
        assert (await on.peer.request("BYE")).start.split()[1] == ack.start.split()[1]


@pytest.mark.parametrize(
    "route", ["Record-Route: <sip:a", 'Record-Route: "x', "Record-Route: <mailto:a@b>",
              "Record-Route: " + ", ".join(["<sip:a;lr>"] * 21)],
)  # fmt: skip
async def test_an_answer_whose_route_cannot_be_read_is_hung_up(route: str) -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(180, headers=(route,))
        callee.respond(200, SDP, headers=(route,))
        await on.peer.request("ACK")
        on.peer.answer(await on.peer.request("BYE"))
        assert isinstance(await dialler.until("failed"), SipCause)
        assert dialler.names == ["progressed", "failed"]


async def test_an_answer_that_answers_something_else_is_not_heard() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        to = callee.invite["To"]
        callee.respond(200, SDP, cseq="7 INVITE")
        callee.respond(200, SDP, cseq="1 BYE")
        callee.respond(200, SDP, cseq="x")
        callee.respond(200, SDP, to=f"{to};tag=a b")
        callee.respond(200, SDP, to="<sip:")
        callee.respond(200, SDP, headers=("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx",))
        on.peer.send(
            callee.respond(200, SDP, tag="x", cseq="7 INVITE").replace(callee.call_id, "no")
        )
        await on.peer.quiet()
        assert dialler.names == []
        await callee.answer()
        await dialler.until("answered")


async def test_an_answer_with_no_tag_is_that_of_an_old_phone() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.tag = ""
        await callee.answer()
        await dialler.until("answered")
        callee.peer.send(callee.within("BYE").replace(";tag=\r\n", "\r\n", 1))
        assert "hung_up" in dialler.names or await dialler.until("hung_up")


async def test_the_route_of_a_call_of_ours_is_that_of_its_answer_reversed() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        near, far = f"<sip:127.0.0.1:{on.peer.address[1]};lr>", "<sip:far.example;lr>"
        callee.contact = "<sip:callee@192.168.1.9:5070>"
        ack = await callee.answer(headers=(f"Record-Route: {far}, {near}",))
        assert ack.all("Route") == [near, far]
        assert ack.start == "ACK sip:callee@192.168.1.9:5070 SIP/2.0"
        await dialler.until("answered")
        dialler.call.hangup()
        assert (await on.peer.request("BYE")).all("Route") == [near, far]


# Inside the call.


async def test_hold_and_a_changed_address() -> None:
    async with line() as on:
        dialler, callee = await on.talking()
        for body, held in (
            (SDP.replace("sendrecv", "sendonly"), True),
            (SDP.replace("sendrecv", "inactive"), True),
            (SDP.replace("192.0.2.9", "0.0.0.0"), True),
            (SDP.replace("192.0.2.9", "192.0.2.10").replace("40000", "40002"), False),
        ):
            callee.within("INVITE", body=body)
            answer = await on.peer.status(200)
            assert answer["Contact"] == callee.invite["Contact"]
            callee.within("ACK", cseq=callee.cseq)
            await on.peer.quiet()
            media = dialler.heard[-1][1]
            assert isinstance(media, RemoteMedia)
            assert media.on_hold is held
        assert dialler.heard[-1][1] == RemoteMedia(
            "192.0.2.10", 40002, (SdpCodec.PCMA, SdpCodec.PCMU), 101, 20, Direction.SENDRECV
        )
        callee.within("UPDATE", body=SDP)
        assert "m=audio 20000" in (await on.peer.status(200)).body
        assert dialler.names == ["answered", *["media_moved"] * 5]


async def test_other_requests_inside_a_call_of_ours() -> None:
    async with line() as on:
        dialler, callee = await on.talking()
        callee.within("OPTIONS")
        assert "BYE" in (await on.peer.status(200))["Allow"]
        callee.within("INFO", body="Signal= 5\r\nDuration= 160\r\n",
                      content_type="application/dtmf-relay")  # fmt: skip
        await on.peer.status(200)
        callee.within("INFO", body="#", content_type="application/dtmf")
        await on.peer.status(200)
        callee.within("INFO", cseq=1)
        await on.peer.status(500)
        callee.within("REFER")
        await on.peer.status(603)
        callee.within("MESSAGE")
        await on.peer.status(405)
        callee.within("BYE", tag="stranger")
        await on.peer.status(481)
        assert [detail for name, detail in dialler.heard if name == "digit"] == ["5", "#"]
        assert on.endpoint.live_calls == 1


async def test_a_reinvite_that_is_never_acknowledged_ends_the_call() -> None:
    async with line() as on:
        dialler, callee = await on.talking()
        callee.within("INVITE", body=SDP)
        await on.peer.status(200)
        callee.within("INVITE", body=SDP)
        await on.peer.status(491)
        on.clock.advance(32)
        for _ in range(10):
            await on.peer.status(200)
        on.peer.answer(await on.peer.request("BYE"))
        await dialler.until("hangup_done")
        assert dialler.names == ["answered", "media_moved", "hangup_done"]


async def test_both_hang_up_at_once() -> None:
    async with line() as on:
        dialler, callee = await on.talking()
        dialler.call.hangup()
        await on.peer.request("BYE")
        callee.within("BYE")
        await on.peer.status(200)
        assert dialler.names == ["answered", "hangup_done"]
        assert on.endpoint.live_calls == 0


async def test_a_bye_of_ours_that_is_never_answered() -> None:
    async with line() as on:
        dialler, _ = await on.talking()
        dialler.call.hangup()
        on.clock.advance(32)
        assert await dialler.until("hangup_done") == SipCause(408)


async def test_a_bye_while_an_unusable_answer_is_hung_up() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        await callee.answer("")
        await on.peer.request("BYE")
        callee.within("BYE")
        await on.peer.status(200)
        assert dialler.names == ["failed"]
        assert on.endpoint.live_calls == 0


async def test_a_probe_of_a_call_of_ours() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        heard: list[SipCause] = []
        assert not dialler.call.probe(heard.append)
        await callee.answer()
        await dialler.until("answered")
        assert dialler.call.probe(heard.append)
        options = await on.peer.request("OPTIONS")
        assert options["CSeq"] == "2 OPTIONS"
        on.peer.answer(options, 481)
        await on.peer.quiet()
        assert heard == [SipCause(481)]


async def test_the_peer_of_a_call_of_ours_need_not_be_trusted() -> None:
    async with line(trusted_peers=()) as on:
        dialler = on.dial()
        callee = Callee(on.peer, await on.peer.request("INVITE"))
        callee.respond(200, SDP)
        await on.peer.request("ACK")
        callee.within("BYE")
        await on.peer.status(200)
        assert dialler.names == ["answered", "hung_up"]


async def test_close_in_the_middle_of_calls_of_ours() -> None:
    async with line() as on:
        diallers = [(await on.dialled())[0], (await on.talking())[0]]
        await on.endpoint.close()
        for dialler in diallers:
            dialler.call.hangup()
        assert on.endpoint.live_calls == 0
