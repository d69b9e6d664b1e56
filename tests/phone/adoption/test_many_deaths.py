"""A call through many deaths at moments of chance: each key is heard once, each change of its audio counts,
and numbers only rise, whatever was written by then."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from phone.adoption.succession import Kept, Succession, kept_of, succession
from phone.peer import SDP, Caller, Message, Owner

STEPS = 25


@dataclass
class Written:
    """What is on disk of a call: what its leg kept, and the keys that its owner had heard by then."""

    leg: Kept
    keys: list[str]


@dataclass
class Rig:
    on: Succession
    caller: Caller
    owner: Owner
    chance: random.Random
    waiting: list[Any] = field(default_factory=list)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.keys: list[str] = []
        self._follow()

    def _follow(self) -> None:
        """Write of the leg from now on what another process would be told of it."""
        self.on_disk = Written(kept_of(self.owner.call), [*self.keys])
        self.owner.call.once_kept = self._once_kept
        self.owner.digit = self.keys.append  # type: ignore[method-assign,assignment]

    def _once_kept(self, then: Any) -> None:
        self.waiting.append((Written(kept_of(self.owner.call), [*self.keys]), then))

    def write(self) -> None:
        waiting, self.waiting = self.waiting, []
        for written, then in waiting:
            self.on_disk = written
            then()

    async def die(self) -> None:
        """A process follows that knows what was written."""
        self.waiting.clear()
        self.deaths += 1
        self.owner = await self.on.followed_in(self.on_disk.leg)
        self.keys = [*self.on_disk.keys]
        self._follow()

    async def heard(self) -> list[Message]:
        """What the phone hears until all is quiet; it answers requests, and acknowledges each 200 for its
        INVITE."""
        heard: list[Message] = []
        while seen := await self.on.peer.until_quiet():
            for message in seen:
                heard.append(message)
                if not message.start.startswith("SIP/"):
                    self.on.peer.answer(message)
                elif message["CSeq"].endswith(" INVITE") and message.status == 200:
                    self.caller.ack(cseq=int(message["CSeq"].split()[0]))
        return heard

    async def asks(self, method: str, **more: Any) -> Message:
        """The phone asks, and again until it is answered, as RFC 3261 17.1 has it."""
        text = self.caller.within(method, **more)
        number = f"{self.caller.cseq} {method}"
        for _ in range(50):
            act = self.chance.choice(("die", "die late", "write", "write", "wait"))
            if act == "die late":
                await self.on.peer.until_quiet()
            if act.startswith("die"):
                await self.die()
            elif act == "write":
                await self.on.peer.until_quiet()
                self.write()
            for message in await self.heard():
                if message.start.startswith("SIP/") and message["CSeq"] == number:
                    return message
            self.on.peer.send(text)
        raise AssertionError("the phone was not answered")


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_lost_and_nothing_twice(seed: int) -> None:
    chance = random.Random(seed)
    headers = ("Supported: timer", "Session-Expires: 1800;refresher=uac")
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=headers)
        rig = Rig(on, caller, on.owner, chance)
        pressed: list[str] = []
        port = 40000
        for _ in range(STEPS):
            act = chance.choice(("key", "key", "move", "hold", "refresh", "ask", "probe"))
            if act == "key":
                pressed.append(chance.choice("0123456789*#"))
                body = f"Signal={pressed[-1]}\r\nDuration=100\r\n"
                final = await rig.asks("INFO", content_type="application/dtmf-relay", body=body)
            elif act == "move":
                port += 2
                final = await rig.asks(chance.choice(("INVITE", "UPDATE")), body=said(port))
            elif act == "hold":
                held = said(port).replace("a=sendrecv", "a=sendonly")
                final = await rig.asks("INVITE", body=held)
            elif act == "refresh":
                final = await rig.asks("UPDATE", headers=headers)
            elif act == "ask":
                final = await rig.asks("OPTIONS")
            else:
                rig.owner.call.probe(lambda cause: None)
                await rig.heard()
                continue
            assert final.status == 200, (act, final.start)
            await rig.heard()
            rig.write()
            media = rig.owner.call.agreed
            assert media is not None and media.port == port
            assert media.on_hold is (act == "hold") or act not in ("hold", "move")
        assert rig.keys == pressed
        assert rig.deaths > STEPS / 4
        rig.owner.call.hangup()
        assert [each.start.split()[0] for each in await rig.heard()] == ["BYE"]
        assert rig.owner.names[-1] == "hangup_done"


def said(port: int) -> str:
    return SDP.replace("40000", str(port))
