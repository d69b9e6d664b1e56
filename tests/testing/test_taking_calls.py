"""A phone that takes calls, called by another phone: real UDP, both ends looked at."""

import asyncio

import numpy as np
import pytest

from onhook.testing import (
    CallNotAnswered,
    How,
    IncomingPhoneCall,
    Phone,
    PhoneCall,
    PhoneError,
    PhoneTimeout,
    find_tone,
    requests,
    tone,
)

NUMBER = "+6531234567"


async def connect(
    caller: Phone, callee: Phone, **options: object
) -> tuple[PhoneCall, IncomingPhoneCall]:
    """A call from one phone to the other, answered and acknowledged."""
    out = await caller.call(NUMBER, server=callee.address, **options)  # type: ignore[arg-type]
    into = await callee.incoming()
    await into.answer()
    await out.answered()
    return out, into


def assert_no_complaints(*calls: PhoneCall | IncomingPhoneCall) -> None:
    assert [call.complaints for call in calls] == [[] for _ in calls]


async def test_a_whole_call() -> None:
    async with Phone("+6591110000") as caller, Phone("+6591112222") as callee:
        out = await caller.call(NUMBER, server=callee.address, talk=tone(700, 300))
        into = await callee.incoming()
        assert (into.called, into.caller_id) == (NUMBER, "+6591110000")
        assert (into.asserted, into.privacy) == ("", "")
        assert into.offered == ["PCMU", "PCMA", "telephone-event"]
        into.ring()
        assert (await out.ringing()).status == 180
        assert not into.is_up()
        ack = await into.answer()
        assert ack.method == "ACK"
        assert into.is_up()
        await out.answered()
        await into.say(tone(440, 200))
        await into.send_digits("12#")
        await out.send_digits("9")
        assert (await out.info_digit("5")).status == 200
        assert (await into.info_digit("6")).status == 200
        assert (await into.hang_up()).how is How.BYE_SENT
        assert (await out.ended()).how is How.BYE_RECEIVED

        heard, said = out.recording, into.recording
        heard_ms = find_tone(heard.pcm(), 440)
        assert heard_ms is not None
        assert heard_ms[1] - heard_ms[0] == pytest.approx(200, abs=4)
        assert find_tone(said.pcm(), 700) is not None
        assert (heard.digits(), said.digits()) == ("12#", "9")
        names = [event.name for event in into.events if event.name != "digit_sent"]
        assert names == [
            "invite_received",
            "ringing",
            "answered",
            "ack_received",
            "bye_sent",
            "ended",
        ]
        assert_no_complaints(out, into)
        assert (callee.calls, callee.incoming_calls) == ([], [into])


async def test_the_caller_hangs_up() -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        await out.hang_up(headers=[("Reason", "SIP;cause=200")])
        ended = await into.ended()
        assert (ended.how, ended.reason) == (How.BYE_RECEIVED, "SIP;cause=200")
        assert await into.hang_up() == ended
        assert_no_complaints(out, into)


async def test_who_calls_and_what_was_called() -> None:
    headers = [
        ("P-Asserted-Identity", '"Shop" <sip:+6561112222@trunk.example;user=phone>'),
        ("P-Asserted-Identity", "<tel:+6561112222>"),
        ("Privacy", "id"),
    ]
    async with Phone() as caller, Phone() as trunk:
        for caller_id in ("anonymous", "+6591110000"):
            server = trunk.address
            out = await caller.call(
                "sip:%2B65123;npdi@h", server=server, caller=caller_id, headers=headers
            )
            into = await trunk.incoming()
            assert (into.called, into.caller_id) == ("+65123", caller_id)
            assert (into.asserted, into.privacy) == ("+6561112222", "id")
            assert into.invite.call_id == out.call_id == into.call_id


async def test_many_calls_at_once_are_told_apart_by_what_was_called() -> None:
    async with Phone() as caller, Phone() as trunk:
        numbers = [f"+6590000{n:03}" for n in range(20)]
        outs = [await caller.call(number, server=trunk.address) for number in numbers]
        last = await trunk.incoming(called=numbers[-1])
        first = await trunk.incoming()
        assert (last.called, first.called) == (numbers[-1], numbers[0])
        await asyncio.gather(*(call.answer() for call in trunk.incoming_calls))
        await asyncio.gather(*(out.answered() for out in outs))
        assert len({call.audio.address for call in trunk.incoming_calls}) == 20
        assert_no_complaints(*outs, *trunk.incoming_calls)
    assert {(await out.ended()).how for out in outs} == {How.BYE_RECEIVED}


async def test_early_media_is_heard_before_the_answer() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        await into.early_media(tone(440, 200))
        assert (await out.ringing()).status == 183
        await into.answer()
        await out.answered()
        await into.say(tone(1000, 200))
        early = out.recording.before(out.time_of("answered"))
        assert find_tone(early.pcm(), 440) == pytest.approx((0, 200), abs=2)
        progress, answer = out.log.received(183)[0].message, out.log.received(200)[0].message
        assert progress.body == answer.body != b""
        await into.hang_up()
        assert find_tone(out.recording.pcm(), 1000) is not None
        assert_no_complaints(out, into)


async def test_the_codec_is_the_one_that_the_callee_takes() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, talk=tone(700, 100))
        into = await callee.incoming()
        with pytest.raises(PhoneError, match="G729"):
            await into.answer(codecs=("G729",))
        await into.answer(codecs=("PCMA",), telephone_event=False, talk=tone(440, 100))
        await out.answered()
        with pytest.raises(PhoneError, match="telephone-event"):
            await out.send_digits("1")
        await into.say(tone(1000, 60))
        await into.hang_up()
        assert {packet.payload_type for packet in out.recording.packets} == {8}
        assert {packet.payload_type for packet in into.recording.packets} == {8}
        assert find_tone(out.recording.pcm(), 440) == pytest.approx((0, 100), abs=2)
        assert find_tone(into.recording.pcm(), 700) == pytest.approx((0, 100), abs=2)


async def test_an_invite_without_offer_is_answered_with_one() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, offer=False, codecs=("PCMA",))
        into = await callee.incoming()
        assert into.offered == []
        with pytest.raises(PhoneError, match="no SDP"):
            await into.early_media(tone(440, 20))
        ack = await into.answer(talk=tone(440, 100))
        assert b"RTP/AVP 8 101" in ack.body
        await into.say(tone(440, 20))
        await into.hang_up()
        assert find_tone(out.recording.pcm(), 440) == pytest.approx((0, 120), abs=2)
        assert_no_complaints(out, into)


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "Busy Here"), (603, "Decline"), (503, "Full")]
)
async def test_a_rejection(status: int, reason: str) -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        into.ring()
        into.reject(status, "" if status != 503 else reason, headers=[("Retry-After", "5")])
        ended = await out.ended()
        assert (ended.how, ended.code, ended.reason) == (How.REJECTED, status, reason)
        assert (await into.acknowledged()).method == "ACK"
        assert (await into.ended()).how is How.REJECTION_SENT
        with pytest.raises(CallNotAnswered):
            into.ring()
        assert len(into.log.sent(status)) == 1
        assert_no_complaints(out, into)


async def test_a_redirection() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        (await callee.incoming()).redirect("sip:+6598887777@127.0.0.1:5999")
        assert (await out.ended()).code == 302
        (moved,) = out.log.received(302)
        assert moved.message.values("Contact") == ["<sip:+6598887777@127.0.0.1:5999>"]


async def test_a_caller_that_gives_up() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        into.ring()
        assert (await out.cancel()).how is How.CANCELLED
        ended = await into.cancelled()
        assert (ended.how, ended.code) == (How.CANCEL_RECEIVED, 487)
        await into.acknowledged()
        with pytest.raises(CallNotAnswered, match="487"):
            await into.answer()
        assert_no_complaints(out, into)


async def test_an_answer_that_crosses_the_cancel() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        into.ring()
        await out.ringing()
        into.ignore_cancel()
        giving_up = asyncio.ensure_future(out.cancel())
        await into.received("CANCEL")
        await into.answer()
        assert (await giving_up).how is How.BYE_SENT
        assert (await into.ended()).how is How.BYE_RECEIVED
        with pytest.raises(PhoneError, match="not cancelled"):
            await into.cancelled()


async def test_lost_acks_are_sent_again() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        await into.answer(ignore_acks=1)
        assert [seen.ignored for seen in into.log.received("ACK")] == [True, False]
        answers = out.log.received(200)
        assert len(answers) == 2
        assert answers[0].message == answers[1].message
        assert_no_complaints(out, into)


async def test_no_ack_at_all() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, ack=False)
        into = await callee.incoming()
        with pytest.raises(PhoneTimeout, match="ACK"):
            await into.answer(timeout_s=0.7)
        await out.received(200, 2)
        into.vanish()


async def test_an_ack_when_the_test_says_so() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, ack=False)
        into = await callee.incoming()
        with pytest.raises(PhoneError, match="cannot send ACK"):
            out.acknowledge()
        answering = asyncio.ensure_future(into.answer())
        await out.answered()
        assert into.log.received("ACK") == []
        out.acknowledge()
        await answering
        assert len(into.log.received("ACK")) >= 1


async def test_an_answer_that_nobody_acknowledges_ends_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 3261 13.3.1.4: after 64 T1, which is a third of a second here."""
    monkeypatch.setattr(requests, "GIVE_UP_S", 0.3)
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, ack=False)
        into = await callee.incoming()
        with pytest.raises(PhoneTimeout, match="no ACK"):
            await into.answer()
        assert (await into.ended()).how is How.NO_ACK
        assert (await out.ended()).how is How.BYE_RECEIVED


async def test_a_bye_while_it_rings_ends_the_invite_too() -> None:
    """RFC 3261 15.1.2, though a caller should send CANCEL."""
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        into.ring()
        tag = (await out.ringing()).to_tag
        invite = into.invite.to_bytes().decode().partition("Content-Type")[0]
        bye = invite.replace("INVITE", "BYE").replace("CSeq: 1", "CSeq: 2")
        bye = bye.replace("z9hG4bK", "z9hG4bKb").replace("\r\nCall-ID", f";tag={tag}\r\nCall-ID")
        caller.send_raw(f"{bye}\r\n".encode(), callee.address)
        assert (await into.ended()).how is How.BYE_RECEIVED
        assert (await out.ended()).code == 487


async def test_requests_of_the_callee_follow_the_record_route() -> None:
    async with Phone() as caller, Phone() as callee:
        near = f"<sip:127.0.0.1:{caller.address[1]};lr>"
        far = f"<sip:far@127.0.0.1:{callee.address[1]};lr>"
        routes = [("Record-Route", near), ("Record-Route", far)]
        out, into = await connect(caller, callee, headers=routes)
        await into.hang_up()
        (bye,) = out.log.received("BYE")
        assert bye.message.values("Route") == [near, far]
        (ack,) = into.log.received("ACK")
        assert ack.message.values("Route") == [far, near]
        assert bye.message.uri == f"sip:{caller.number}@127.0.0.1:{caller.address[1]}"


async def test_a_repeated_invite_is_no_second_call() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        into.ring()
        out.repeat_invite()
        await out.received(180, 2)
        await into.answer()
        out.repeat_invite()
        await out.received(200, 2)
        assert len(callee.incoming_calls) == 1
        assert_no_complaints(out, into)


async def test_invites_that_were_lost() -> None:
    async with Phone() as caller, Phone() as callee:
        callee.ignore_invites(1)
        out = await caller.call(NUMBER, server=callee.address)
        with pytest.raises(PhoneTimeout, match="no call came in"):
            await callee.incoming(timeout_s=0.1)
        into = await callee.incoming()
        assert callee.arrivals.ignored == [into.invite]
        assert len(out.log.sent("INVITE")) == 2


async def test_hold_and_unhold() -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        for held, holder in ((out, into), (into, out)):
            answer = await holder.hold()
            assert b"a=recvonly" in answer.body
            assert b"a=sendonly" in held.log.received("INVITE")[-1].message.body
            with pytest.raises(PhoneError, match="no sound"):
                await held.say(tone(440, 20))
            assert b"a=sendrecv" in (await holder.unhold()).body
            await held.say(tone(440, 60))
            assert b"a=inactive" in (await holder.hold("inactive")).body
            await holder.unhold()
        await out.hang_up()
        for call in (out, into):
            assert find_tone(call.recording.pcm(), 440) is not None
            invites = call.log.received("INVITE")[-3:]
            versions = [int(seen.message.body.split()[3]) for seen in invites]
            assert versions == sorted(set(versions))
        assert_no_complaints(out, into)


@pytest.mark.parametrize("mover", ["caller", "callee"])
async def test_a_move_to_a_new_port(mover: str) -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        moving, staying = (out, into) if mover == "caller" else (into, out)
        await asyncio.gather(staying.say(tone(440, 100)), moving.say(tone(700, 100)))
        before = moving.audio.address
        await moving.move()
        after = moving.audio.address
        await asyncio.gather(staying.say(tone(1000, 100)), moving.say(tone(1400, 100)))
        await moving.hang_up()
        assert before != after
        ports = [packet.local_port for packet in moving.recording.audio]
        assert ports == sorted(ports, key=[before[1], after[1]].index)
        assert set(ports) == {before[1], after[1]}
        assert {packet.source for packet in staying.recording.audio} == {before, after}
        for hz in (440, 1000):
            assert find_tone(moving.recording.pcm(), hz) is not None
        for hz in (700, 1400):
            assert find_tone(staying.recording.pcm(), hz) is not None
        assert staying.recording.lost == 0
        assert_no_complaints(out, into)


async def test_invites_that_cross_are_both_refused() -> None:
    """RFC 3261 14.2: who waits for the answer to an INVITE of his own refuses with 491."""
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        answers = await asyncio.gather(out.reinvite(), into.reinvite())
        assert [answer.status for answer in answers] == [491, 491]
        assert (await out.reinvite()).status == 200
        assert_no_complaints(out, into)


async def test_a_refused_hold_is_an_error() -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        crossing = asyncio.ensure_future(into.reinvite())
        with pytest.raises(PhoneError, match="491"):
            await out.hold()
        await crossing


async def test_bye_crosses_bye() -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        ends = await asyncio.gather(out.hang_up(), into.hang_up())
        assert [ended.how for ended in ends] == [How.BYE_SENT, How.BYE_SENT]
        assert_no_complaints(out, into)


async def test_a_policy_answers_by_itself() -> None:
    async with Phone() as caller, Phone() as callee:
        callee.on_call = lambda call: call.answer(talk=tone(440, 100))
        out = await caller.call(NUMBER, server=callee.address)
        await out.answered()
        assert (await callee.incoming()) is callee.incoming_calls[0]
        callee.on_call = lambda call: call.reject(486)
        out = await caller.call(NUMBER, server=callee.address)
        assert (await out.ended()).code == 486


async def test_what_a_policy_raises_is_raised_at_the_end() -> None:
    async with Phone() as caller:
        with pytest.raises(ValueError, match="200 does not refuse"):
            async with Phone() as callee:
                callee.on_call = lambda call: call.reject(200)
                await caller.call(NUMBER, server=callee.address)
                await callee.incoming()


async def test_leaving_ends_every_call() -> None:
    async with Phone() as caller:
        async with Phone() as callee:
            talking, _ = await connect(caller, callee)
            ringing = await caller.call(NUMBER, server=callee.address)
            (await callee.incoming()).ring()
            gone, vanished = await connect(caller, callee)
            vanished.vanish()
        assert (await talking.ended()).how is How.BYE_RECEIVED
        assert (await ringing.ended()).code == 480
        assert not gone.is_over()
        gone.vanish()


async def test_an_invite_with_unreadable_sdp() -> None:
    async with Phone() as caller, Phone() as callee:
        out, _ = await connect(caller, callee)
        text = out.log.sent("INVITE")[0].message.to_bytes()
        caller.send_raw(
            text.replace(b"z9hG4bK", b"z9hG4bKx").replace(b"m=audio", b"m=video"), callee.address
        )
        broken = await callee.incoming()
        assert "the SDP of the INVITE" in broken.complaints[0]
        with pytest.raises(PhoneError, match="cannot be read"):
            await broken.answer()


async def test_a_caller_that_breaks_the_rules_is_told_of() -> None:
    async with Phone() as caller, Phone() as callee:
        out = await caller.call(NUMBER, server=callee.address, ack=False)
        into = await callee.incoming()
        invite = out.log.sent("INVITE")[0].message.to_bytes().decode()
        other = invite.replace("z9hG4bK", "z9").replace("Max-Forwards: 70\r\n", "")
        other = (
            other.replace("Call-ID: ", "Call-ID: x")
            .replace("Contact:", "X-Contact:")
            .replace("Allow:", "X-Allow:")
        )
        caller.send_raw(other.replace("application/sdp", "text/plain").encode(), callee.address)
        told = "\n".join((await callee.incoming()).complaints)
        for sentence in ("magic cookie", "Max-Forwards", "one Contact", "Allow", "Content-Type"):
            assert sentence in told
        cancel = invite.replace("INVITE sip:+65", "CANCEL sip:+66").replace("1 INVITE", "2 CANCEL")
        into.ignore_cancel()
        caller.send_raw(cancel.partition("Content-Type")[0].encode() + b"\r\n", callee.address)
        await into.received("CANCEL")
        told = "\n".join(into.complaints)
        assert "URI of the CANCEL" in told
        assert "number in CSeq" in told
        answering = asyncio.ensure_future(into.answer())
        await out.answered()
        ack = invite.replace("INVITE sip:", "ACK sip:").replace("1 INVITE", "1 ACK")
        ack = ack.partition("Content-Type")[0] + "\r\n"
        caller.send_raw(
            ack.replace(
                "\r\nCall-ID", f";tag={into.log.sent(200)[-1].message.to_tag}x\r\nCall-ID"
            ).encode(),
            callee.address,
        )
        await answering
        told = "\n".join(into.complaints)
        for sentence in ("branch of its own", "goes to sip:+6531234567", "tag in To of the ACK"):
            assert sentence in told


async def test_what_cannot_be_done_now() -> None:
    async with Phone() as caller, Phone() as callee:
        await caller.call(NUMBER, server=callee.address)
        into = await callee.incoming()
        for attempt in (into.hang_up(), into.say(tone(440, 20)), into.hold(), into.move()):
            with pytest.raises(PhoneError):
                await attempt
        await into.answer()
        with pytest.raises(PhoneError, match="is answered"):
            into.ring()
        with pytest.raises(PhoneError, match="is answered"):
            into.reject(486)


async def test_both_sides_hear_without_a_gap() -> None:
    async with Phone() as caller, Phone() as callee:
        out, into = await connect(caller, callee)
        rising = np.concatenate([tone(hz, 100) for hz in (500, 900, 1300)])
        await asyncio.gather(out.say(rising), into.say(rising))
        await out.hang_up()
        for call in (out, into):
            assert call.recording.lost == 0
            assert call.recording.leaps == 0
            assert all(find_tone(call.recording.pcm(), hz) for hz in (500, 900, 1300))
