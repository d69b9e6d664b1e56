"""Calls of ours that a process left behind are taken back by the next one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from onhook.phone import DialogRecord, OutgoingCall, SipCause, Trunk
from onhook.phone.dialog import HEADROOM
from onhook.phone.invite import OutgoingInvite
from phone.peer import SDP, Callee, Line, Message, Peer, line

TRUNK = {"username": "onhook", "password": "s3cret"}


def stored(call: OutgoingCall) -> DialogRecord:
    """The call's record as it comes back from a store."""
    return DialogRecord.from_dict(json.loads(json.dumps(call.record().as_dict())))


def at(record: DialogRecord, peer: Peer) -> DialogRecord:
    """The same call, had it gone to this peer: a test cannot send through a socket that is gone."""
    sent = record.pending_out
    moved = sent.towards(peer.address) if sent else None
    return replace(record, destination=peer.address, pending_out=moved)


async def left(rings: bool = True, **trunk: Any) -> tuple[Message, DialogRecord]:
    """The INVITE and the record of a call whose process is gone; there is no other INVITE of it to be
    cancelled than a challenge may have brought."""
    trunk = {"session_timer": 0, **trunk}
    async with line() as before:
        dialler, callee = await before.dialled(**trunk)
        if rings:
            callee.respond(180)
            await dialler.until("progressed")
        return callee.invite, stored(dialler.call)


def take_back(on: Line, record: DialogRecord) -> list[SipCause]:
    done: list[SipCause] = []
    on.endpoint.hangup_orphan(at(record, on.peer), done.append)
    return done


@pytest.mark.parametrize("rings", [True, False])
async def test_a_call_that_rings_is_cancelled(rings: bool) -> None:
    invite, record = await left(rings)
    async with line() as after:
        done = take_back(after, record)
        cancel = await after.peer.request("CANCEL")
        assert cancel["Via"] == invite["Via"]
        assert cancel.start.split()[1] == invite.start.split()[1]
        for name in ("From", "To", "Call-ID"):
            assert cancel[name] == invite[name]
        assert cancel["CSeq"] == "1 CANCEL"
        callee = Callee(after.peer, invite)
        after.peer.answer(cancel)
        callee.respond(487)
        assert (await after.peer.request("ACK"))["Via"] == invite["Via"]
        assert done == [SipCause(487, None, "Whatever")]
        callee.respond(487)
        await after.peer.request("ACK")
        after.clock.advance(40)
        await after.peer.quiet()
        assert len(done) == 1


async def test_a_call_that_is_answered_by_now_is_acknowledged_and_hung_up() -> None:
    invite, record = await left()
    async with line() as after:
        done = take_back(after, record)
        callee = Callee(after.peer, invite)
        after.peer.answer(await after.peer.request("CANCEL"))
        ack = await callee.answer()
        bye = await after.peer.request("BYE")
        assert (ack.to_tag, ack["CSeq"]) == ("callee", "1 ACK")
        assert (bye.to_tag, bye["CSeq"]) == ("callee", "2 BYE")
        assert ack.start == f"ACK {callee.contact[1:-1]} SIP/2.0"
        assert (await callee.answer()).data == ack.data
        for number in range(20):
            Callee(after.peer, invite, f"f{number}").respond(200, SDP, headers=("Record-Route: <",))
        starts = [message.start.split()[0] for message in await after.peer.until_quiet()]
        assert starts.count("ACK") == 15
        after.peer.answer(bye)
        await after.peer.quiet()
        assert done == [SipCause(200)]


async def test_every_invite_that_there_can_be_is_cancelled() -> None:
    invite, record = await left(rings=False, **TRUNK)
    async with line() as after:
        done = take_back(after, record)
        cancels = [await after.peer.request("CANCEL") for _ in range(4)]
        assert [cancel["CSeq"].split()[0] for cancel in cancels] == ["1", "2", "3", "4"]
        assert cancels[0]["Via"] == invite["Via"]
        assert len({cancel["Via"] for cancel in cancels}) == 4
        after.peer.answer(cancels[0])  # challenged; its transaction is still there
        for cancel in cancels[2:]:
            after.peer.answer(cancel, 481)
        after.peer.answer(cancels[1])
        second = Callee(after.peer, cancels[1])
        second.respond(487, cseq="2 INVITE")
        await after.peer.request("ACK")
        assert done == [SipCause(487, None, "Whatever")]


async def test_the_branches_of_later_invites_are_those_that_are_cancelled() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(**TRUNK)
        early = stored(dialler.call)
        callee.respond(401, headers=('WWW-Authenticate: Digest realm="r", nonce="n"',))
        await on.peer.request("ACK")
        second = await on.peer.request("INVITE")
        assert early.pending_out is not None
        assert early.pending_out.again().branch in second["Via"]
        assert stored(dialler.call).pending_out == early.pending_out.again()


async def test_nothing_is_left_of_a_call_that_never_rang() -> None:
    _, record = await left(rings=False)
    async with line() as after:
        done = take_back(after, record)
        after.peer.answer(await after.peer.request("CANCEL"), 481)
        await after.peer.quiet()
        assert done == [SipCause(481)]
        after.clock.advance(100)
        await after.peer.quiet()


async def test_a_phone_that_rang_and_knows_no_invite_gets_a_bye() -> None:
    """It was answered, and its ACK was the last thing that was done."""
    _, record = await left()
    async with line() as after:
        done = take_back(after, record)
        after.peer.answer(await after.peer.request("CANCEL"), 481)
        bye = await after.peer.request("BYE")
        assert bye.to_tag == "callee"
        assert int(bye["CSeq"].split()[0]) > 1
        after.peer.answer(bye)
        await after.peer.quiet()
        assert done == [SipCause(200)]


@pytest.mark.parametrize("rings", [True, False])
async def test_nobody_answers_the_cancel(rings: bool) -> None:
    _, record = await left(rings)
    async with line() as after:
        done = take_back(after, record)
        after.clock.advance(32)
        after.clock.advance(32)
        assert done == [SipCause(408)]
        methods = {message.start.split()[0] for message in await after.peer.until_quiet()}
        assert methods == ({"CANCEL", "BYE"} if rings else {"CANCEL"})


async def test_an_answered_call_is_hung_up() -> None:
    async with line() as before:
        dialler, callee = await before.talking()
        ack_to = f"{callee.invite['To']};tag=callee"
        record = stored(dialler.call)
        assert record.pending_out is None
    async with line() as after:
        done = take_back(after, record)
        bye = await after.peer.request("BYE")
        assert (bye["To"], bye["From"]) == (ack_to, callee.invite["From"])
        assert bye["CSeq"] == f"{2 + HEADROOM} BYE"
        after.peer.answer(bye)
        await after.peer.quiet()
        assert done == [SipCause(200)]


@pytest.mark.parametrize("known", [True, False])
async def test_a_challenge_to_the_bye_is_answered_if_the_trunk_is_known(known: bool) -> None:
    async with line() as before:
        dialler, _ = await before.talking(**TRUNK)
        record = stored(dialler.call)
    async with line() as after:
        done: list[SipCause] = []
        trunk = Trunk("127.0.0.1", username="onhook", password="s3cret") if known else None
        after.endpoint.hangup_orphan(at(record, after.peer), done.append, trunk)
        bye = await after.peer.request("BYE")
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = [each for each in bye.lines if each.split(":")[0] in names]
        after.peer.send(
            "\r\n".join(
                ["SIP/2.0 407 No", *lines, 'Proxy-Authenticate: Digest realm="r", nonce="n"']
            )
            + "\r\n\r\n"
        )
        if not known:
            await after.peer.quiet()
            assert done == [SipCause(407)]
            return
        again = await after.peer.request("BYE")
        assert again["Proxy-Authorization"].startswith('Digest username="onhook", realm="r"')
        assert int(again["CSeq"].split()[0]) == int(bye["CSeq"].split()[0]) + 1
        after.peer.answer(again)
        await after.peer.quiet()
        assert done == [SipCause(200)]


async def test_a_record_of_before_there_were_calls_of_ours_can_be_read() -> None:
    async with line() as on:
        dialler, _ = await on.talking()
        record = dialler.call.record()
        old = {key: value for key, value in record.as_dict().items() if key != "pending_out"}
        assert DialogRecord.from_dict(json.loads(json.dumps(old))) == record


@pytest.mark.parametrize(
    "change",
    [{"destination": ["h", 0]}, {"destination": ["1.2.3.4", 5060, "sctp"]}, {"cseq": 9},
     {"cseq": 0}, {"token": None}, {"last": 99}, {"destination": "h"}],
)  # fmt: skip
async def test_a_record_of_an_invite_that_makes_no_sense(change: dict[str, object]) -> None:
    async with line() as on:
        dialler, _ = await on.dialled()
        record = dialler.call.record()
        assert record.pending_out is not None
        assert stored(dialler.call) == record
        wrong = {**record.pending_out.as_dict(), **change}
        with pytest.raises(ValueError, match=r"record"):
            OutgoingInvite.from_dict(wrong)
        others: list[object] = [wrong, 1, []]
        for pending in others:
            with pytest.raises(ValueError, match=r"record"):
                DialogRecord.from_dict({**record.as_dict(), "pending_out": pending})


async def test_an_invite_for_a_longer_session_is_cancelled_too() -> None:
    async with line() as before:
        dialler, _ = await before.dialled()
        record = stored(dialler.call)
    async with line() as after:
        done = take_back(after, record)
        cancels = [await after.peer.request("CANCEL") for _ in range(2)]
        assert [cancel["CSeq"] for cancel in cancels] == ["1 CANCEL", "2 CANCEL"]
        for cancel in cancels:
            after.peer.answer(cancel, 481)
        await after.peer.until_quiet()
        assert done == [SipCause(481)]
        after.clock.advance(40)
