"""No call ends when switch and media plane are killed at the same moment: the next switch opens the audio of
each call anew, in the next plane, and goes on."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from acceptance import survival_both as both
from acceptance.asking import heard
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.survival import TRUSTED, Stage, killed
from acceptance.survival_both import goes_on
from acceptance.survival_scenes import next_said
from acceptance.talking import assert_joined, until
from acceptance.test_dies_at_a_point import HOOKS
from acceptance.test_no_call_dies import each
from acceptance.unbroken import known
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone_call import PhoneCall
from phone.authority import Authority

SCENES = (
    both.play,
    both.play_twice,
    both.hold_with_a_message,
    both.gather,
    both.keys_meanwhile,
    both.keys_meanwhile_twice,
    both.send_digits,
    both.record,
    both.record_before_the_beep,
    both.ending,
    both.transfer_joined,
    both.transfer_ringing,
    both.peer_on_hold,
    both.conference_of_three,
    both.encrypted_over_tls,
)
QUICK = (both.keys_meanwhile, both.transfer_joined)
LONG_S = 6


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dies") / "at"


@pytest.fixture(scope="module")
def server(where: Path) -> Iterator[Onhook]:
    issued = Authority(Path(tempfile.mkdtemp(prefix="onhook-both-"))).issue("onhook.test")
    settings = {
        "sip": "127.0.0.1:0,tls:127.0.0.1:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "trusted_peers": ",".join(f"{host}/32" for host in TRUSTED),
        "retry_schedule": "0.2",
    }
    environment = {"PYTHONPATH": str(HOOKS), "TEST_DIES_AT": str(where)}
    running = Onhook(settings, environment=environment)
    yield running
    running.close()


@pytest.fixture(scope="module")
def line(server: Onhook) -> TrunkLine:
    return lay_trunk(server)


@pytest.fixture
def stage(customer: Customer, callee: Callee, files: FileServer) -> Stage:
    return Stage(customer, callee, files, log_before=len(customer.server.log))


@each(SCENES, QUICK)
async def test_it_goes_on(stage: Stage, scene: both.Scene) -> None:
    await scene(stage)


# One of them, while the other is being replaced ----------------------------------------------------


@dataclass
class Cast:
    """Three calls: a message, a Gather that has a key, and two who are joined."""

    stage: Stage
    message: Pcm
    one: PhoneCall
    first: str
    two: PhoneCall
    second: str
    call: PhoneCall
    peer: IncomingPhoneCall
    third: str

    @classmethod
    async def on(cls, stage: Stage) -> Self:
        """They go on, and what is known of them is on disk."""
        message = known(LONG_S)
        call, peer, third = await stage.transferred()
        await peer.answer(("PCMU",))
        await assert_joined(call, peer)
        two, second = await stage.answered("middle/gather", max_digits="2")
        await two.send_digits("4")
        await until(lambda: both.typed_on_disk(stage, second, "4"), "the key on disk")
        one, first = await stage.answered("middle/play", msg=stage.says("long", message))
        await heard(one, 40)
        return cls(stage, message, one, first, two, second, call, peer, third)

    async def goes_on(self) -> None:
        """All of them do, and end as they should."""
        stage = self.stage
        await self.two.send_digits("2")
        told = await stage.receiver.next(session=self.second, ivr_block="gather")
        assert told["digits"] == "42"
        await stage.receiver.next(session=self.first, ivr_block="play")
        goes_on(self.one, self.message)
        await assert_joined(self.call, self.peer)
        for each_of, session in ((self.one, self.first), (self.two, self.second)):
            await stage.good_bye(each_of, session)
        await both.hung_up_by_the_caller(stage, self.call, self.peer, self.third)


def arm(where: Path, point: str) -> None:
    """The next process that comes to this point dies there, or has its plane die, or fails."""
    where.write_text(point)


def has_died(where: Path) -> bool:
    """Whether one came there."""
    return not where.exists()


def slow_but(quick: str, *others: str) -> pytest.MarkDecorator:
    """Points, of which one is quick enough."""
    marked = [pytest.param(one, marks=pytest.mark.slow) for one in others]
    return pytest.mark.parametrize("point", [quick, *marked])


@slow_but("adopting", "adopted")
async def test_the_plane_dies_while_calls_are_taken_over(
    stage: Stage, where: Path, point: str
) -> None:
    """The first of them was, or all of them, and nobody has been told of it."""
    going = await Cast.on(stage)
    plane = await asyncio.to_thread(stage.server.pid, "plane")
    arm(where, f"plane-{point}")
    async with stage.gap():
        pass
    await stage.server.serves("plane", plane)
    assert has_died(where)
    await going.goes_on()


@slow_but("reopened", "reopening")
async def test_the_switch_dies_while_streams_are_opened_again(
    stage: Stage, where: Path, point: str
) -> None:
    """The next plane has none of them, or all of them and nothing that plays."""
    going = await Cast.on(stage)
    switch = await asyncio.to_thread(stage.server.pid, "switch")
    arm(where, point)
    await stage.server.strike("plane")
    await until(lambda: has_died(where), "the switch dies")
    await stage.server.serves("switch", switch)
    await going.goes_on()


@pytest.mark.slow
async def test_the_switch_dies_while_there_is_no_plane(stage: Stage) -> None:
    """It had seen that, and waited for another."""
    going = await Cast.on(stage)
    server = stage.server
    asked = (asyncio.to_thread(server.pid, role) for role in ("switch", "plane"))
    switch, plane = await asyncio.gather(*asked)
    before = server.log.count("media_plane_lost")
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        await killed(plane)
        await until(lambda: server.log.count("media_plane_lost") > before, "it is seen")
        await killed(switch)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    await server.serves("switch", switch)
    await going.goes_on()


@slow_but("reopening", "reopened")
async def test_the_next_plane_dies_while_streams_are_opened_in_it(
    stage: Stage, where: Path, point: str
) -> None:
    going = await Cast.on(stage)
    back = stage.server.log.count("media_plane_back")
    arm(where, f"plane-{point}")
    await stage.server.strike("plane")
    await until(lambda: stage.server.log.count("media_plane_back") == back + 2, "two planes")
    assert has_died(where)
    await going.goes_on()


async def test_a_call_that_cannot_be_taken_over_is_settled_alone(stage: Stage, where: Path) -> None:
    """What was taken over of it before that turned out says nothing beside the settlement: one BYE."""
    call, session = await stage.waiting()
    other, second = await stage.waiting()
    arm(where, f"failing-half-adopted {session}")
    async with stage.gap():
        pass
    assert has_died(where)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.receiver.next(session=session, call_state="ended")
    assert (last["cause"], last["ended_by"]) == ("crash", "system")
    assert len({one.message.header("CSeq") for one in call.log.received("BYE")}) == 1
    assert call.complaints == []
    assert "call_broken" not in stage.server.log[stage.log_before :]
    stage.log_before = len(stage.server.log)
    await next_said(stage, other, second)
    await stage.good_bye(other, second)
