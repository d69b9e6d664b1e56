"""What calls do while processes of their server are killed: each block and state, for some seconds each.

Each plays all parts in one, looks at its call from outside, and writes down what was lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache

from acceptance.heard import fetch
from acceptance.lasting import PATIENCE_S, Life, Lost, World
from acceptance.survival_scenes import LOOP_FRAMES, STEPS_HZ, all_steps_in, repeats, steps
from acceptance.talking import listening, says_in_time
from acceptance.unbroken import FRAME, known, payloads
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.tones import tone

KEYS = "0123456789*"
LONG_S = 6.0
SHORT_S = 0.4
JOINED_HZ = 1300


@cache
def message(seconds: float) -> Pcm:
    """A message of this length."""
    return known(seconds)


def says(world: World, seconds: float) -> str:
    """Its markup."""
    return world.says(f"known-{seconds:g}", message(seconds))


async def play(world: World) -> None:
    """A long message, heard to the sample; a while with nothing; hung up with another."""
    life = await Life.up(world, "middle/play", msg=says(world, LONG_S))
    await life.hears_of(ivr_block="play")
    await life.heard(message(LONG_S))
    await world.moment(3.0)
    await life.good_bye(says(world, SHORT_S))


async def gather(world: World) -> None:
    """Keys at any time, while it listens and while it does not; each is told once, in order."""
    life = await Life.up(
        world, "middle/gather", max_digits="4", timeout="60", msg=says(world, LONG_S)
    )
    pressed, told = "", ""
    for turn in range(3):
        for _ in range(4):
            key = world.random.choice(KEYS)
            pressed += key
            await life.call.send_digits(key)
            await world.moment(0.8)
        told += (await life.hears_of(ivr_block="gather"))["digits"]
        if turn < 2:
            await life.block("middle/gather", max_digits="4", timeout="60")
    life.typed(pressed, told, from_here=True)
    await life.good_bye(says(world, SHORT_S))


async def send_digits(world: World) -> None:
    """Keys that the application presses, over some seconds."""
    keys = "".join(world.random.choice(KEYS) for _ in range(6))
    digits = f"{keys[:2]},{keys[2:4]},,{keys[4:]}"
    life = await Life.up(world, "middle/send_digits", digits=digits)
    await life.hears_of(ivr_block="send_digits")
    await life.heard_by_now()
    life.typed(keys, life.call.recording.digits())
    await life.leaves()


async def record(world: World) -> None:
    """What the caller says is in the recording, without a hole."""
    life = await Life.up(world, "middle/record")
    await _beep(life)
    in_time = await says_in_time(life.call, steps())
    await life.call.send_digits("#")
    told = await life.hears_of(ivr_block="record")
    await _listened_to(life, told["record_url"], in_time)
    await life.good_bye(says(world, SHORT_S))


async def monitor(world: World) -> None:
    """The whole call is recorded, and what the caller says is in it."""
    call, told = await world.calls()
    life = Life(world, call, told)
    await life.block("middle/monitor", monitor_notify_url=world.url("recordings"))
    await life.hears_of(ivr_block="monitor")
    await call.answered(PATIENCE_S)
    await life.begin()
    in_time = await says_in_time(call, steps())
    await life.block("middle/play", msg=says(world, SHORT_S))
    await life.hears_of(ivr_block="play")
    await life.good_bye(says(world, SHORT_S))
    linked = await life.hears_of(ivr_block="monitor")
    await _listened_to(life, linked["monitor_url"], in_time)


async def hold(world: World) -> None:
    """Music, or a message again and again, until it is taken off hold."""
    call, told = await world.calls()
    life = Life(world, call, told)
    loops = world.random.random() < 0.5
    msg = {"msg": says(world, LOOP_FRAMES * 0.02)} if loops else {}
    await world.ask("ivr/middle/hold", session=life.session, **msg)
    await call.answered(PATIENCE_S)
    await life.begin()
    await asyncio.sleep(4.0)
    packets, said = list(call.recording.packets), payloads(call.recording.audio)
    await life.block("middle/unhold")
    await life.hears_of(ivr_block="unhold")
    if loops and world.keeps_sound:
        try:
            repeats(said)
        except AssertionError:
            if not await life.left_out():
                heard = world.losses.heard_of(packets, said[: LOOP_FRAMES * FRAME])
                world.losses.note("packets_lost", f"a loop with a seam{heard}")
    await life.good_bye(says(world, SHORT_S))


async def last_words(world: World) -> None:
    """A Hangup with a message, heard to its end."""
    life = await Life.up(world, "end/hangup", msg=says(world, LONG_S))
    await life.hung_up("hangup")
    await life.heard(message(LONG_S))


async def forced(world: World) -> None:
    """A message is cut short by force."""
    life = await Life.up(world, "middle/play", msg=says(world, 3 * LONG_S))
    await world.moment(4.0)
    await life.block("end/hangup", force="enabled")
    await life.hung_up("forced_hangup")


async def leaves(world: World) -> None:
    """The caller hangs up in the middle of a message, whoever is there to hear of it."""
    life = await Life.up(world, "middle/play", msg=says(world, 3 * LONG_S))
    await world.moment(4.0)
    await life.leaves()


async def rings(world: World) -> None:
    """It rings for a while; the caller gives up, or it is rejected."""
    call, told = await world.calls()
    life = Life(world, call, told)
    await world.moment(4.0)
    if world.random.random() < 0.5:
        ended = await call.cancel(timeout_s=PATIENCE_S)
        await life.over("cancelled", "caller", ended.how is How.CANCELLED)
    else:
        await life.block("end/hangup")
        ended = await call.ended(PATIENCE_S)
        await life.over("rejected", "application", ended.how is How.REJECTED)


async def late_ack(world: World) -> None:
    """The answer is acknowledged late; then the message begins."""
    call, told = await world.calls(ack_delay_s=world.random.uniform(1.0, 4.0))
    life = Life(world, call, told)
    await life.block("middle/play", msg=says(world, 1.0))
    await call.answered(PATIENCE_S)
    await life.begin()
    await life.hears_of(ivr_block="play")
    await life.heard(message(1.0))
    await life.good_bye(says(world, SHORT_S))


async def dial(world: World) -> None:
    """A call that the application places: it rings for a while, is answered, and hears a message."""
    number = world.callee.another()
    reply = await world.ask("ivr/start/dial", dest=number, notify_url=world.url("dial"))
    call = await world.rings(number)
    await world.moment(3.0)
    await call.answer(timeout_s=PATIENCE_S)
    told = await world.told(reply["txn_ref"], dial_status="answered", call_state="ongoing")
    life = Life(world, call, told)
    await life.begin()
    await life.block("middle/play", msg=says(world, LONG_S))
    await life.hears_of(ivr_block="play")
    await life.heard(message(LONG_S))
    await life.leaves("callee")


async def busy(world: World) -> None:
    """A call that the application places, and nobody takes."""
    number = world.callee.another()
    reply = await world.ask("ivr/start/dial", dest=number, notify_url=world.url("dial"))
    call = await world.rings(number)
    await world.moment(2.0)
    call.reject(486)
    told = await world.told(reply["txn_ref"], call_state="ended")
    if told["dial_status"] != "busy":
        world.losses.note("calls_lost", f"busy was told as {told['dial_status']}")


async def transfer(world: World) -> None:
    """Ring back, then two phones that hear one another, and keys that pass."""
    number = world.callee.another()
    life = await Life.up(world, "end/transfer", dest=number)
    life.relayed = True
    peer = await world.rings(number)
    await world.moment(3.0)
    await peer.answer(timeout_s=PATIENCE_S)
    await _hear_each_other(life.call, peer)
    pressed = "".join(world.random.choice(KEYS) for _ in range(3))
    for key in pressed:
        await life.call.send_digits(key)
        await world.moment(0.8)
    await _hear_each_other(life.call, peer)
    life.typed(pressed, peer.recording.digits())
    if world.random.random() < 0.5:
        await life.leaves()
    else:
        await peer.hang_up(timeout_s=PATIENCE_S)
        await life.hung_up("hangup", "callee")
    await peer.ended(PATIENCE_S)


async def room(world: World) -> None:
    """Somebody in a room with whoever else is there."""
    destination = world.place_in_a_room()
    life = await Life.up(world, "end/transfer", dest=destination)
    life.relayed = True
    world.in_rooms.add(life.session)
    await life.call.say(tone(700, 500))
    await world.moment(5.0)
    await life.leaves()
    world.leaves_room(destination)  # who was lost may still be in it


async def conference(world: World) -> None:
    """Two numbers that are called into a room, and hear one another."""
    numbers = [world.callee.another(), world.callee.another()]
    url = world.url("conference")
    reply = await world.ask("conference/call", dest=",".join(numbers), notify_url=url)
    calls = [await world.rings(number) for number in numbers]
    await world.moment(2.0)
    for call in calls:
        await call.answer(timeout_s=PATIENCE_S)
    await _hear_each_other(*calls)
    for call, reference in zip(calls, reply["txn_refs"], strict=True):
        await call.hang_up(timeout_s=PATIENCE_S)
        told = await world.told(reference, call_state="ended")
        if (told["dial_status"], told["ended_by"]) != ("answered", "callee"):
            world.losses.note("calls_lost", f"a member of a room: {told['cause']}")


async def pair(world: World) -> None:
    """Two numbers that are called and joined."""
    one, other = world.callee.another(), world.callee.another()
    url = world.url("call")
    reply = await world.ask("voice/call", dest1=one, dest2=other, notify_url=url)
    first = await world.rings(one)
    await world.moment(2.0)
    await first.answer(timeout_s=PATIENCE_S)
    second = await world.rings(other)
    await world.moment(2.0)
    await second.answer(timeout_s=PATIENCE_S)
    await _hear_each_other(first, second)
    await world.moment(3.0)
    await _hear_each_other(first, second)
    await second.hang_up(timeout_s=PATIENCE_S)
    told = await world.told(reply["txn_ref"], call_state="ended")
    if (told["call_status_dest1"], told["call_status_dest2"]) != ("answered", "answered"):
        world.losses.note("calls_lost", f"a pair: {told['cause']}")
    await first.ended(PATIENCE_S)


async def new_words(world: World) -> None:
    """Something that was never said before: its making may be killed, and is made again."""
    call, told = await world.calls()
    life = Life(world, call, told)
    text = f"This is message number {world.random.randrange(10**6)}."
    reply = await world.asked(
        "ivr/middle/play", session=life.session, notify_url=world.url("play"), msg=text
    )
    if (
        reply.status == "error_msg_cannot_convert_text"
    ):  # as documented, where it died in the middle
        await life.block("middle/play", msg=says(world, 1.0))
    await call.answered(PATIENCE_S)
    await life.begin()
    await life.hears_of(ivr_block="play")
    await life.leaves()


LIVES: tuple[Callable[[World], Awaitable[None]], ...] = (
    play, gather, send_digits, record, monitor, hold, last_words, forced, leaves, rings, late_ack,
    dial, busy, transfer, room, conference, pair,
)  # fmt: skip
"""Those that need nobody to speak."""


async def _beep(life: Life) -> None:
    """Returns once the caller has heard that it may speak."""
    heard = listening(life.call, 1000)
    until_s = time.monotonic() + PATIENCE_S
    while not heard():
        if time.monotonic() > until_s:
            raise Lost(f"{life.key}: no beep was heard")
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)  # a recording begins behind it


async def _listened_to(life: Life, url: str, in_time: bool) -> None:
    """What was said is in the recording, unless the phone itself did not say it in time."""
    world = life.world
    for _ in range(round(PATIENCE_S)):
        try:
            pcm, rate = await fetch(url)
            break
        except Exception:  # noqa: BLE001 - whatever a server says or does not say, that is killed now and then
            await asyncio.sleep(1.0)
    else:
        world.losses.note("recordings_with_a_gap", "one that cannot be fetched")
        return
    world.losses.recordings += 1
    if not in_time or not world.keeps_sound:
        return
    try:
        await asyncio.to_thread(all_steps_in, pcm, rate)  # phones go on speaking meanwhile
    except AssertionError as error:
        world.losses.note("recordings_with_a_gap", f"{error}, of {len(STEPS_HZ)} tones")


async def _hear_each_other(one: CallLeg, other: CallLeg) -> None:
    """What either says from now on is heard by the other."""
    await asyncio.gather(_is_heard(one, other), _is_heard(other, one))


async def _is_heard(speaker: CallLeg, listener: CallLeg) -> None:
    until_s = time.monotonic() + PATIENCE_S
    heard = listening(listener, JOINED_HZ, time.monotonic(), min_ms=100)
    while not heard():
        if time.monotonic() > until_s:
            raise Lost(f"two who were joined do not hear one another\n{listener.log.ladder()}")
        if speaker.is_over() or listener.is_over():
            raise Lost(f"one of two who were joined is gone\n{listener.log.ladder()}")
        await speaker.say(tone(JOINED_HZ, 300))
        await asyncio.sleep(0.1)
