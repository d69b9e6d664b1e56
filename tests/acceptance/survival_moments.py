"""Moments between two states of a call, in which the switch was killed.

As in ``survival_scenes.py``; here something is under way that is not in the record of the call yet, or on its
way out of it.
"""

import asyncio
from contextlib import suppress

import aiohttp

from acceptance.accounts import HEADER
from acceptance.asking import OK, heard
from acceptance.survival import Stage
from acceptance.survival_scenes import hung_up, next_is_heard
from acceptance.talking import assert_joined, hears, until
from acceptance.unbroken import known
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.tones import tone

FILE = "slow.wav"
"""What is fetched for as long as a scene wants."""
ASKED_S = 60.0


async def preparing(stage: Stage) -> None:
    """A message is being fetched, and keys are typed meanwhile: the call is as before, and is asked again."""
    call, session = await stage.waiting()
    message = known(1, from_hz=900)
    asking = Asking(stage, "ivr/middle/play", session=session, msg=slow(stage, message))
    await asking.begins()
    await call.send_digits("5")
    async with stage.gap():
        await call.send_digits("6")
    await asking.again()
    await stage.receiver.next(session=session, ivr_block="play", tag="asked")
    stage.heard_whole(call, message)
    await stage.customer.block("middle/gather", session, max_digits="2")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "56"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def preparing_while_it_rings(stage: Stage) -> None:
    """Nobody has answered yet: it rings on, and is answered by the request that is made again."""
    call, told = await stage.customer.call()
    session, message = told["session"], known(1, from_hz=900)
    asking = Asking(stage, "ivr/middle/play", session=session, msg=slow(stage, message))
    await asking.begins()
    async with stage.gap():
        call.repeat_invite()
    assert not call.is_up()
    await asking.again()
    await call.answered()
    await stage.stands(call)
    await stage.receiver.next(session=session, ivr_block="play", tag="asked")
    stage.heard_whole(call, message)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


async def preparing_and_given_up(stage: Stage) -> None:
    """The caller gives up in the gap."""
    call, told = await stage.customer.call()
    session = told["session"]
    asking = Asking(stage, "ivr/middle/play", session=session, msg=slow(stage, known(1)))
    await asking.begins()
    async with stage.gap():
        given_up = asyncio.ensure_future(call.cancel())
        await until(lambda: call.log.sent("CANCEL"), "the CANCEL")
    assert (await given_up).how is How.CANCELLED
    await stage.ended(session, "caller", "cancelled")
    assert call.complaints == []


async def last_words_being_prepared(stage: Stage) -> None:
    """The call goes on until there are any; then they are heard, and it is hung up."""
    call, session = await stage.waiting()
    message = known(1, from_hz=900)
    asking = Asking(stage, "ivr/end/hangup", session=session, msg=slow(stage, message))
    await asking.begins()
    await stage.dies(call)
    assert call.is_up()
    await asking.again()
    await hung_up(stage, call, session)
    stage.heard_whole(call, message)
    await stage.heard_on(call)


async def dial_that_is_taken_back(stage: Stage) -> None:
    """The CANCEL was answered and the INVITE was not: whoever answers all the same is hung up."""
    call, session = await stage.dialled()
    call.ignore_cancel()
    await stage.customer.block("end/hangup", session, force="enabled")
    await call.received("CANCEL")
    async with stage.gap():
        answer = asyncio.ensure_future(call.answer())
        await until(lambda: call.log.sent(200), "the 200")
    await answer
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.receiver.next(session=session, call_state="ended")
    assert (last["ended_by"], last["debit"]) == ("application", "0.000")
    assert call.complaints == []


async def early_media(stage: Stage) -> None:
    """What a phone says before it answers is heard by the caller before, in and after the gap."""
    call, peer, session = await stage.transferred()
    await peer.early_media(tone(700, 600))
    await hears(call, 700)
    async with stage.gap():
        await peer.early_media(tone(1100, 600))
        await hears(call, 1100)
    await peer.early_media(tone(1500, 600))
    await hears(call, 1500)
    await peer.answer()
    await assert_joined(call, peer)
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "caller", "hangup", legs=2)
    assert last["transfer_status"] == "answered"
    assert call.complaints == peer.complaints == []


async def caller_on_hold(stage: Stage) -> None:
    """The caller's phone has put us on hold; it takes the call up again in the gap."""
    call, session = await stage.answered("middle/gather", max_digits="1", timeout="600")
    await call.hold()
    async with stage.gap():
        resumed = asyncio.ensure_future(call.unhold())
        await until(lambda: len(call.log.sent("INVITE")) > 2, "the INVITE")
    await resumed
    await stage.stands(call)
    await call.send_digits("6")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "6"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def caller_moves(stage: Stage) -> None:
    """Its audio goes to another port, as it says in the gap."""
    call, session = await stage.answered("middle/play", msg=stage.says("long", known(20)))
    await heard(call, 25)
    async with stage.gap():
        moved = asyncio.ensure_future(call.move())
        await until(lambda: len(call.log.sent("INVITE")) > 1, "the INVITE")
    await moved
    port = call.audio.address[1]
    await until(
        lambda: any(one.local_port == port for one in call.recording.packets[-50:]), "audio there"
    )
    await stage.customer.block("end/hangup", session, force="enabled")
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "forced_hangup")
    assert call.complaints == []


async def keys_by_info(stage: Stage) -> None:
    """A key by SIP INFO, said in the gap until somebody confirms it, counts once."""
    call, session = await stage.answered("middle/gather", max_digits="3", timeout="600")
    await call.info_digit("1")
    async with stage.gap():
        pressed = asyncio.ensure_future(call.info_digit("2"))
        await until(lambda: len(call.log.sent("INFO")) > 1, "the INFO")
    await pressed
    await call.info_digit("3")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "123"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def transfer_with_a_message(stage: Stage) -> None:
    """The caller is told of it first, and nobody is called yet; then the phone rings, once."""
    message, number = known(3), stage.callee.another()
    call, session = await stage.answered(
        "end/transfer", dest=number, msg=stage.says("first", message)
    )
    await heard(call, 25)
    await stage.dies(call)
    peer = await stage.callee.phone.incoming(called=number)
    await peer.answer(("PCMU",))
    await assert_joined(call, peer)
    stage.heard_whole(call, message)
    await stage.heard_on(call, relayed=True)
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "caller", "hangup", legs=2)
    assert last["transfer_status"] == "answered"
    assert [one.called for one in stage.callee.phone.incoming_calls].count(number) == 1


async def room_with_a_message(stage: Stage) -> None:
    """Somebody is told of the room first, and hears it behind that."""
    message = known(3)
    there, first = await stage.answered("end/transfer", dest="room:waiting")
    call, session = await stage.answered(
        "end/transfer", dest="room:waiting", msg=stage.says("first", message)
    )
    await heard(call, 25)
    await stage.dies(call)
    await until(lambda: len(call.recording.audio) >= len(message) // 160, "the message")
    await assert_joined(call, there)
    stage.heard_whole(call, message)
    for leg, told in ((call, session), (there, first)):
        await leg.hang_up()
        last = await stage.ended(told, "caller", "hangup")
        assert last["transfer_status"] == "answered"


async def keys_behind_a_message(stage: Stage) -> None:
    """A message is heard, and the keys behind it are sent, each once."""
    message = known(3)
    call, session = await stage.answered(
        "middle/send_digits", digits="12#", msg=stage.says("first", message)
    )
    await heard(call, 25)
    await stage.dies(call)
    await stage.receiver.next(session=session, ivr_block="send_digits")
    assert call.recording.digits() == "12#"
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def unhold_at_once(stage: Stage) -> None:
    """The call is taken off hold, and the switch dies before anybody hears of it."""
    call, told = await stage.customer.call()
    session = told["session"]
    assert await stage.customer.post("ivr/middle/hold", session=session) == OK
    await call.answered()
    await stage.stands(call)
    await heard(call, 25)
    asking = Asking(stage, "ivr/middle/unhold", session=session)

    async def asked() -> None:
        await asking.sent()

    async with stage.gap(asked):
        pass
    await asking.again()
    await stage.receiver.next(session=session, ivr_block="unhold")
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


class Asking:
    """A request that may get no answer, and is then made again under its key."""

    def __init__(self, stage: Stage, path: str, **params: str) -> None:
        self._stage = stage
        url = stage.receiver.url("/asked")
        self._path, self._params = path, {"notify_url": url, "tag": "asked", **params}
        self._first: asyncio.Future[None]

    async def sent(self) -> None:
        """It leaves."""
        self._first = asyncio.ensure_future(self._ask_once())
        await asyncio.sleep(0)

    async def begins(self) -> None:
        """What it needs is being fetched."""
        await self.sent()
        await self._stage.files.asked_for(FILE)

    async def again(self) -> None:
        """It is answered: the first one, if nobody died, or another under its key."""
        self._stage.files.hold(FILE).set()
        await self._first
        async with asyncio.timeout(ASKED_S):
            while not await self._ask():
                await asyncio.sleep(0.02)

    async def _ask_once(self) -> None:
        await self._ask()

    async def _ask(self) -> bool:
        """Whether it was answered; then it was accepted."""
        with suppress(aiohttp.ClientError):
            async with self._stage.customer.api as api:
                key = {HEADER: f"key-{self._params['session']}"}
                reply = await api.request("POST", self._path, dict(self._params), headers=key)
            assert reply.json == OK, reply.json
            return True
        return False


def slow(stage: Stage, pcm: Pcm) -> str:
    """The markup of a message that is there when the scene lets it."""
    stage.files.hold(FILE)
    return stage.says(FILE.removesuffix(".wav"), pcm)
