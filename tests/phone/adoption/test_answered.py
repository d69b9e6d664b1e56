"""An answered call goes on with another process, whoever placed it and whoever speaks next."""

import pytest

from onhook.phone import Direction, RemoteMedia, SipCause, Trunk
from onhook.phone.dialog import HEADROOM
from phone.adoption.succession import Succession, kept_of, succession
from phone.peer import SDP, Caller, Message, Owner

HOLD = SDP.replace("a=sendrecv", "a=sendonly")


def origin(message: Message) -> str:
    return next(each for each in message.body.splitlines() if each.startswith("o="))


def trunk_of(on: Succession, **more: object) -> Trunk:
    host, port = on.peer.address
    return Trunk(host, port, **more)  # type: ignore[arg-type]


async def called(on: Succession) -> tuple[Caller, Message, Owner]:
    """A call to us that was answered, and acknowledged."""
    caller = Caller(on.peer)
    final = await caller.established()
    return caller, final, on.owner


async def test_a_call_to_us_is_hung_up_by_the_next_process() -> None:
    async with succession() as on:
        caller, final, owner = await called(on)
        after = await on.followed_in(kept_of(owner.call))
        after.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye.start == f"BYE {caller.contact.strip('<>')} SIP/2.0"
        assert bye["From"] == final["To"]
        assert bye["To"] == final["From"]
        assert bye["CSeq"] == f"{1 + HEADROOM} BYE"
        on.peer.answer(bye)
        await after.until("hangup_done")
        assert (after.names, owner.names) == (["hangup_done"], ["acknowledged"])
        assert on.endpoint.live_calls == 0


async def test_a_caller_hangs_up_at_the_next_process() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        kept = kept_of(owner.call)
        await on.die()
        caller.within("BYE")  # while nobody reads
        await on.stand()
        after = on.take_in(kept)
        await on.endpoint.serve()
        await on.peer.status(200)
        await after.until("hung_up")
        assert on.endpoint.live_calls == 0


async def test_a_caller_renegotiates_at_the_next_process() -> None:
    async with succession() as on:
        caller, before, owner = await called(on)
        after = await on.followed_in(kept_of(owner.call))
        caller.within("INVITE", body=SDP)
        same = await on.peer.status(200)
        assert same.body == before.body
        caller.ack()
        caller.within("INVITE", body=HOLD)
        held = await on.peer.status(200)
        assert origin(held) == origin(before).replace(" 1 IN", " 2 IN")
        assert "a=recvonly" in held.body
        caller.ack()
        media = await after.until("media_moved")
        assert isinstance(media, RemoteMedia) and media.direction is Direction.SENDRECV


async def test_a_call_on_hold_is_resumed_at_the_next_process() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        caller.within("UPDATE", body=HOLD)
        held = await on.peer.status(200)
        after = await on.followed_in(kept_of(owner.call))
        assert after.call.agreed is not None and after.call.agreed.on_hold
        caller.within("UPDATE", body=SDP)
        resumed = await on.peer.status(200)
        assert origin(resumed) == origin(held).replace(" 2 IN", " 3 IN")
        assert after.call.agreed is not None and not after.call.agreed.on_hold


@pytest.mark.parametrize("refresher", ["uas", "uac"])
async def test_a_session_timer_goes_on(refresher: str) -> None:
    headers = ("Supported: timer", "Allow: UPDATE", f"Session-Expires: 90;refresher={refresher}")
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=headers)
        on.clock.advance(40)
        after = await on.followed_in(kept_of(on.owner.call))
        on.clock.advance(4)
        await on.peer.quiet()
        on.clock.advance(1)
        if refresher == "uas":
            update = await on.peer.request("UPDATE")
            assert update["Session-Expires"] == "90;refresher=uac"
            on.peer.answer(update, headers=("Session-Expires: 90;refresher=uac",))
            await on.peer.quiet()
        else:
            await on.peer.quiet()
            on.clock.advance(14)
            await on.peer.quiet()
            on.clock.advance(1)
            await on.peer.request("BYE")
            assert after.names == ["session_lost"]


async def test_a_session_that_ran_out_while_nobody_read_has_a_moment() -> None:
    headers = ("Supported: timer", "Session-Expires: 90;refresher=uac")
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=headers)
        kept = kept_of(on.owner.call)
        await on.die()
        on.clock.advance(200)
        caller.within("UPDATE", headers=headers)
        await on.stand()
        after = on.take_in(kept)
        await on.endpoint.serve()
        await on.peer.status(200)
        on.clock.advance(30)
        await on.peer.quiet()
        assert after.names == []


async def test_a_digit_by_info_is_heard_by_the_next_process_and_never_twice() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        info = {"content_type": "application/dtmf-relay", "body": "Signal=5\r\nDuration=100\r\n"}
        text = caller.within("INFO", **info)
        await on.peer.status(200)
        assert await owner.until("digit") == "5"
        after = await on.followed_in(kept_of(owner.call))
        on.peer.send(text)  # the 200 was lost with the process
        await on.peer.status(200)
        caller.within("INFO", **{**info, "body": "Signal=6\r\nDuration=100\r\n"})
        await on.peer.status(200)
        assert [detail for name, detail in after.heard if name == "digit"] == ["6"]


async def test_an_earlier_request_is_refused_by_the_next_process_too() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        caller.within("OPTIONS", cseq=20)
        await on.peer.status(200)
        await on.followed_in(kept_of(owner.call))
        caller.within("OPTIONS", cseq=19)
        await on.peer.status(500)


async def test_a_call_of_ours_goes_on() -> None:
    async with succession() as on:
        dialler, callee = await on.talking()
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.within("INVITE", body=HOLD)
        held = await on.peer.status(200)
        assert origin(held).split()[1] == origin(callee.invite).split()[1]
        callee.within("ACK", cseq=callee.cseq)
        callee.cseq -= 1
        await on.peer.quiet()
        after.call.hangup()
        bye = await on.peer.request("BYE")
        assert int(bye["CSeq"].split()[0]) == 2 + HEADROOM
        on.peer.answer(bye)
        await after.until("hangup_done")
        assert after.names == ["media_moved", "hangup_done"]


async def test_a_callee_hangs_up_at_the_next_process() -> None:
    async with succession() as on:
        dialler, callee = await on.talking()
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.within("BYE")
        await on.peer.status(200)
        await after.until("hung_up")


async def test_an_answer_that_comes_again_is_acknowledged_by_the_next_process() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        first = await callee.answer()
        await dialler.until("answered")
        await on.followed_out(kept_of(dialler.call), trunk_of(on))
        again = await callee.answer()
        assert (again["CSeq"], again["To"]) == (first["CSeq"], first["To"])


async def test_a_challenge_is_answered_with_the_credentials_of_the_trunk() -> None:
    credentials = {"username": "user", "password": "secret"}
    async with succession() as on:
        dialler, _ = await on.talking(**credentials)
        kept = kept_of(dialler.call)
        assert "secret" not in str(kept)
        after = await on.followed_out(kept, trunk_of(on, **credentials))
        after.call.hangup()
        bye = await on.peer.request("BYE")
        challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
        on.peer.answer(bye, 401, headers=(challenge,))
        again = await on.peer.request("BYE")
        assert 'username="user"' in again["Authorization"]
        on.peer.answer(again)
        await after.until("hangup_done")


async def test_a_bye_without_an_answer_is_sent_by_the_next_process() -> None:
    async with succession() as on:
        _, _, owner = await called(on)
        owner.call.parting_headers = (("X-Why", "because"),)
        owner.call.hangup()
        first = await on.peer.request("BYE")
        after = await on.followed_in(kept_of(owner.call))
        again = await on.peer.request("BYE")
        assert again.all("Reason") == first.all("Reason")
        assert again["X-Why"] == "because"
        on.peer.answer(again, 481)
        assert await after.until("hangup_done") == SipCause(481)


async def test_a_call_goes_on_through_many_processes() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        for number in range(5):
            owner = await on.followed_in(kept_of(owner.call))
            caller.within("UPDATE", body=SDP if number % 2 else HOLD)
            await on.peer.status(200)
            probed: list[SipCause] = []
            assert owner.call.probe(probed.append)
            on.peer.answer(await on.peer.request("OPTIONS"))
            await on.peer.quiet()
            assert [each.status for each in probed] == [200]
        caller.within("BYE")
        await on.peer.status(200)


async def test_calls_at_both_ends_are_taken_over_together() -> None:
    async with succession() as on:
        caller, _, owner = await called(on)
        dialler, callee = await on.talking()
        kept = kept_of(owner.call), kept_of(dialler.call)
        await on.die()
        await on.stand()
        first, second = on.take_in(kept[0]), on.take_out(kept[1], trunk_of(on))
        assert on.endpoint.live_calls == 2
        await on.endpoint.serve()
        caller.within("BYE")
        await on.peer.status(200)
        await first.until("hung_up")
        callee.within("BYE")
        await on.peer.status(200)
        await second.until("hung_up")


async def test_a_call_that_is_hung_up_before_anything_is_read_is_hung_up_once() -> None:
    async with succession() as on:
        _, _, owner = await called(on)
        kept = kept_of(owner.call)
        await on.die()
        await on.stand()
        after = on.take_in(kept)
        after.call.hangup()
        await on.endpoint.serve()
        on.peer.answer(await on.peer.request("BYE"))
        await after.until("hangup_done")
        on.clock.advance(10)
        await on.peer.quiet()
