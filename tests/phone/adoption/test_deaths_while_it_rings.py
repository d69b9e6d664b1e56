"""Calls that come about while processes die at moments of chance: one phone rings, once, and whoever answered
is heard, whatever was written by then."""

import random
from typing import Any

import pytest

from onhook.phone import CallState, IncomingCall, OutgoingCall, Trunk
from onhook.phone.waiting import PATIENCE_S
from phone.adoption.succession import Kept, Succession, kept_of, succession
from phone.peer import SDP, Callee, Caller, Dialler, Message, Owner

CREDENTIALS: dict[str, Any] = {"username": "user", "password": "secret"}
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
OURS = ("127.0.0.1", 20000)
STEP_S = 0.5


class Record:
    """What is on disk of a call: it is written at some time after its owner was told something, or when its
    leg waits for that; and lost with a process that dies before."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._waiting: list[tuple[Kept, Any]] = []
        self.deaths = self._steps = 0
        self.kept: Kept

    def follow(self, call: IncomingCall | OutgoingCall, owner: Dialler | Owner) -> None:
        self._waiting.clear()
        self._call = call
        self.kept = kept_of(call)
        call.once_kept = lambda then: self._waiting.append((kept_of(call), then))
        note = owner._note

        def noted(name: str, detail: object = None) -> None:
            note(name, detail)
            if call.state is not CallState.ENDED:
                self._waiting.append((kept_of(call), lambda: None))

        owner._note = noted  # type: ignore[method-assign]

    def waits_for_long(self) -> bool:
        """Whether something waits for as long as a leg has patience; then it is written."""
        self._steps = self._steps + 1 if self._waiting else 0
        return self._steps >= PATIENCE_S / STEP_S - 1

    def write(self) -> None:
        self._steps = 0
        waiting, self._waiting = self._waiting, []
        for kept, then in waiting:
            self.kept = kept
            then()


class Phone:
    """The far side of a call of ours: asks for credentials, rings, answers, and repeats what it must."""

    def __init__(self, on: Succession, chance: random.Random) -> None:
        self.on = on
        self.reliable = chance.random() < 0.5
        self.refused: dict[str, float] = {}
        """When the challenge of each INVITE was acknowledged."""
        self.rang: dict[str, Callee] = {}
        self.pracked = not self.reliable
        self.answered = self.acknowledged = False

    def take(self, message: Message) -> None:
        method, branch = message.start.split()[0], message["Via"].partition("branch=")[2]
        if method == "INVITE":
            self._invited(message, branch)
        elif method == "ACK" and branch in self.refused:
            self.refused[branch] = self.on.clock.time()
        elif method == "ACK":
            self.acknowledged = True
        elif method == "PRACK":
            self.pracked = True
            self.on.peer.answer(message)
        elif not message.start.startswith("SIP/"):
            self.on.peer.answer(message)

    def _invited(self, invite: Message, branch: str) -> None:
        if branch in self.rang:
            self.ring()
        elif invite.all("Authorization"):
            self.rang[branch] = Callee(self.on.peer, invite)
            self.ring()
        elif self.on.clock.time() >= self.refused.get(branch, -1) + 5:  # RFC 3261 17.2.1: timer I
            self.refused.setdefault(branch, 10**9)
            self.refused[branch] = min(self.refused[branch], 10**9)
            Callee(self.on.peer, invite).respond(401, headers=(CHALLENGE,))

    def ring(self) -> None:
        headers = ("Require: 100rel", "RSeq: 7") if self.reliable else ()
        (callee,) = self.rang.values()
        callee.respond(180, headers=headers)

    def again(self) -> None:
        """What it repeats by itself."""
        if not self.rang:
            return
        (callee,) = self.rang.values()
        if not self.pracked:
            self.ring()
        elif self.answered and not self.acknowledged:
            callee.respond(200, SDP)


@pytest.mark.parametrize("seed", range(12))
async def test_a_call_of_ours_comes_about(seed: int) -> None:
    chance = random.Random(seed)
    async with succession() as on:
        trunk = Trunk(*on.peer.address, **CREDENTIALS)
        phone, record = Phone(on, chance), Record(chance)
        owner = on.dial(at_once=False, **CREDENTIALS)
        record.follow(owner.call, owner)
        on.endpoint.launch(owner.call)
        for _ in range(400):
            for message in await on.peer.until_quiet():
                phone.take(message)
            act = chance.choice(("die", "write", "write", "wait", "wait", "answer"))
            if act == "die":
                record.deaths += 1
                owner = await on.followed_out(record.kept, trunk)
                record.follow(owner.call, owner)
                on.endpoint.launch(owner.call)
            elif act == "write" or record.waits_for_long():
                record.write()
            elif act == "answer" and phone.rang and phone.pracked:
                phone.answered = True
            on.clock.advance(STEP_S)
            phone.again()
            if phone.acknowledged and owner.call.state is CallState.ESTABLISHED:
                break
        assert phone.acknowledged and owner.call.state is CallState.ESTABLISHED
        assert len(phone.rang) == 1
        record.write()
        await on.peer.until_quiet()
        owner.call.hangup()
        bye = (await on.peer.until_quiet())[-1]
        assert bye.start.startswith("BYE ")
        on.peer.answer(bye)
        await owner.until("hangup_done")


@pytest.mark.parametrize("seed", range(12))
async def test_a_call_to_us_comes_about(seed: int) -> None:
    chance = random.Random(seed)
    offers, reliable = chance.random() < 0.7, chance.random() < 0.6
    headers = ("Require: 100rel" if not offers else "Supported: 100rel",) if reliable else ()
    async with succession(lambda call: None, trying=False) as on:
        caller, record = Caller(on.peer), Record(chance)
        body = SDP if offers else ""
        invite = caller.invite(body=body, headers=headers)
        while not on.owners:
            await on.peer.until_quiet()
        owner = on.owner
        record.follow(owner.call, owner)
        prack, finals, rang, answered = "", set(), False, False
        pracked = False
        for _ in range(400):
            for message in await on.peer.until_quiet():
                if not message.start.startswith("SIP/"):
                    continue
                method = message["CSeq"].split()[1]
                if method == "PRACK" and message.status == 200:
                    pracked = True
                elif (
                    method == "INVITE"
                    and message.status == 180
                    and message.all("RSeq")
                    and not prack
                ):
                    caller.to_tag = message.to_tag
                    prack = caller.within(
                        "PRACK", headers=(f"RAck: {message['RSeq']} 1 INVITE",),
                        body="" if offers else SDP,
                    )  # fmt: skip
                elif method == "INVITE" and message.status == 200:
                    finals.add(message.data)
                    caller.to_tag = message.to_tag
                    caller.ack(cseq=1, body="" if offers or prack else SDP)
            act = chance.choice(("die", "write", "write", "wait", "ring", "answer"))
            if act == "die":
                record.deaths += 1
                owner = await on.followed_in(record.kept)
                record.follow(owner.call, owner)
                rang = answered = False
            elif act == "write" or record.waits_for_long():
                record.write()
            elif act == "ring" and not rang and owner.call.state is CallState.OFFERED:
                owner.call.ring(*OURS)
                rang = True
            elif (
                act == "answer"
                and not answered
                and owner.call.state is CallState.OFFERED
                and (offers or not reliable or rang)
            ):
                owner.call.answer(ip=OURS[0], port=OURS[1])
                answered = True
            on.clock.advance(STEP_S)
            if prack and not pracked:
                on.peer.send(prack)
            if not finals:
                on.peer.send(invite)
            if owner.call.state is CallState.ESTABLISHED:
                break
        assert owner.call.state is CallState.ESTABLISHED
        assert len(finals) == 1, "the answer was another one from another process"
        assert len(on.owners) == 1, "the INVITE was taken for another call"
        record.write()
        await on.peer.until_quiet()
        owner.call.hangup()
        bye = (await on.peer.until_quiet())[-1]
        assert bye.start.startswith("BYE ")
        on.peer.answer(bye)
        await owner.until("hangup_done")
