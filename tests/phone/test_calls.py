"""Calls as the network sees them: every test talks to the endpoint through a real UDP socket."""

import json

import pytest

from onhook.phone import (
    CallStateError,
    DialogRecord,
    IncomingCall,
    RemoteMedia,
    SdpCodec,
    SipCause,
)
from onhook.phone.dialog import HEADROOM
from onhook.phone.reason import Reason
from phone.peer import SDP, Caller, answer_at_once, leave_ringing, line


def ring(call: IncomingCall) -> None:
    call.ring()


async def test_a_call_from_ring_to_hangup() -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        ringing = await on.peer.status(180)
        call = on.owner.call
        assert call.called.text == "+6531234567"
        assert [user.text for user in call.caller.users] == ["+6591234567"]
        assert call.source == on.peer.address
        assert call.offer is not None
        assert call.offer.codecs == (SdpCodec.PCMA, SdpCodec.PCMU)
        assert (call.offer.ip, call.offer.port) == ("192.0.2.9", 40000)

        call.answer(ip="127.0.0.1", port=20000)
        final = await on.peer.status(200)
        assert final.to_tag == ringing.to_tag
        assert "m=audio 20000 RTP/AVP 8 101\r\n" in final.body
        assert final["Contact"] == f"<sip:127.0.0.1:{on.endpoint.address[1]}>"
        assert int(final["Content-Length"]) == len(final.body)
        caller.to_tag = final.to_tag
        caller.ack()
        assert await on.owner.until("acknowledged") is None

        call.hangup(Reason(16, "all said"))
        bye = await on.peer.request("BYE")
        assert bye.start == f"BYE {caller.contact[1:-1]} SIP/2.0"
        assert bye["From"] == final["To"]
        assert bye["To"] == final["From"]
        assert bye["Call-ID"] == caller.call_id
        assert bye["Reason"] == 'Q.850;cause=16;text="all said"'
        on.peer.answer(bye)
        assert await on.owner.until("hangup_done") == SipCause(status=200)
        assert on.endpoint.live_calls == 0
        on.clock.advance(40)
        await on.peer.quiet()
        assert on.owner.names == ["acknowledged", "hangup_done"]


async def test_the_peer_hangs_up_and_repeats_itself() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        bye = caller.within("BYE", headers=('Reason: Q.850;cause=17;text="User \\"busy\\""',))
        first = await on.peer.status(200)
        cause = await on.owner.until("hung_up")
        reason = 'Q.850;cause=17;text="User \\"busy\\""'
        assert cause == SipCause(None, 17, 'User "busy"', reason)
        on.peer.send(bye)
        assert (await on.peer.status(200)).data == first.data
        assert on.owner.names == ["acknowledged", "hung_up"]
        on.owner.call.hangup()  # too late, and no harm
        await on.peer.quiet()


@pytest.mark.parametrize("before", [True, False])
async def test_a_repeated_invite_is_one_call(before: bool) -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        invite = await caller.ringing()
        last = await on.peer.status(180)
        if not before:
            on.owner.call.answer(ip="127.0.0.1", port=20000)
            last = await on.peer.status(200)
        for _ in range(2):
            on.peer.send(invite)
            assert (await on.peer.receive()).data == last.data
        assert len(on.owners) == 1


async def test_an_invite_repeated_after_its_ack_is_absorbed() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established()
        caller.invite()
        await on.peer.quiet()
        on.clock.advance(31)
        caller.invite()
        await on.peer.quiet()
        assert len(on.owners) == 1
        on.clock.advance(40)  # the transaction is gone, the call lives
        caller.invite()
        late = await on.peer.status(482)
        assert late.to_tag == final.to_tag
        assert len(on.owners) == 1


async def test_a_repeated_invite_after_a_rejection() -> None:
    async with line(lambda call: call.reject(404)) as on:
        caller = Caller(on.peer)
        invite = await caller.ringing()
        refused = await on.peer.status(404)
        on.peer.send(invite)
        assert (await on.peer.receive()).data == refused.data
        on.clock.advance(0.5)
        assert (await on.peer.receive()).data == refused.data  # timer G
        caller.to_tag = refused.to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(4)
        on.peer.send(invite)
        await on.peer.quiet()
        assert on.owner.names == []
        assert on.endpoint.live_calls == 0


async def test_a_lost_ack_repeats_the_answer_then_gives_up() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.answered()
        sent_at: list[float] = []
        for _ in range(63):
            on.clock.advance(0.5)
            sent_at += [on.clock.now_s for again in await on.peer.until_quiet()
                        if again.data == final.data]  # fmt: skip
        assert sent_at == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert on.owner.names == []
        on.clock.advance(0.5)
        bye = await on.peer.request("BYE")
        assert on.owner.names == ["no_ack"]
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        assert on.owner.names == ["no_ack", "hangup_done"]


async def test_a_bye_of_ours_is_repeated_until_it_times_out() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.hangup()
        first = await on.peer.request("BYE")
        for delay_s in (0.5, 1, 2, 4, 4):
            on.clock.advance(delay_s)
            assert (await on.peer.receive()).data == first.data
        on.peer.answer(first, 100)  # still waits, now every 4 s
        await on.peer.quiet()
        on.clock.advance(3.9)
        await on.peer.quiet()
        on.clock.advance(0.1)
        assert (await on.peer.receive()).data == first.data
        on.clock.advance(32)
        assert await on.owner.until("hangup_done") == SipCause(status=408)
        assert on.endpoint.live_calls == 0


async def test_a_bye_of_ours_refused_ends_the_call_too() -> None:
    async with line() as on:
        await Caller(on.peer).established()
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        on.peer.answer(bye, 481)
        on.peer.answer(bye, 481)
        assert await on.owner.until("hangup_done") == SipCause(status=481)
        await on.peer.quiet()
        assert on.owner.names.count("hangup_done") == 1


async def test_both_hang_up_at_once() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        caller.within("BYE")
        await on.peer.status(200)
        assert on.owner.names == ["acknowledged", "hangup_done"]  # ours need not be answered
        assert on.endpoint.live_calls == 0
        on.peer.answer(bye, 481)
        await on.peer.quiet()
        on.clock.advance(40)
        await on.peer.quiet()
        assert on.owner.names == ["acknowledged", "hangup_done"]


async def test_both_hang_up_at_once_and_the_peer_never_answers() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.hangup()
        await on.peer.request("BYE")
        caller.within("BYE", headers=('Reason: Q.850;cause=16;text="me too"',))
        await on.peer.status(200)
        assert await on.owner.until("hangup_done") == SipCause(
            None, 16, "me too", 'Q.850;cause=16;text="me too"'
        )


async def test_cancel_while_ringing() -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        ringing = await on.peer.status(180)
        cancel = caller.cancel()
        taken = await on.peer.status(200)
        assert taken["CSeq"].endswith("CANCEL")
        ended = await on.peer.status(487)
        assert ended.to_tag == taken.to_tag == ringing.to_tag
        assert on.owner.names == ["cancelled"]
        on.peer.send(cancel)
        assert (await on.peer.status(200)).data == taken.data
        with pytest.raises(CallStateError):
            on.owner.call.answer(ip="127.0.0.1", port=20000)
        with pytest.raises(CallStateError):
            on.owner.call.reject(486)
        with pytest.raises(CallStateError):
            on.owner.call.ring()
        assert on.endpoint.live_calls == 0
        assert on.owner.names == ["cancelled"]


async def test_cancel_that_crosses_the_answer_changes_nothing() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered()
        caller.cancel()
        assert (await on.peer.status(200))["CSeq"].endswith("CANCEL")
        caller.ack()
        await on.owner.until("acknowledged")
        assert on.owner.names == ["acknowledged"]
        assert on.endpoint.live_calls == 1


async def test_cancel_of_nothing() -> None:
    async with line() as on:
        Caller(on.peer).cancel()
        await on.peer.status(481)


async def test_bye_before_the_answer() -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        caller.to_tag = (await on.peer.status(180)).to_tag
        caller.within("BYE")
        assert (await on.peer.status(200))["CSeq"].endswith("BYE")
        assert (await on.peer.status(487))["CSeq"].endswith("INVITE")
        assert on.owner.names == ["cancelled"]


async def test_hangup_before_the_ack_waits_for_it() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered()
        on.owner.call.hangup()
        await on.peer.quiet()
        caller.ack()
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        assert on.owner.names == ["hangup_done"]


async def test_hangup_before_an_ack_that_never_comes() -> None:
    async with line() as on:
        await Caller(on.peer).answered()
        on.owner.call.hangup()
        on.clock.advance(32)
        for _ in range(10):
            await on.peer.status(200)
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        assert on.owner.names == ["hangup_done"]


async def test_hangup_before_the_ack_and_the_peers_bye_instead() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered()
        on.owner.call.hangup()
        caller.within("BYE")
        await on.peer.status(200)
        assert on.owner.names == ["hangup_done"]
        on.clock.advance(64)
        await on.peer.quiet()


async def test_bye_instead_of_the_ack_stops_the_answer() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered()
        caller.within("BYE")
        await on.peer.status(200)
        on.clock.advance(64)
        await on.peer.quiet()
        assert on.owner.names == ["hung_up"]


async def test_an_orphan_is_hung_up_by_another_process() -> None:
    async with line() as before:
        caller = Caller(before.peer)
        final = await caller.established(headers=("Record-Route: <sip:127.0.0.1:9;lr>",))
        stored = json.dumps(before.owner.call.record().as_dict())
        record = DialogRecord.from_dict(json.loads(stored))
        assert record.routes == ("<sip:127.0.0.1:9;lr>",)
        assert record.destination == ("127.0.0.1", 9)
    async with line() as after:
        moved = DialogRecord.from_dict({**json.loads(stored), "destination": after.peer.address})
        done: list[SipCause] = []
        after.endpoint.hangup_orphan(moved, done.append)
        bye = await after.peer.request("BYE")
        assert bye["Route"] == "<sip:127.0.0.1:9;lr>"
        assert bye["Call-ID"] == caller.call_id
        assert (bye["From"], bye["To"]) == (final["To"], final["From"])
        assert bye["CSeq"] == f"{record.next_cseq + HEADROOM} BYE"
        after.peer.answer(bye, 481)
        await after.peer.quiet()
        assert done == [SipCause(status=481)]


@pytest.mark.parametrize(
    "change",
    [{"destination": ["pbx.example", 5060]}, {"destination": ["127.0.0.1", 0]}, {"routes": [1]},
     {"next_cseq": "1"}, {"local": None}],
)  # fmt: skip
async def test_a_record_that_makes_no_sense(change: dict[str, object]) -> None:
    async with line() as on:
        await Caller(on.peer).answered()
        record = on.owner.call.record()
        assert DialogRecord.from_dict(record.as_dict()) == record
        with pytest.raises(ValueError, match=r"record|address"):
            DialogRecord.from_dict({**record.as_dict(), **change})


async def test_no_common_codec() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        caller.invite(body=SDP.replace("8 0 101", "18 101"))
        await on.peer.status(488)
        Caller(on.peer).invite(body=SDP.replace("IP4", "IP6").replace("192.0.2.9", "2001:db8::1"))
        await on.peer.status(488)
        Caller(on.peer).invite(body="not sdp at all")
        assert (await on.peer.status(400)).start.startswith("SIP/2.0 400 Bad SDP")
        assert on.owners == []


async def test_an_invite_without_an_offer() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.answered(body="")
        assert on.owner.call.offer is None
        assert "m=audio 20000 RTP/AVP 0 8 101" in final.body
        caller.ack(SDP)
        media = await on.owner.until("acknowledged")
        assert isinstance(media, RemoteMedia)
        assert (media.ip, media.port, media.codecs[0]) == ("192.0.2.9", 40000, SdpCodec.PCMA)


async def test_an_answer_that_is_missing_ends_the_call() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered(body="")
        caller.ack()
        await on.peer.quiet()
        on.clock.advance(0.5)
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        assert on.owner.names == ["no_ack", "hangup_done"]


async def test_a_caller_that_hangs_up_instead_of_answering_hung_up() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered(body="")
        caller.ack()
        await on.peer.quiet()
        caller.within("BYE")
        await on.peer.status(200)
        on.clock.advance(40)
        await on.peer.quiet()
        assert on.owner.names == ["hung_up"]


async def test_a_call_that_is_hung_up_while_the_answer_is_missing_ends() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered(body="")
        caller.ack()
        await on.peer.quiet()
        on.owner.call.hangup()
        on.clock.advance(0.5)
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        assert on.owner.names == ["hangup_done"]


async def test_reinvite_moves_the_media() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established()
        again = caller.within("INVITE", body=SDP.replace("40000", "41000"))
        second = await on.peer.status(200)
        assert second.body == final.body  # nothing of ours changed, so neither does the version
        media = await on.owner.until("media_moved")
        assert isinstance(media, RemoteMedia)
        assert (media.port, media.on_hold) == (41000, False)
        on.peer.send(again)
        assert (await on.peer.status(200)).data == second.data
        on.clock.advance(0.5)
        assert (await on.peer.status(200)).data == second.data
        caller.ack()
        await on.peer.quiet()
        on.clock.advance(10)
        await on.peer.quiet()
        assert on.owner.names == ["acknowledged", "media_moved"]


async def test_reinvite_holds_and_keeps_the_codec_in_use() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established()
        held = SDP.replace("RTP/AVP 8 0", "RTP/AVP 0 8").replace("sendrecv", "sendonly")
        caller.within("INVITE", body=held)
        second = await on.peer.status(200)
        assert "RTP/AVP 8 101" in second.body
        assert "a=recvonly" in second.body
        versions = [body.split("o=")[1].split()[2] for body in (final.body, second.body)]
        assert versions == ["1", "2"]
        media = await on.owner.until("media_moved")
        assert isinstance(media, RemoteMedia)
        assert media.on_hold


async def test_reinvite_without_an_offer() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE")
        assert "m=audio 20000 RTP/AVP 8 101" in (await on.peer.status(200)).body
        caller.ack(SDP.replace("40000", "42000"))
        media = await on.owner.until("media_moved")
        assert isinstance(media, RemoteMedia)
        assert media.port == 42000


async def test_reinvites_that_come_at_a_bad_time_or_make_no_sense() -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        caller.to_tag = (await on.peer.status(180)).to_tag
        caller.within("INVITE", body=SDP)
        assert (await on.peer.status(500))["Retry-After"]
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        await on.peer.status(200)
        caller.within("INVITE", body=SDP)
        await on.peer.status(491)
        caller.ack(cseq=1)
        await on.owner.until("acknowledged")
        caller.within("INVITE", body=SDP.replace("8 0 101", "18"))
        await on.peer.status(488)
        caller.within("INVITE", body=SDP, headers=("Require: replaces",))
        await on.peer.status(420)
        caller.within("BYE")
        await on.peer.status(200)
        assert on.owner.names == ["acknowledged", "hung_up"]


async def test_reinvite_that_is_never_acknowledged_ends_the_call() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE", body=SDP)
        await on.peer.status(200)
        on.clock.advance(32)
        for _ in range(10):
            await on.peer.status(200)
        await on.peer.request("BYE")
        assert on.owner.names == ["acknowledged", "media_moved", "no_ack"]


async def test_other_requests_inside_a_call() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        relay = "application/dtmf-relay"
        caller.within("INFO", body="Signal= 5\r\nDuration= 160\r\n", content_type=relay)
        await on.peer.status(200)
        caller.within("INFO", body="11", content_type="application/dtmf")
        await on.peer.status(200)
        caller.within("INFO", body="Signal=99\r\n", content_type=relay)
        await on.peer.status(200)
        caller.within("OPTIONS")
        assert "BYE" in (await on.peer.status(200))["Allow"]
        caller.within("UPDATE", body=SDP.replace("40000", "43000"))
        assert "m=audio" in (await on.peer.status(200)).body
        caller.within("UPDATE")
        assert (await on.peer.status(200)).body == ""
        caller.within("MESSAGE")
        assert "INVITE" in (await on.peer.status(405))["Allow"]
        caller.within("DANCE")
        await on.peer.status(501)
        assert [event for event in on.owner.heard if event[0] == "digit"] == [
            ("digit", "5"),
            ("digit", "#"),
        ]
        media = await on.owner.until("media_moved")
        assert isinstance(media, RemoteMedia)
        assert media.port == 43000


async def test_an_old_cseq_and_an_unknown_dialog() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INFO", cseq=7)
        await on.peer.status(200)
        caller.within("BYE", cseq=6)
        await on.peer.status(500)
        assert on.endpoint.live_calls == 1
        caller.to_tag, right = "wrong", caller.to_tag
        for method in ("BYE", "INFO", "INVITE", "OPTIONS"):
            caller.within(method)
            await on.peer.status(481)
        caller.to_tag = right
        on.peer.send(
            on.peer.text("BYE", call_id=caller.call_id, to_tag=right, cseq=9).replace(
                ";tag=peer", ";tag=stranger"
            )
        )
        await on.peer.status(481)
        on.peer.send(on.peer.text("BYE"))
        await on.peer.status(481)
        caller.within("BYE", cseq=20)
        await on.peer.status(200)


async def test_an_ack_with_another_cseq_is_not_the_one() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.answered()
        caller.ack(cseq=2)
        await on.peer.quiet()
        assert on.owner.names == []
        on.clock.advance(0.5)
        assert (await on.peer.status(200)).data == final.data


async def test_a_record_taken_after_the_bye_does_not_use_its_number_again() -> None:
    async with line() as on:
        await Caller(on.peer).established()
        before = on.owner.call.record().next_cseq
        on.owner.call.hangup()
        assert (await on.peer.request("BYE"))["CSeq"] == f"{before} BYE"
        assert on.owner.call.record().next_cseq == before + 1


async def test_a_reinvite_follows_a_peer_whose_address_changed() -> None:
    async with line() as on:
        caller = Caller(on.peer, contact="<sip:me@10.1.2.3>")
        await caller.established()
        moved = await on.another_peer()
        caller.peer = moved
        caller.contact = "<sip:me@10.9.9.9>"
        caller.within("INVITE", body=SDP)
        await moved.status(200)
        caller.ack()
        await moved.quiet()
        on.owner.call.hangup()
        assert (await moved.request("BYE")).start == "BYE sip:me@10.9.9.9 SIP/2.0"
        moved.transport.close()


async def test_two_calls_at_once_do_not_mix() -> None:
    async with line() as on:
        first, second = Caller(on.peer), Caller(on.peer)
        await first.established()
        await second.established()
        first.within("BYE")
        await on.peer.status(200)
        assert [owner.names[-1] for owner in on.owners] == ["hung_up", "acknowledged"]
        assert on.owners[0].call.sip_call_id == first.call_id


async def test_what_an_owner_may_not_do() -> None:
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        call = on.owner.call
        with pytest.raises(CallStateError):
            call.hangup()
        with pytest.raises(ValueError, match="status"):
            call.reject(200)
        with pytest.raises(ValueError, match="header"):
            call.reject(480, headers=(("X-A", "b\r\nX-C: d"),))
        with pytest.raises(ValueError, match="onhook"):
            call.answer(ip="onhook.example", port=20000)
        with pytest.raises(ValueError, match="port"):
            call.answer(ip="127.0.0.1", port=0)
        call.reject(486, "Busy\r\nX-Evil: 1", headers=(("X-Fine", "yes"),))
        refused = await on.peer.status(486)
        assert refused["X-Fine"] == "yes"
        assert refused.all("X-Evil") == []


async def test_an_owner_that_fails_and_one_that_does_nothing() -> None:
    def fail(call: IncomingCall) -> None:
        raise RuntimeError("owner is broken")

    async with line(fail) as on:
        await Caller(on.peer).ringing()
        await on.peer.status(500)
        assert on.endpoint.live_calls == 0
        answer_later = on.endpoint
        answer_later._on_call = lambda call: None
        await Caller(on.peer).ringing()
        await on.peer.status(480)


async def test_close_in_the_middle_of_calls() -> None:
    async with line(answer_at_once) as on:
        await Caller(on.peer).established()
        await Caller(on.peer).answered()
        await on.endpoint.close()
        for owner in on.owners:
            owner.call.hangup()
        assert on.endpoint.live_calls == 0
