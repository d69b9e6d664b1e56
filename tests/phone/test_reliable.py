"""Reliable provisional responses (RFC 3262) in both roles, and UPDATE before the answer (RFC 3311)."""

from typing import Any

import pytest

from onhook.phone import IncomingCall, RemoteMedia, SipCause
from phone.peer import SDP, Callee, Caller, Line, Message, leave_ringing, line

REQUIRED = ("Require: 100rel",)
SUPPORTED = ("Supported: 100rel, timer",)


def ring(call: IncomingCall) -> None:
    call.ring()


def ring_with_an_offer(call: IncomingCall) -> None:
    assert call.offers_while_ringing
    call.ring("127.0.0.1", 20000)


def rack(ringing: Message, *, off_by: int = 0, method: str = "INVITE") -> tuple[str, ...]:
    return (f"RAck: {int(ringing['RSeq']) + off_by} 1 {method}",)


async def ringing(on: Line, **more: Any) -> tuple[Caller, Message]:
    caller = Caller(on.peer)
    caller.invite(**more)
    await on.peer.status(100)
    told = await on.peer.status(180)
    caller.to_tag = told.to_tag
    return caller, told


# Calls to us ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [REQUIRED, SUPPORTED])
async def test_a_ringing_is_repeated_until_it_is_acknowledged(headers: tuple[str, ...]) -> None:
    async with line(ring) as on:
        caller, told = await ringing(on, headers=headers)
        assert (told["Require"], told.body) == ("100rel", "")
        assert 0 < int(told["RSeq"]) < 2**31
        for wait_s in (0.5, 1, 2, 4, 8):  # doubled each time, without a bound (RFC 3262 3)
            on.clock.advance(wait_s - 0.01)
            await on.peer.quiet()
            on.clock.advance(0.01)
            assert (await on.peer.status(180)).data == told.data
        caller.within("PRACK", headers=rack(told))
        await on.peer.status(200)
        on.clock.advance(60)
        await on.peer.quiet()
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        final = await on.peer.status(200)
        assert final["CSeq"] == "1 INVITE"
        caller.ack(cseq=1)
        await on.owner.until("acknowledged")


async def test_a_prack_for_something_else_is_refused_and_a_second_one_too() -> None:
    async with line(ring) as on:
        caller, told = await ringing(on, headers=SUPPORTED)
        for wrong in (
            rack(told, off_by=1), rack(told, method="UPDATE"), ("RAck: x",), (), ("RAck: 1 1",),
            (f"RAck: {told['RSeq']} 2 INVITE",), ("RAck: 99999999999999999999 1 INVITE",),
        ):  # fmt: skip
            caller.within("PRACK", headers=wrong)
            await on.peer.status(481)
        text = caller.within("PRACK", headers=rack(told))
        first = await on.peer.status(200)
        on.peer.send(text)
        assert (await on.peer.status(200)).data == first.data
        caller.within("PRACK", headers=rack(told))
        await on.peer.status(481)
        on.clock.advance(60)
        await on.peer.quiet()


async def test_a_prack_outside_any_call_is_refused() -> None:
    async with line(leave_ringing) as on:
        on.peer.send(on.peer.text("PRACK", headers=("RAck: 1 1 INVITE",)))
        await on.peer.status(481)


async def test_a_ringing_that_nobody_acknowledges_ends_the_call_with_504() -> None:
    async with line(ring) as on:
        caller, told = await ringing(on, headers=REQUIRED)
        on.clock.advance(31.9)
        seen = await on.peer.until_quiet()
        assert {message.data for message in seen} == {told.data}
        assert len(seen) == 6
        on.clock.advance(0.1)
        refused = await on.peer.status(504)
        assert refused["Reason"].startswith("Q.850;cause=102")
        cause = await on.owner.until("cancelled")
        assert cause == SipCause(504, None, "the ringing was not acknowledged")
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        assert on.endpoint.live_calls == 0
        on.clock.advance(60)


async def test_an_answer_need_not_wait_for_a_prack_and_ends_the_repeating() -> None:
    async with line(ring) as on:
        caller, told = await ringing(on, headers=SUPPORTED)
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        await on.peer.status(200)
        caller.within("PRACK", headers=rack(told))
        await on.peer.status(200)
        caller.ack(cseq=1)
        await on.owner.until("acknowledged")
        on.clock.advance(100)
        await on.peer.quiet()


async def test_a_caller_cancels_before_it_acknowledges() -> None:
    async with line(ring) as on:
        caller, _ = await ringing(on, headers=REQUIRED)
        caller.cancel()
        await on.peer.status(200)
        await on.peer.status(487)
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(100)
        await on.peer.quiet()
        assert on.owner.names == ["cancelled"]


async def test_a_prack_cannot_offer_before_the_answer() -> None:
    async with line(ring) as on:
        caller, told = await ringing(on, headers=SUPPORTED)
        caller.within("PRACK", headers=rack(told), body=SDP)
        await on.peer.status(488)
        on.clock.advance(20)
        await on.peer.quiet()  # it is acknowledged all the same
        caller.within("PRACK", headers=rack(told), body="x", content_type="text/html")
        await on.peer.status(415)


async def test_a_caller_that_knows_100rel_and_offers_nothing_gets_a_plain_180() -> None:
    async with line(ring) as on:
        _, told = await ringing(on, headers=SUPPORTED, body="")
        assert told.all("RSeq") == []
        on.clock.advance(100)
        await on.peer.quiet()


async def test_the_offer_is_in_the_180_and_the_answer_in_its_prack() -> None:
    async with line(ring_with_an_offer) as on:
        caller, told = await ringing(on, headers=REQUIRED, body="")
        assert "m=audio 20000 RTP/AVP" in told.body
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        await on.peer.quiet()  # no 200 before the PRACK (RFC 3262 3)
        caller.within("PRACK", headers=rack(told), body=SDP)
        assert (await on.peer.status(200))["CSeq"] == "2 PRACK"
        final = await on.peer.status(200)
        assert (final["CSeq"], final.body) == ("1 INVITE", "")
        caller.ack(cseq=1)
        media = await on.owner.until("acknowledged")
        assert isinstance(media, RemoteMedia)
        assert media.port == 40000
        assert on.owner.call.offer == media
        on.clock.advance(100)
        await on.peer.quiet()


async def test_an_answer_after_the_prack_leaves_at_once() -> None:
    async with line(ring_with_an_offer) as on:
        caller, told = await ringing(on, headers=REQUIRED, body="")
        caller.within("PRACK", headers=rack(told), body=SDP)
        await on.peer.status(200)
        assert on.owner.call.offer is not None
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        assert (await on.peer.status(200))["CSeq"] == "1 INVITE"
        caller.ack(cseq=1)
        await on.owner.until("acknowledged")


@pytest.mark.parametrize("answers", [True, False])
async def test_a_prack_without_the_answer_that_is_due_ends_the_call(answers: bool) -> None:
    async with line(ring_with_an_offer) as on:
        caller, told = await ringing(on, headers=REQUIRED, body="")
        if answers:
            on.owner.call.answer(ip="127.0.0.1", port=20000)
        caller.within("PRACK", headers=rack(told))
        await on.peer.status(200)
        await on.peer.status(488)
        await on.owner.until("hung_up" if answers else "cancelled")
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(100)


async def test_an_answered_call_whose_offer_is_never_acknowledged_ends() -> None:
    async with line(ring_with_an_offer) as on:
        caller, _ = await ringing(on, headers=REQUIRED, body="")
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        on.clock.advance(32)
        seen = await on.peer.until_quiet()
        assert seen[-1].status == 504
        assert isinstance(await on.owner.until("hung_up"), SipCause)
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(100)


async def test_an_owner_without_a_port_for_the_offer_sends_100() -> None:
    async with line(ring, trying=False) as on:
        Caller(on.peer).invite(headers=REQUIRED, body="")
        await on.peer.status(100)
        await on.peer.quiet()


# Calls of ours -------------------------------------------------------------------------------------


def reliable(rseq: int) -> tuple[str, ...]:
    return ("Require: 100rel", f"RSeq: {rseq}")


async def test_a_reliable_ringing_is_acknowledged_once_and_in_order() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        assert "100rel" in callee.invite["Supported"]
        callee.respond(180, headers=reliable(7))
        prack = await on.peer.request("PRACK")
        assert prack["RAck"] == "7 1 INVITE"
        assert (prack["CSeq"], prack.to_tag) == ("2 PRACK", "callee")
        assert prack.start.split()[1] == callee.contact.strip("<>")
        on.peer.answer(prack)
        await dialler.until("progressed")
        callee.respond(180, headers=reliable(7))  # our PRACK is on its way
        callee.respond(183, headers=reliable(9), body=SDP)  # 8 was lost
        callee.respond(183, headers=("Require: 100rel",), body=SDP)
        callee.respond(183, headers=reliable(0), body=SDP)
        callee.respond(183, headers=("Require: 100rel", "RSeq: x"), body=SDP)
        await on.peer.quiet()
        assert dialler.names == ["progressed"]
        callee.respond(183, headers=reliable(8), body=SDP)
        second = await on.peer.request("PRACK")
        assert (second["RAck"], second["CSeq"]) == ("8 1 INVITE", "3 PRACK")
        on.peer.answer(second)
        ack = await callee.answer(body="")  # the answer was in the 183
        assert ack["CSeq"] == "1 ACK"
        await dialler.until("answered")
        dialler.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye["CSeq"] == "4 BYE"
        on.peer.answer(bye)
        await dialler.until("hangup_done")
        on.clock.advance(60)


async def test_a_prack_goes_along_the_route_of_its_phone_and_is_repeated() -> None:
    async with line() as on:
        _, callee = await on.dialled()
        host, port = on.peer.address
        callee.invite.lines.append(f"Record-Route: <sip:{host}:{port};lr>")
        callee.respond(183, headers=reliable(1), body=SDP)
        prack = await on.peer.request("PRACK")
        assert prack["Route"] == f"<sip:{host}:{port};lr>"
        on.clock.advance(0.5)
        assert (await on.peer.request("PRACK")).data == prack.data
        on.peer.answer(prack)
        callee.respond(486)
        await on.peer.request("ACK")
        on.clock.advance(60)


async def test_two_phones_ring_reliably_and_each_has_its_own_numbers() -> None:
    async with line() as on:
        dialler, one = await on.dialled()
        other = Callee(on.peer, one.invite, tag="other")
        one.respond(180, headers=reliable(5))
        other.respond(180, headers=reliable(900))
        for tag, number in (("callee", "5"), ("other", "900")):
            prack = await on.peer.request("PRACK")
            assert (prack.to_tag, prack["RAck"], prack["CSeq"]) == (
                tag,
                f"{number} 1 INVITE",
                "2 PRACK",
            )
            on.peer.answer(prack)
        await one.answer()
        await dialler.until("answered")
        await other.answer()
        bye = await on.peer.request("BYE")
        assert (bye.to_tag, bye["CSeq"]) == ("other", "3 BYE")
        on.peer.answer(bye)
        await on.peer.quiet()


async def test_a_prack_that_is_challenged_is_sent_with_credentials() -> None:
    async with line() as on:
        _, callee = await on.dialled(username="u", password="p")
        callee.respond(180, headers=reliable(1))
        prack = await on.peer.request("PRACK")
        on.peer.answer(
            prack, 407, headers=('Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"',)
        )
        again = await on.peer.request("PRACK")
        assert again["RAck"] == prack["RAck"]
        assert 'username="u"' in again["Proxy-Authorization"]
        on.peer.answer(again)
        await on.peer.quiet()


async def test_a_call_is_taken_back_between_a_reliable_ringing_and_its_prack() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(180, headers=reliable(1))
        await on.peer.request("PRACK")
        dialler.call.hangup()
        await on.peer.request("CANCEL")
        callee.respond(487)
        await dialler.until("failed")
        await on.peer.until_quiet()
        on.clock.advance(100)
        await on.peer.until_quiet()


async def test_an_update_before_the_answer_may_offer_if_the_phones_answer_came_reliably() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, headers=reliable(1), body=SDP)
        on.peer.answer(await on.peer.request("PRACK"))
        await dialler.until("progressed")
        callee.within("UPDATE", body=SDP.replace("40000", "40004"))
        final = await on.peer.status(200)
        assert "m=audio 20000" in final.body
        moved = await dialler.until("media_moved")
        assert getattr(moved, "port", 0) == 40004
        await callee.answer(body="")
        media = await dialler.until("answered")
        assert getattr(media, "port", 0) == 40004
        on.clock.advance(0)


async def test_an_update_before_the_answer_of_a_phone_that_did_not_answer_reliably_is_a_glare() -> (
    None
):
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, body=SDP)
        await dialler.until("progressed")
        callee.within("UPDATE", body=SDP)
        await on.peer.status(491)
        callee.within("UPDATE")
        await on.peer.status(200)


async def test_an_update_before_our_answer_is_told_to_come_again() -> None:
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        on.owner.call.ring()
        caller.to_tag = (await on.peer.status(180)).to_tag
        caller.within("UPDATE", body=SDP)
        assert 0 <= int((await on.peer.status(500))["Retry-After"]) <= 10
        caller.within("UPDATE")
        await on.peer.status(200)


# Early media of several phones ---------------------------------------------------------------------


async def test_the_first_phone_with_early_media_is_heard_until_one_answers() -> None:
    async with line() as on:
        dialler, one = await on.dialled()
        other = Callee(on.peer, one.invite, tag="other")
        one.respond(180)
        other.respond(183, body=SDP.replace("40000", "40002"))
        one.respond(183, body=SDP)
        other.respond(180, body=SDP.replace("40000", "40006"))
        await on.peer.quiet()
        ports = []
        for _, detail in dialler.heard:
            assert isinstance(detail, tuple)
            code, media = detail
            ports.append((code, media and media.port))
        assert ports == [(180, None), (183, 40002), (183, None), (180, 40006)]
        await one.answer()
        media = await dialler.until("answered")
        assert getattr(media, "port", 0) == 40000


# What phones ask for that we decline ---------------------------------------------------------------


async def test_a_refer_is_declined_with_the_reason_and_the_call_goes_on() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("REFER", headers=("Refer-To: <sip:+6588888888@peer.example>",))
        refused = await on.peer.status(603)
        assert refused["Warning"].startswith(f"399 127.0.0.1:{on.endpoint.address[1]} ")
        for method in ("SUBSCRIBE", "NOTIFY"):
            caller.within(method, headers=("Event: refer",))
            await on.peer.status(489)
        caller.within("PRACK", headers=("RAck: 1 1 INVITE",))
        await on.peer.status(481)
        assert on.owner.names == ["acknowledged"]
        on.peer.send(on.peer.text("REFER", headers=("Refer-To: <sip:a@b>",)))
        assert (await on.peer.status(603)).all("Warning")
