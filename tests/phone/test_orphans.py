"""Calls that a process left behind are ended by the next one, at the phone that still has them."""

import asyncio
import json
from dataclasses import replace

import pytest

from onhook.phone import DialogRecord, IncomingCall, SipCause
from onhook.phone.message import Address, TcpAddress
from onhook.phone.pending import PendingInvite
from phone.peer import PATIENCE_S, Caller, Line, Message, Peer, answer_at_once, line


def ring(call: IncomingCall) -> None:
    call.ring()


def stored(call: IncomingCall) -> DialogRecord:
    """The call's record as it comes back from a store."""
    return DialogRecord.from_dict(json.loads(json.dumps(call.record().as_dict())))


def at(record: DialogRecord, peer: Peer) -> DialogRecord:
    """The same call, had it come from this peer: a test cannot send through a socket that is gone."""
    assert record.pending is not None
    port = f"127.0.0.1:{record.pending.source[1]};"
    assert port in record.pending.head
    head = record.pending.head.replace(port, f"127.0.0.1:{peer.address[1]};")
    pending = replace(record.pending, head=head, source=peer.address)
    return replace(record, pending=pending, destination=peer.address)


def ack(caller: Caller, peer: Peer, final: Message) -> None:
    """The ACK of a refusal: the INVITE's own Via, hence its transaction (RFC 3261 17.1.1.3)."""
    via = "Via: " + final["Via"]
    text = peer.text("ACK", call_id=caller.call_id, to_tag=final.to_tag, via=via)
    peer.send(text)


async def left_ringing(on: Line, **invite: tuple[str, ...]) -> tuple[Caller, Message, DialogRecord]:
    caller = Caller(on.peer)
    await caller.ringing(**invite)
    ringing = await on.peer.status(180)
    return caller, ringing, stored(on.owner.call)


async def test_a_ringing_call_is_rejected_by_another_process() -> None:
    async with line(ring) as before:
        second = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfirst"
        caller, ringing, record = await left_ringing(before, headers=(second,))
    async with line() as after:
        told: list[bool] = []
        after.endpoint.reject_orphan(at(record, after.peer), 480, told.append)
        final = await after.peer.status(480)
        for name in ("From", "To", "Call-ID", "CSeq"):
            assert final.all(name) == ringing.all(name)
        assert final.all("Via")[1:] == ringing.all("Via")[1:] == [second.removeprefix("Via: ")]
        ack(caller, after.peer, final)
        await after.peer.quiet()
        after.clock.advance(1.0)
        assert told == [True]
        after.clock.advance(60)
        await after.peer.quiet()


async def test_the_rejection_is_repeated_until_the_ack() -> None:
    async with line(ring) as before:
        caller, _, record = await left_ringing(before)
    async with line() as after:
        told: list[bool] = []
        after.endpoint.reject_orphan(at(record, after.peer), 480, told.append)
        first = await after.peer.status(480)
        after.clock.advance(0.5)
        assert (await after.peer.status(480)).data == first.data
        after.clock.advance(0.5)
        assert told == [False]
        after.clock.advance(0.5)
        assert (await after.peer.status(480)).data == first.data
        ack(caller, after.peer, first)
        await after.peer.quiet()
        after.clock.advance(60)
        await after.peer.quiet()
        assert told == [False]


async def test_nobody_acknowledges_and_the_rejection_ends() -> None:
    async with line(ring) as before:
        _, _, record = await left_ringing(before)
    async with line() as after:
        after.endpoint.reject_orphan(at(record, after.peer), 480, lambda _: None)
        after.clock.advance(32)
        assert 5 < len(await after.peer.until_quiet()) < 15
        after.clock.advance(60)
        await after.peer.quiet()


async def test_a_caller_that_called_anew_is_not_refused() -> None:
    """It had heard nothing yet, so its INVITE came again, to the new process, before the refusal."""
    async with line(ring) as before:
        _, _, record = await left_ringing(before)
    async with line(ring) as after:
        moved = at(record, after.peer)
        assert moved.pending is not None
        again = f"{moved.pending.head}\r\nContact: <sip:peer@127.0.0.1>\r\n\r\n"
        after.peer.send(again)
        await after.peer.status(100)
        await after.peer.status(180)
        told: list[bool] = []
        after.endpoint.reject_orphan(moved, 480, told.append)
        after.clock.advance(60)
        await after.peer.quiet()
        assert told == [True]
        after.peer.send(again)  # the call is as it was
        await after.peer.status(180)


async def test_the_endpoint_closes_before_it_is_known() -> None:
    async with line(ring) as before:
        _, _, record = await left_ringing(before)
    told: list[bool] = []
    async with line() as after:
        after.endpoint.reject_orphan(at(record, after.peer), 480, told.append)
    after.clock.advance(60)
    assert told == []


async def test_what_is_pending_is_forgotten_at_the_ack() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered()
        assert stored(on.owner.call).pending is not None
        caller.ack()
        await on.peer.quiet()
        record = stored(on.owner.call)
        assert record.pending is None
        with pytest.raises(ValueError, match="not pending"):
            on.endpoint.reject_orphan(record, 480, lambda _: None)


async def test_strange_bytes_come_back_as_they_were() -> None:
    async with line(ring) as on:
        caller = Caller(on.peer)
        text = on.peer.text(
            "INVITE", call_id=caller.call_id, headers=(f"Contact: {caller.contact}",),
            caller='"J\u00fcrgen" <sip:+6591234567@peer.example>',
        )  # fmt: skip
        on.peer.send(text)
        await on.peer.status(100)
        ringing = await on.peer.status(180)
        again = stored(on.owner.call).pending
        assert again is not None
        assert again.request().first("from") == ringing["From"]


@pytest.mark.parametrize(
    "change",
    [
        {"pending": 1},
        {"pending": {}},
        {"pending": {"head": "x", "source": ["127.0.0.1", 0]}},
        {"pending": {"head": "x", "source": ["pbx.example", 5060]}},
        {"pending": {"head": None, "source": ["127.0.0.1", 5060]}},
    ],
)
async def test_a_pending_invite_that_makes_no_sense(change: dict[str, object]) -> None:
    async with line(ring) as on:
        _, _, record = await left_ringing(on)
        with pytest.raises(ValueError, match=r"record|address"):
            DialogRecord.from_dict({**record.as_dict(), **change})


@pytest.mark.parametrize("head", ["", "nonsense", "BYE sip:x SIP/2.0", "SIP/2.0 200 OK"])
def test_a_pending_invite_that_cannot_be_read(head: str) -> None:
    with pytest.raises(ValueError, match="record"):
        PendingInvite(head, ("127.0.0.1", 5060)).request()


async def test_without_trying_nothing_is_said_until_the_owner_speaks() -> None:
    async with line(lambda call: None, trying=False) as on:
        caller = Caller(on.peer)
        invite = caller.invite()
        on.peer.send(invite)  # the caller repeats itself
        await on.peer.quiet()
        on.owner.call.ring()
        await on.peer.status(180)
        on.peer.send(invite)
        await on.peer.status(180)
        assert len(on.owners) == 1


# The probe: is the peer still in the call?


@pytest.mark.parametrize("status", [200, 481, 405])
async def test_a_probe_is_answered(status: int) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established()
        heard: list[SipCause] = []
        next_cseq = on.owner.call.record().next_cseq
        assert on.owner.call.probe(heard.append)
        options = await on.peer.request("OPTIONS")
        assert (options["From"], options["To"]) == (final["To"], final["From"])
        assert options["CSeq"] == f"{next_cseq} OPTIONS"
        on.peer.answer(options, status)
        await on.peer.quiet()
        assert heard == [SipCause(status=status)]
        on.owner.call.hangup()
        assert (await on.peer.request("BYE"))["CSeq"] == f"{next_cseq + 1} BYE"


async def test_a_probe_is_not_answered() -> None:
    async with line() as on:
        await Caller(on.peer).established()
        heard: list[SipCause] = []
        on.owner.call.probe(heard.append)
        on.clock.advance(32)
        assert heard == [SipCause(status=408)]
        assert {message.start.split()[0] for message in await on.peer.until_quiet()} == {"OPTIONS"}


async def test_no_probe_before_the_ack_and_after_the_end() -> None:
    async with line(answer_at_once) as on:
        caller = Caller(on.peer)
        await caller.answered()
        heard: list[SipCause] = []
        assert not on.owner.call.probe(heard.append)
        caller.ack()
        await on.peer.quiet()
        caller.within("BYE")
        await on.peer.status(200)
        assert not on.owner.call.probe(heard.append)
        await on.peer.quiet()
        assert heard == []


@pytest.mark.parametrize(
    ("destination", "why"),
    [
        (("2001:db8::1", 5060), "no listener of ours has the family of its address"),
        (TcpAddress("127.0.0.1", 1), "no connection: Connection refused"),
    ],
    ids=["no listener", "no connection"],
)
async def test_a_bye_that_cannot_be_sent_is_said_to_be_so(destination: Address, why: str) -> None:
    async with line() as before:
        caller = Caller(before.peer)
        await caller.established()
        record = replace(stored(before.owner.call), destination=destination)
    async with line() as after:
        told: asyncio.Queue[SipCause] = asyncio.Queue()
        after.endpoint.hangup_orphan(record, told.put_nowait)
        for _ in range(8):
            await after.disconnected()
            after.clock.advance(4)
        assert await asyncio.wait_for(told.get(), PATIENCE_S) == SipCause(503, None, why)


async def test_a_bye_that_nobody_answers_was_sent() -> None:
    async with line() as before:
        caller = Caller(before.peer)
        await caller.established()
        record = stored(before.owner.call)
    async with line() as after:
        told: list[SipCause] = []
        after.endpoint.hangup_orphan(replace(record, destination=after.peer.address), told.append)
        await after.peer.request("BYE")
        after.clock.advance(33)
        assert told == [SipCause(408)]
