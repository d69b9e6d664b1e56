"""A caller that waits for our answer goes on waiting at the next process."""

import base64

import pytest

from onhook.phone import IncomingCall, RemoteMedia
from onhook.phone.inbound.sources import InboundSources, TrunkSource
from onhook.phone.trunk import Trunk
from phone.adoption.succession import Succession, kept_of, succession
from phone.adoption.test_once_kept import Disk
from phone.peer import SDP, Caller, Message, Owner, answer_at_once

RELIABLE = ("Supported: 100rel",)
NO_OFFER = ("Require: 100rel",)


def ring(call: IncomingCall) -> None:
    call.ring("127.0.0.1", 20000)


async def rung(on: Succession, **invite: object) -> tuple[Caller, Message]:
    caller = Caller(on.peer)
    await caller.ringing(**invite)
    ringing = await on.peer.status(180)
    caller.to_tag = ringing.to_tag
    return caller, ringing


async def prack(on: Succession, caller: Caller, ringing: Message, body: str = "") -> None:
    headers = (f"RAck: {ringing['RSeq']} 1 INVITE",)
    caller.within("PRACK", headers=headers, body=body)
    await on.peer.status(200)


async def test_it_hears_the_same_ringing_and_is_answered() -> None:
    async with succession(ring) as on:
        caller, before = await rung(on)
        after = await on.followed_in(kept_of(on.owner.call))
        assert (await on.peer.status(180)).data == before.data
        caller.invite()
        assert (await on.peer.status(180)).data == before.data
        answer_at_once(after.call)
        final = await on.peer.status(200)
        assert final.to_tag == before.to_tag
        caller.ack()
        await after.until("acknowledged")
        assert len(on.owners) == 1, "the INVITE was taken for another call"


async def test_it_is_not_rung_by_itself_before_its_owner_rings() -> None:
    async with succession(lambda call: None, trying=False) as on:
        caller = Caller(on.peer)
        caller.invite()
        await on.peer.quiet()
        after = await on.followed_in(kept_of(on.owner.call))
        await on.peer.quiet()
        caller.invite()
        await on.peer.quiet()
        after.call.ring()
        await on.peer.status(180)
        after.call.reject(486)
        caller.to_tag = (await on.peer.status(486)).to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()


async def test_it_gives_up() -> None:
    async with succession(ring) as on:
        caller, ringing = await rung(on)
        kept = kept_of(on.owner.call)
        await on.die()
        caller.cancel()
        await on.stand()
        after = on.take_in(kept)
        await on.endpoint.serve()
        answers = {(await on.peer.receive()).start.split()[1] for _ in range(3)}
        assert answers == {"180", "200", "487"}
        await after.until("cancelled")
        caller.to_tag = ringing.to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        assert on.endpoint.live_calls == 0


async def test_a_cancel_is_answered_when_it_is_written() -> None:
    async with succession(ring) as on:
        caller, _ = await rung(on)
        disk = Disk(on.owner.call)
        caller.cancel()
        await on.owner.until("cancelled")
        await on.peer.quiet()
        disk.write()
        await on.peer.status(200)
        await on.peer.status(487)


async def test_a_cancel_that_is_repeated_is_answered_no_sooner() -> None:
    async with succession(ring) as on:
        caller, _ = await rung(on)
        disk = Disk(on.owner.call)
        cancel = caller.cancel()
        await on.owner.until("cancelled")
        on.peer.send(cancel)  # the disk is slow
        await on.peer.quiet()
        disk.write()
        await on.peer.status(200)
        await on.peer.status(487)


async def test_a_cancel_that_was_not_written_is_answered_by_the_next_process() -> None:
    async with succession(ring) as on:
        caller, _ = await rung(on)
        disk = Disk(on.owner.call)
        caller.cancel()
        await on.owner.until("cancelled")
        after = await on.followed_in(disk.lose())
        await on.peer.status(180)
        caller.cancel()
        await on.peer.status(200)
        await on.peer.status(487)
        await after.until("cancelled")


async def test_the_answer_to_its_cancel_has_the_tag_of_its_call() -> None:
    async with succession(ring) as on:
        caller, ringing = await rung(on)
        await on.followed_in(kept_of(on.owner.call))
        await on.peer.status(180)
        caller.cancel()
        assert (await on.peer.status(200)).to_tag == ringing.to_tag
        assert (await on.peer.status(487)).to_tag == ringing.to_tag
        caller.ack(branch=caller.branch)


async def test_a_reliable_ringing_is_repeated_until_it_is_acknowledged() -> None:
    async with succession(ring) as on:
        caller, before = await rung(on, headers=RELIABLE)
        await on.followed_in(kept_of(on.owner.call))
        assert (await on.peer.status(180)).data == before.data
        on.clock.advance(0.5)
        assert (await on.peer.status(180)).data == before.data
        await prack(on, caller, before)
        on.clock.advance(40)
        await on.peer.quiet()


async def test_a_reliable_ringing_that_was_acknowledged_is_not_repeated() -> None:
    async with succession(ring) as on:
        caller, ringing = await rung(on, headers=RELIABLE)
        await prack(on, caller, ringing)
        after = await on.followed_in(kept_of(on.owner.call))
        on.clock.advance(40)
        await on.peer.quiet()
        answer_at_once(after.call)
        await on.peer.status(200)
        caller.ack(cseq=1)
        await after.until("acknowledged")


async def test_an_offer_in_the_ringing_is_answered_at_the_next_process() -> None:
    async with succession(ring) as on:
        caller, before = await rung(on, body="", headers=NO_OFFER)
        assert before.body
        after = await on.followed_in(kept_of(on.owner.call))
        assert (await on.peer.status(180)).data == before.data
        after.call.answer(ip="127.0.0.1", port=20000)
        await on.peer.quiet()
        await prack(on, caller, before, SDP)
        assert not (await on.peer.status(200)).body
        caller.ack(cseq=1)
        media = await after.until("acknowledged")
        assert isinstance(media, RemoteMedia) and media.port == 40000


async def test_an_answer_that_waits_for_the_caller_waits_on() -> None:
    async with succession(ring) as on:
        caller, before = await rung(on, body="", headers=NO_OFFER)
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        after = await on.followed_in(kept_of(on.owner.call))
        assert (await on.peer.status(180)).data == before.data
        await prack(on, caller, before, SDP)
        await on.peer.status(200)
        caller.ack(cseq=1)
        await after.until("acknowledged")


async def test_what_was_agreed_while_it_rang_is_known() -> None:
    async with succession(ring) as on:
        caller, before = await rung(on, body="", headers=NO_OFFER)
        await prack(on, caller, before, SDP)
        after = await on.followed_in(kept_of(on.owner.call))
        assert after.call.offer == on.owner.call.offer is not None
        after.call.answer(ip="127.0.0.1", port=20000)
        assert not (await on.peer.status(200)).body
        caller.ack(cseq=1)
        await after.until("acknowledged")


async def test_who_calls_whom_and_by_what_is_known() -> None:
    headers = ("P-Asserted-Identity: <sip:+6599990000@pbx>", "X-Ticket: 17", "Supported: timer")
    async with succession(lambda call: None) as on:
        caller = Caller(on.peer)
        await caller.ringing(headers=headers)
        before = on.owner.call
        call = (await on.followed_in(kept_of(before))).call
        for name in ("called", "addressed", "caller", "custom_headers", "offer", "source"):
            assert getattr(call, name) == getattr(before, name), name
        assert call.custom_headers == (("X-Ticket", "17"),)


async def test_a_caller_by_a_trunk_stays_one() -> None:
    key = base64.b64encode(bytes(range(30))).decode()
    offer = SDP.replace("RTP/AVP", "RTP/SAVP")
    offer += f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
    trunk = Trunk(
        "127.0.0.1", name="pbx", srtp="require", codecs=("PCMU",), username="u", password="p"
    )
    async with succession(ring) as on:
        on.endpoint.take_calls_of(InboundSources((TrunkSource(trunk, ("127.0.0.1",)),)))
        caller, _ = await rung(on, body=offer)
        before, kept = on.owner.call, kept_of(on.owner.call)
        assert kept["trunk"] == "pbx"
        assert "inline" not in str({**kept, "keys": ()})
        after = await on.followed_in(kept, trunk)
        await on.peer.status(180)
        assert (after.call.origin.trunk, after.call.offer) == (trunk, before.offer)
        answer_at_once(after.call)
        final = await on.peer.status(200)
        assert "RTP/SAVP 0 101" in final.body
        caller.ack()
        await after.until("acknowledged")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_the_host_of_its_audio_is_not_looked_up_again(host: str) -> None:
    async with succession(lambda call: None) as on:
        caller = Caller(on.peer)
        await caller.ringing(body=SDP.replace("192.0.2.9", host))
        while not on.owners:
            await on.peer.quiet()
        before = on.owner.call
        after: Owner = await on.followed_in(kept_of(before))
        assert after.call.offer == before.offer is not None
        answer_at_once(after.call)
        await on.peer.status(200)
        caller.to_tag = before.dialog.local_tag
        caller.ack()
        await after.until("acknowledged")


async def test_a_caller_that_was_answered_after_all_is_hung_up_if_it_is_refused() -> None:
    async with succession(ring) as on:
        caller, ringing = await rung(on)
        kept = kept_of(on.owner.call)
        answer_at_once(on.owner.call)
        await on.peer.status(200)
        caller.ack()
        await on.peer.quiet()
        after = await on.followed_in(kept)
        await on.peer.status(180)
        after.call.reject(480)
        await on.peer.status(480)
        on.clock.advance(32)
        bye = (await on.peer.until_quiet())[-1]
        assert bye.start.startswith("BYE ")
        assert bye["From"].endswith(f";tag={ringing.to_tag}")
        on.peer.answer(bye)
        await on.peer.quiet()


async def test_a_caller_that_acknowledges_its_refusal_hears_no_more() -> None:
    async with succession(ring) as on:
        caller, ringing = await rung(on)
        after = await on.followed_in(kept_of(on.owner.call))
        await on.peer.status(180)
        after.call.reject(480)
        await on.peer.status(480)
        caller.to_tag = ringing.to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(40)
        await on.peer.quiet()
