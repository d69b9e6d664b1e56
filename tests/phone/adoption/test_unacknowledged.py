"""A 200 that is not acknowledged is sent by the next process, to the byte, until the ACK or for 64*T1."""

import base64

import pytest

from onhook.phone import IncomingCall
from phone.adoption.succession import Succession, kept_of, succession
from phone.peer import SDP, Caller, answer_at_once, leave_ringing

T1_S = 0.5
KEY = base64.b64encode(bytes(range(30))).decode()
ENCRYPTED = SDP + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
WITH_TIMER = (
    "Supported: timer",
    "Session-Expires: 600;refresher=uac",
    "Record-Route: <sip:127.0.0.1;lr>",
)


async def repeats(on: Succession, seconds: float) -> list[bytes]:
    on.clock.advance(seconds)
    return [message.data for message in await on.peer.until_quiet()]


@pytest.mark.parametrize("body", [SDP, ENCRYPTED, ""])
async def test_it_is_repeated_as_it_was(body: str) -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        first = await caller.answered(body=body, headers=WITH_TIMER)
        kept = kept_of(on.owner.call)
        if body == ENCRYPTED:
            assert "inline" not in str({**kept, "keys": ()})
        after = await on.followed_in(kept)
        assert [each.data for each in await on.peer.until_quiet()] == [first.data]
        assert await repeats(on, T1_S) == [first.data]
        caller.invite(body=body, headers=WITH_TIMER)  # repeated: it finds its transaction
        assert (await on.peer.status(200)).data == first.data
        caller.ack(body="" if body else SDP)
        await after.until("acknowledged")
        assert await repeats(on, 40) == []
        assert len(on.owners) == 1, "the INVITE was taken for another call"
        caller.within("BYE")
        await on.peer.status(200)


@pytest.mark.parametrize("spent_s", [0, 12, 31])
async def test_it_is_given_up_when_the_first_process_would_have(spent_s: int) -> None:
    async with succession() as on:
        await Caller(on.peer).answered()
        on.clock.advance(spent_s)
        await on.peer.until_quiet()
        kept = kept_of(on.owner.call)
        after = await on.followed_in(kept)
        on.clock.advance(31.9 - spent_s)
        assert "BYE" not in {each.start.split()[0] for each in await on.peer.until_quiet()}
        on.clock.advance(4.1)
        bye = (await on.peer.until_quiet())[-1]
        assert bye.start.startswith("BYE ")
        assert after.names == ["no_ack"]


async def test_an_ack_that_came_while_nobody_read_is_read() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.answered()
        kept = kept_of(on.owner.call)
        await on.die()
        caller.ack()
        await on.stand()
        after = on.take_in(kept)
        await on.endpoint.serve()
        await after.until("acknowledged")


async def test_an_ack_that_was_lost_with_its_process_comes_again() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.answered()
        kept = kept_of(on.owner.call)
        caller.ack()
        await on.peer.quiet()
        after = await on.followed_in(kept)
        await on.peer.status(200)
        caller.ack()  # RFC 3261 13.2.2.4
        await after.until("acknowledged")


async def test_a_call_that_was_left_before_its_ack_is_hung_up_behind_it() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.answered()
        on.owner.call.hangup()
        after = await on.followed_in(kept_of(on.owner.call))
        await on.peer.status(200)
        caller.ack()
        on.peer.answer(await on.peer.request("BYE"))
        await after.until("hangup_done")


async def test_the_answer_to_a_renegotiation_is_repeated_too() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established()
        caller.within("INVITE", body=SDP.replace("a=sendrecv", "a=sendonly"))
        first = await on.peer.status(200)
        after = await on.followed_in(kept_of(on.owner.call))
        assert (await on.peer.status(200)).data == first.data
        caller.ack()
        await on.peer.quiet()
        assert await repeats(on, 40) == []
        assert after.names == []


@pytest.mark.parametrize("body", [SDP, ENCRYPTED, ""])
async def test_an_answer_that_no_record_tells_of_is_the_same_from_the_next_process(
    body: str,
) -> None:
    """All that is in it is settled when the call arrives: another answer would be none to the caller."""
    async with succession(leave_ringing) as on:
        caller = Caller(on.peer)
        await caller.ringing(body=body, headers=WITH_TIMER)
        kept = kept_of(on.owner.call)
        answer_at_once(on.owner.call)
        first = await on.peer.status(200)
        caller.to_tag = first.to_tag
        after = await on.followed_in(kept)
        answer_at_once(after.call)
        again = await on.peer.status(200)
        assert again.data == first.data
        caller.ack(body="" if body else SDP)
        await after.until("acknowledged")


async def test_the_next_process_uses_the_keys_that_were_agreed() -> None:
    def answer(call: IncomingCall) -> None:
        call.answer(ip="127.0.0.1", port=20000)

    async with succession(answer) as on:
        caller = Caller(on.peer)
        await caller.established(body=ENCRYPTED)
        before = on.owner.call.agreed
        after = await on.followed_in(kept_of(on.owner.call))
        assert before is not None and after.call.agreed == before
        assert after.call.agreed.srtp == before.srtp is not None
        caller.within("INVITE", body=ENCRYPTED)
        assert (await on.peer.status(200)).body.count("a=crypto:") == 1
        caller.ack()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_who_offers_something_else_has_acknowledged(method: str) -> None:
    """To the process that died, which had not written it."""
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.answered()
        kept = kept_of(on.owner.call)
        caller.ack()
        await on.peer.quiet()
        await on.die()
        caller.within(method, body=SDP.replace("40000", "40002"))
        await on.stand()
        after = on.take_in(kept)
        await on.endpoint.serve()
        await on.peer.status(200)
        final = await on.peer.status(200)
        assert final["CSeq"] == f"2 {method}"
        if method == "INVITE":
            caller.ack()
        await after.until("media_moved")
        assert after.names == ["acknowledged", "media_moved"]
        await on.peer.until_quiet()
        assert [each.data for each in await on.peer.until_quiet()] == []
