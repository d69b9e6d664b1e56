"""What calls of several phones, and calls of another kind, were doing when the switch was killed.

As in ``survival_scenes.py``; here one phone's voice goes to another, or it is reached in a way of its own.
"""

import asyncio

from acceptance.asking import heard
from acceptance.survival import Stage
from acceptance.talking import assert_joined, hears, is_heard, meet, typed, until
from acceptance.unbroken import known
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import tone


async def transfer_ringing(stage: Stage) -> None:
    """Ring back is heard on; the phone is answered in the gap, and joined by the next switch."""
    call, peer, session = await stage.transferred()
    await hears(call, 425)
    async with stage.gap():
        answer = asyncio.ensure_future(peer.answer())
        await until(lambda: peer.log.sent(200), "the 200")
        await stage.through(call)
    await answer
    await assert_joined(call, peer)
    await stage.heard_on(call, relayed=True)
    await _hung_up_by_the_caller(stage, call, peer, session, "answered", legs=2)


async def transfer_ringing_and_busy(stage: Stage) -> None:
    """The phone refuses in the gap: the call is over, and the caller is told so by a BYE."""
    call, peer, session = await stage.transferred()
    async with stage.gap():
        peer.reject(486)
    await peer.acknowledged()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "system", "transfer_failed")
    assert last["transfer_status"] == "busy"


async def transfer_ringing_and_given_up(stage: Stage) -> None:
    """The caller hangs up in the gap: the phone that rings for it is told to stop."""
    call, peer, session = await stage.transferred()
    async with stage.gap():
        over = asyncio.ensure_future(call.hang_up())
        await until(lambda: call.log.sent("BYE"), "the BYE")
    await over
    assert (await peer.cancelled()).how is How.CANCEL_RECEIVED
    last = await stage.ended(session, "caller", "hangup")
    assert last["transfer_status"] == "unanswered"
    assert call.complaints == peer.complaints == []


async def transfer_joined(stage: Stage) -> None:
    """Every sample of what is said is heard, through the kill; keys pass in the gap, and after."""
    call, peer, session = await _joined(stage)
    await stage.says_through((call, peer), (peer, call))
    async with stage.gap():
        await call.send_digits("42")
    await call.send_digits("7")
    await typed(peer, "427")
    await assert_joined(call, peer)
    await _hung_up_by_the_caller(stage, call, peer, session, "answered", legs=2)


async def transfer_joined_and_left(stage: Stage) -> None:
    """The phone at the other end hangs up in the gap."""
    call, peer, session = await _joined(stage)
    async with stage.gap():
        over = asyncio.ensure_future(peer.hang_up())
        await until(lambda: peer.log.sent("BYE"), "the BYE")
    await over
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "callee", "hangup", legs=2)
    assert last["transfer_status"] == "answered"
    assert call.complaints == peer.complaints == []


async def transfer_with_a_peer_on_hold(stage: Stage) -> None:
    """The peer has put the caller on hold; it comes back after the kill, and both hear one another."""
    call, peer, session = await _joined(stage)
    await peer.hold()
    async with stage.gap():
        pass
    await peer.unhold()
    await assert_joined(call, peer)
    await peer.hold()
    await peer.unhold()
    await assert_joined(call, peer)
    await _hung_up_by_the_caller(stage, call, peer, session, "answered", legs=2)


async def transfer_forced(stage: Stage) -> None:
    """The next switch is asked to end a call that is joined: it knows both phones."""
    call, peer, session = await _joined(stage)
    await stage.dies(call, peer)
    await stage.customer.block("end/hangup", session, force="enabled")
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await peer.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "forced_hangup", legs=2)
    assert call.complaints == peer.complaints == []


async def conference_of_three(stage: Stage) -> None:
    """They hear one another while there is no switch, and after; somebody joins them then."""
    members = [await stage.answered("end/transfer", dest="room:survivors") for _ in range(3)]
    calls = [call for call, _ in members]
    one, two, three = calls
    await meet(calls)
    for call in calls:
        await stage.stands(call)
    async with stage.gap():
        await is_heard(one, two, 700)
        await is_heard(two, three, 1900)
    await assert_joined(one, three)
    for call in calls:
        await stage.heard_on(call)
    late, session = await stage.answered("end/transfer", dest="room:survivors")
    await assert_joined(late, one)
    for call, told in [*members, (late, session)]:
        await call.hang_up()
        last = await stage.ended(told, "caller", "hangup")
        assert last["transfer_status"] == "answered"
        assert call.complaints == []


async def voice_call(stage: Stage) -> None:
    """Two numbers that the application had called and joined."""
    one, two, reference = await _called_both(stage)
    await two.answer()
    await assert_joined(one, two)
    await stage.says_through((one, two), (two, one))
    await two.hang_up()
    assert (await one.ended()).how is How.BYE_RECEIVED
    last = await stage.receiver.next(txn_ref=reference, call_state="ended")
    assert (last["call_status_dest1"], last["call_status_dest2"]) == ("answered", "answered")
    assert (last["rate"], last["debit"]) == ("0.040", "0.040")
    assert one.complaints == two.complaints == []


async def voice_call_ringing(stage: Stage) -> None:
    """The second number rings; it is answered in the gap."""
    one, two, reference = await _called_both(stage)
    async with stage.gap():
        answer = asyncio.ensure_future(two.answer())
        await until(lambda: two.log.sent(200), "the 200")
    await answer
    await assert_joined(one, two)
    await one.hang_up()
    assert (await two.ended()).how is How.BYE_RECEIVED
    last = await stage.receiver.next(txn_ref=reference, call_state="ended")
    assert (last["call_status_dest1"], last["call_status_dest2"]) == ("answered", "answered")
    assert last["debit"] == "0.040"
    assert one.complaints == two.complaints == []


# Phones of another kind ---------------------------------------------------------------------------


async def encrypted(stage: Stage) -> None:
    """SRTP: nothing that arrives is unreadable, before, in or after the gap, and keys are understood."""
    async with Phone(host="127.0.0.3", srtp="require") as phone:
        call, session = await _asked_by(stage, phone)
        assert call.srtp
        await _typed_through(stage, call, session)
        assert call.audio.encryption is not None
        assert call.audio.encryption.unreadable == 0


async def over_tcp(stage: Stage) -> None:
    """Its connection ends with the switch; it connects again when it has something to say."""
    async with Phone(host="127.0.0.4", transport="tcp") as phone:
        call, session = await _asked_by(stage, phone)
        await _typed_through(stage, call, session)


async def over_tls(stage: Stage) -> None:
    """The server cannot connect to it: the BYE waits until the phone has connected again."""
    async with Phone(host="127.0.0.5", transport="tls") as phone:
        call, session = await _asked_by(stage, phone)
        async with stage.gap():
            await stage.through(call)
            await call.send_digits("12")
        await call.info_digit("3")
        await call.send_digits("4")
        assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "1234"
        await stage.heard_on(call)
        await stage.good_bye(call, session)


async def by_digest(stage: Stage) -> None:
    """A call that came by the password of a trunk, from where nobody is trusted otherwise."""
    async with Phone(host=stage.stranger) as phone:
        headers = await stage.proof(phone)
        call, session = await _asked_by(stage, phone, headers=headers)
        await _typed_through(stage, call, session)


async def _asked_by(stage: Stage, phone: Phone, **options: object) -> tuple[PhoneCall, str]:
    """A call of this phone that is asked for four keys, with a message that is longer than the scene."""
    customer = stage.customer
    where = stage.reached_over(phone)
    call = await phone.call(customer.number, server=where, **options)  # type: ignore[arg-type]
    told = await stage.receiver.next(to=customer.number, call_state="ringing")
    message = stage.says("ask", known(20))
    await customer.block("middle/gather", told["session"], max_digits="4", msg=message)
    await call.answered()
    await stage.stands(call)
    await heard(call, 25)
    return call, told["session"]


async def _typed_through(stage: Stage, call: PhoneCall, session: str) -> None:
    """Two keys in the gap and two after it; what was said until then had no hole."""
    async with stage.gap():
        await stage.through(call)
        await call.send_digits("12")
    await call.send_digits("34")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "1234"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


# Pairs --------------------------------------------------------------------------------------------


async def _joined(stage: Stage) -> tuple[PhoneCall, IncomingPhoneCall, str]:
    """A caller who hears the phone that it was passed on to, and is heard; and the session."""
    call, peer, session = await stage.transferred()
    await peer.answer(("PCMU",))  # as the caller has it: every byte is passed on
    await assert_joined(call, peer)
    return call, peer, session


async def _called_both(stage: Stage) -> tuple[IncomingPhoneCall, IncomingPhoneCall, str]:
    """Two numbers that the application has called: the first has answered, the second rings."""
    first, second = stage.callee.another(), stage.callee.another()
    url = stage.receiver.url("/call")
    reply = await stage.customer.post("voice/call", dest1=first, dest2=second, notify_url=url)
    assert reply["status"] == "success_ok", reply
    one = await stage.callee.phone.incoming(called=first)
    await one.answer()
    two = await stage.callee.phone.incoming(called=second)
    two.ring()
    return one, two, reply["txn_ref"]


async def _hung_up_by_the_caller(
    stage: Stage, call: PhoneCall, peer: CallLeg, session: str, status: str, *, legs: int
) -> None:
    """The call is over, for both, and for two."""
    began_s = call.time_of("answered")
    await call.say(tone(1300, 100))
    asked_s = asyncio.get_running_loop().time()
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "caller", "hangup", legs=legs)
    assert last["transfer_status"] == status
    over_s = asyncio.get_running_loop().time()
    stage.billed_between(session, asked_s - began_s, over_s - call.time_of("invite_sent"))
    assert call.complaints == peer.complaints == []
