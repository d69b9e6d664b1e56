"""What a call of one phone was doing when the switch was killed, and that it went on doing it.

Each brings its moment about, has the switch killed, and looks from outside at how the call goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import numpy as np

from acceptance.asking import OK, answer_the_bye, heard
from acceptance.heard import fetch
from acceptance.survival import ATTEMPTS, Stage
from acceptance.talking import records, says_in_time, spools, typed, until
from acceptance.unbroken import known, payloads
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone, tone

Scene = Callable[[Stage], Awaitable[None]]
LOOP_FRAMES = 20
"""Of a message on hold."""
STEPS_HZ = (500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100, 2300)
"""What is said into a recording, one after the other."""
STEP_MS = 300
BEEP_FRAMES = 10
LONG_S = 60.0
HIGH_HZ = 2600.0
"""What a message has that is to be told from them."""
ALIKE = 0.85
"""Of a message that went through mp3 and has all its samples in their places; half of it is half as much."""
MISSING_MS = 25
"""A step that is shorter by that lacks a packet. Edges are found to some milliseconds; mp3 blurs them."""


async def waiting(stage: Stage) -> None:
    """Answered, no block in progress."""
    call, session = await stage.waiting()
    await stage.dies(call)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


async def play(stage: Stage) -> None:
    """In the middle of a message, which is heard on, to the sample."""
    message = known(3)
    call, session = await stage.answered("middle/play", msg=stage.says("play", message))
    await heard(call, 25)
    await stage.dies(call)
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def play_heard_out_meanwhile(stage: Stage) -> None:
    """The message ends while there is no switch: the next one tells of it, once."""
    message = known(1)
    call, session = await stage.answered("middle/play", msg=stage.says("short", message))
    await heard(call, 10)
    async with stage.gap():
        await until(lambda: _quiet_again(call, message), "the end of the message")
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


async def gather_before_digits(stage: Stage) -> None:
    """While it asks; the keys are pressed when there is no switch, and after."""
    message = stage.says("ask", known(20))
    call, session = await stage.answered("middle/gather", max_digits="4", msg=message)
    await heard(call, 25)
    async with stage.gap():
        await call.send_digits("12")
    await call.send_digits("34")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "1234"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def gather_between_digits(stage: Stage) -> None:
    """Keys before, in the gap, and after: each arrives once, in order."""
    call, session = await stage.answered("middle/gather", max_digits="6", tag="pin")
    await call.send_digits("12")
    async with stage.gap():
        await call.send_digits("22")
    await call.send_digits("31")
    told = await stage.receiver.next(session=session, ivr_block="gather")
    assert (told["digits"], told["tag"], told["call_state"]) == ("122231", "pin", "ongoing")
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def gather_done_meanwhile(stage: Stage) -> None:
    """The last key comes in the gap, so the block ends there; what is typed behind it is for the next one."""
    call, session = await stage.answered("middle/gather", max_digits="2")
    await call.send_digits("1")
    async with stage.gap():
        await call.send_digits("234")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "12"
    await stage.customer.block("middle/gather", session, max_digits="2")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "34"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def digits_typed_ahead(stage: Stage) -> None:
    """No block listens; what is typed is kept for the next Gather, before, in and after the gap."""
    call, session = await stage.waiting()
    await call.send_digits("56")
    async with stage.gap():
        await call.send_digits("7")
    await call.send_digits("8")
    await stage.customer.block("middle/gather", session, max_digits="4")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "5678"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def send_digits(stage: Stage) -> None:
    """Half of them are pressed when there is no switch."""
    call, session = await stage.answered("middle/send_digits", digits="12,34,5#")
    await typed(call, "12")
    async with stage.gap():
        await until(lambda: call.recording.digits().startswith("1234"), "the keys 1234")
    await stage.receiver.next(session=session, ivr_block="send_digits")
    await typed(call, "12345#")
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def record(stage: Stage) -> None:
    """What is said before, in and after the gap is in one recording, without a hole."""
    await said_in_time(stage, _record)


async def _record(stage: Stage) -> bool:
    before = spools(stage.server)
    call, session = await stage.answered("middle/record")
    await heard(call, 10)
    await records(stage.server, before)
    return await _recorded_whole(stage, call, session, await _says_steps(stage, call))


async def record_before_the_beep(stage: Stage) -> None:
    """While a message is heard: the beep follows it, and what is said right behind that is recorded."""
    await said_in_time(stage, _record_before_the_beep)


async def _record_before_the_beep(stage: Stage) -> bool:
    message = known(8 if stage.kills < 2 else 20)  # so that it is under way at the last death, too
    call, session = await stage.answered("middle/record", msg=stage.says("before", message))
    await heard(call, 25)
    await stage.dies(call)
    await beeped(call, len(message) // 160)
    return await _recorded_whole(stage, call, session, await says_in_time(call, steps()))


async def record_from_the_beep(stage: Stage) -> None:
    """Nobody is there when the beep ends, and when the caller speaks right behind it."""
    await said_in_time(stage, _record_from_the_beep)


async def _record_from_the_beep(stage: Stage) -> bool:
    call, session = await stage.waiting()
    await until(lambda: is_quiet(call), "the end of the message")
    before = len(call.recording.audio)

    async def beeps() -> None:
        await stage.customer.block("middle/record", session)
        await heard(call, before + 1)

    async with stage.gap(beeps):
        await beeped(call, before)
        in_time = await says_in_time(call, steps())
    return await _recorded_whole(stage, call, session, in_time)


async def _recorded_whole(stage: Stage, call: PhoneCall, session: str, in_time: bool) -> bool:
    """What was said is in the recording, which the caller ends."""
    await call.send_digits("#")
    told = await stage.receiver.next(session=session, ivr_block="record")
    pcm, rate = await fetch(told["record_url"])
    await stage.heard_on(call)
    await stage.good_bye(call, session)
    return all_said(pcm, rate, in_time)


async def monitor_before_the_ack(stage: Stage) -> None:
    """What is said as soon as there is a 200 is recorded, though nobody takes the ACK."""
    await said_in_time(stage, _monitor_before_the_ack)


async def _monitor_before_the_ack(stage: Stage) -> bool:
    call, told = await stage.customer.call(ack=False)
    session, monitored = told["session"], stage.receiver.url("/recordings")
    await stage.customer.block("middle/monitor", session, monitor_notify_url=monitored)
    await call.answered()
    await stage.stands(call)
    async with stage.gap():
        in_time = await says_in_time(call, steps())
    call.acknowledge()
    await stage.receiver.next(session=session, ivr_block="monitor")
    await stage.heard_on(call)
    await stage.good_bye(call, session, terminals=2)
    pcm, rate = await fetch(_told_at(stage, "/recordings", session))
    return all_said(pcm, rate, in_time)


async def monitor(stage: Stage) -> None:
    """Both sides of the call, while a message is heard and the caller speaks."""
    await said_in_time(stage, _monitor)


async def _monitor(stage: Stage) -> bool:
    customer, message = stage.customer, known(3, HIGH_HZ, 3100)
    call, told = await customer.call()
    session, monitored = told["session"], stage.receiver.url("/recordings")
    await customer.block("middle/monitor", session, monitor_notify_url=monitored)
    await stage.receiver.next(session=session, ivr_block="monitor")
    await call.answered()
    await stage.stands(call)
    await customer.block("middle/play", session, msg=stage.says("high", message))
    in_time = await _says_steps(stage, call)
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session, terminals=2)
    linked = _told_at(stage, "/recordings", session)
    pcm, rate = await fetch(linked)
    assert likeness(band(pcm, rate, HIGH_HZ - 100, rate / 2), message) > ALIKE
    return all_said(band(pcm, rate, 0, HIGH_HZ - 100), rate, in_time)


async def hold_with_music(stage: Stage) -> None:
    """The music goes on; Unhold takes the call off it."""
    call, session = await on_hold(stage)
    await heard(call, 25)
    await stage.dies(call)
    await _taken_off_hold(stage, call, session)


async def hold_with_a_message(stage: Stage) -> None:
    """The message is repeated without a gap, through the kill."""
    pcm = known(LOOP_FRAMES * 0.02)
    call, session = await on_hold(stage, msg=stage.says("loop", pcm))
    await heard(call, LOOP_FRAMES + 5)
    await stage.dies(call)
    await heard(call, 4 * LOOP_FRAMES)
    repeats(payloads(call.recording.audio))
    await _taken_off_hold(stage, call, session)


async def ending(stage: Stage) -> None:
    """Accepted, and the message is under way: it is heard to its end, then comes the BYE."""
    message = known(8 if stage.kills < 2 else 20)  # so that it is under way at the last death, too
    call, session = await stage.answered("end/hangup", msg=stage.says("bye", message))
    await heard(call, 25)
    await stage.dies(call)
    await hung_up(stage, call, session)
    stage.heard_whole(call, message)
    await stage.heard_on(call)


async def ending_heard_out_meanwhile(stage: Stage) -> None:
    """The last word is said while there is no switch: the next one hangs up."""
    message = known(1)
    call, session = await stage.answered("end/hangup", msg=stage.says("last", message))
    await heard(call, 10)
    async with stage.gap():
        await until(lambda: _quiet_again(call, message), "the end of the message")
    await hung_up(stage, call, session)
    stage.heard_whole(call, message)


async def ringing(stage: Stage) -> None:
    """The INVITE comes again in the gap, and finds its transaction; the application answers the call."""
    call, told = await stage.customer.call()
    await call.ringing()
    async with stage.gap():
        call.repeat_invite()
    await stage.customer.block("middle/gather", told["session"], max_digits="1")
    await call.answered()
    await stage.stands(call)
    await call.send_digits("7")
    assert (await stage.receiver.next(session=told["session"], ivr_block="gather"))["digits"] == "7"
    await stage.heard_on(call)
    await stage.good_bye(call, told["session"])


async def ringing_and_given_up(stage: Stage) -> None:
    """The caller gives up while there is no switch."""
    call, told = await stage.customer.call()
    await call.ringing()
    async with stage.gap():
        given_up = asyncio.ensure_future(call.cancel())
        await until(lambda: call.log.sent("CANCEL"), "the CANCEL")
    assert (await given_up).how is How.CANCELLED
    await stage.ended(told["session"], "caller", "cancelled")
    assert call.complaints == []


async def dialling(stage: Stage) -> None:
    """The phone is answered in the gap: it is acknowledged by the next switch, and told of."""
    call, session = await stage.dialled()
    async with stage.gap():
        answer = asyncio.ensure_future(call.answer())
        await until(lambda: call.log.sent(200), "the 200")
    await answer
    told = await stage.receiver.next(session=session, dial_status="answered")
    assert told["call_state"] == "ongoing"
    await stage.stands(call)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


async def dialling_and_busy(stage: Stage) -> None:
    """The phone refuses in the gap."""
    call, session = await stage.dialled()
    async with stage.gap():
        call.reject(486)
        await until(lambda: call.log.sent(486), "the 486")
    await call.acknowledged()
    last = await stage.receiver.next(session=session, call_state="ended")
    assert (last["dial_status"], last["debit"]) == ("busy", "0.000")
    assert call.complaints == []


async def dialling_and_busy_at_last(stage: Stage) -> None:
    """The phone refuses, and the switch dies before that is on disk: the next one hears it again."""
    call, session = await stage.dialled()
    await until(lambda: '"proceeding"' in stage.column(session, "going_on"), "the ringing on disk")
    with ExitStack() as held_up:

        async def refuses() -> None:
            held_up.enter_context(stage.unwritable())
            call.reject(486)
            await until(lambda: len(call.log.sent(486)) > 1 or call.log.received("ACK"), "the 486")

        async with stage.gap(refuses):
            held_up.close()
    await call.acknowledged()
    last = await stage.receiver.next(session=session, call_state="ended")
    assert (last["dial_status"], last["debit"]) == ("busy", "0.000")
    assert call.complaints == []


async def called_and_answered(stage: Stage) -> None:
    """Somebody whom the application called waits for the next block."""
    call, session = await stage.dialled()
    await call.answer()
    await stage.receiver.next(session=session, dial_status="answered")
    await stage.stands(call)
    await stage.dies(call)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


async def answered_and_not_acknowledged(stage: Stage) -> None:
    """The 200 comes again from the next switch, byte for byte; the ACK lets the message begin."""
    message = known(1)
    call, told = await stage.customer.call(ack=False)
    session = told["session"]
    await stage.customer.block("middle/play", session, msg=stage.says("late", message))
    await call.answered()
    async with stage.gap():
        before = len(call.log.received(200))
    answers = await call.received(200, before + 1)
    assert {one.message.to_bytes() for one in answers} == {answers[0].message.to_bytes()}
    call.acknowledge()
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await stage.good_bye(call, session)


async def bye_under_way(stage: Stage) -> None:
    """The BYE comes again until it is answered; the end stays what it was, and is told once."""
    call, told = await stage.customer.call(answer_bye=False)
    await stage.customer.block("end/hangup", told["session"], msg=stage.beep)
    await call.received("BYE")
    await until(lambda: stage.record(told["session"])["state"] == "closing", "the end on disk")
    duration_ms = stage.record(told["session"])["duration_ms"]
    async with stage.gap():
        before = len(call.log.received("BYE"))
    await call.received("BYE", before + 1)
    answer_the_bye(stage.customer, call)
    await stage.ended(told["session"], "application", "hangup")
    assert stage.record(told["session"])["duration_ms"] == duration_ms


async def hung_up_meanwhile(stage: Stage) -> None:
    """The caller hangs up while there is no switch, and the next one answers."""
    message = stage.says("long", known(20))
    call, session = await stage.answered("middle/play", msg=message)
    await heard(call, 25)
    async with stage.gap():
        over = asyncio.ensure_future(call.hang_up())
        await until(lambda: call.log.sent("BYE"), "the BYE")
    await over
    last = await stage.ended(session, "caller", "hangup")
    assert last["ivr_block"] == "play"
    assert call.complaints == []


# What several have in common ----------------------------------------------------------------------


async def next_is_heard(stage: Stage, call: CallLeg, session: str) -> None:
    """The next request is accepted, and its message heard to the sample; and so was all before."""
    await next_said(stage, call, session)
    await stage.heard_on(call)


async def next_said(stage: Stage, call: CallLeg, session: str) -> None:
    """The next request is accepted, and its message heard to the sample."""
    message = known(1, from_hz=700)
    await stage.customer.block("middle/play", session, msg=stage.says("next", message), tag="next")
    told = await stage.receiver.next(session=session, ivr_block="play", tag="next")
    assert told["call_state"] == "ongoing"
    stage.heard_whole(call, message)


async def on_hold(stage: Stage, **params: str) -> tuple[PhoneCall, str]:
    """A call that the application holds; and its session."""
    call, told = await stage.customer.call()
    reply = await stage.customer.post("ivr/middle/hold", session=told["session"], **params)
    assert reply == OK
    await call.answered()
    await stage.stands(call)
    return call, told["session"]


async def _taken_off_hold(stage: Stage, call: PhoneCall, session: str) -> None:
    await stage.customer.block("middle/unhold", session)
    told = await stage.receiver.next(session=session, ivr_block="unhold")
    assert told["call_state"] == "ongoing"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def hung_up(stage: Stage, call: PhoneCall, session: str) -> None:
    """A Hangup that was accepted before comes to its end."""
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "hangup")
    # A switch that is killed at once may have hung up and not written it: the BYE of the next one counts.
    last_s = call.time_of("bye_received") if stage.kills < 2 else time.monotonic()
    most_s = last_s - call.time_of("invite_sent")
    least_s = call.recording.before(call.time_of("bye_received")).heard_s
    stage.billed_between(session, least_s, most_s)
    assert call.complaints == []


async def said_in_time(stage: Stage, scene: Callable[[Stage], Awaitable[bool]]) -> None:
    """Another call where the machine let the phone be late: then it said less."""
    for _ in range(ATTEMPTS):
        if await scene(stage):
            return
    raise AssertionError("the machine stands still too often for phones to speak")


async def _says_steps(stage: Stage, call: PhoneCall) -> bool:
    """The steps are said through a gap; whether each packet left in time."""
    said = asyncio.ensure_future(says_in_time(call, steps()))
    await _has_said(call, 2)
    await stage.dies(call)
    return await said


def all_said(pcm: Pcm, rate: int, in_time: bool) -> bool:
    """Whether all steps are there; AssertionError where they are not and were said in time."""
    try:
        all_steps_in(pcm, rate)
    except AssertionError:
        if in_time:
            raise
        return False
    return True


async def _has_said(call: PhoneCall, count: int) -> None:
    """Returns once so many steps of what it says have left."""
    now_s = time.monotonic()

    def left() -> int:
        return sum(one.at_s >= now_s for one in call.audio.sent)

    await until(lambda: left() > count * STEP_MS // 20, "what it says")


def _told_at(stage: Stage, path: str, session: str) -> str:
    """The link that was told at this place when the call was over."""
    [found] = [
        one["monitor_url"]
        for one in stage.receiver.notifications
        if one.path == path and one["session"] == session and "monitor_url" in one.form
    ]
    return found


def _quiet_again(call: PhoneCall, message: Pcm) -> bool:
    """Whether something else is heard, behind as many frames as the message has."""
    return is_quiet(call) and len(call.recording.audio) >= len(message) // 160


async def beeped(call: PhoneCall, before: int) -> None:
    """Returns once the beep is over that comes behind so many frames."""
    await heard(call, before + BEEP_FRAMES, LONG_S)
    await until(lambda: is_quiet(call), "the end of the beep")


def is_quiet(call: PhoneCall) -> bool:
    """Whether what was heard is over."""
    said = call.recording
    return bool(said.silence and said.audio and said.silence[-1].at_s > said.audio[-1].at_s)


def steps() -> Pcm:
    """A tone after the other."""
    return np.concatenate([tone(hz, STEP_MS) for hz in STEPS_HZ])


def band(pcm: Pcm, rate: int, from_hz: float, to_hz: float) -> Pcm:
    """What is left of a sound between two frequencies."""
    spectrum = np.fft.rfft(pcm.astype(float))
    at_hz = np.fft.rfftfreq(len(pcm), 1 / rate)
    spectrum[(at_hz < from_hz) | (at_hz >= to_hz)] = 0
    return np.fft.irfft(spectrum, len(pcm)).astype(np.int16)


def likeness(pcm: Pcm, message: Pcm) -> float:
    """How much of a message is in a sound in one piece, wherever: 1 for all of it."""
    size = len(pcm) + len(message)
    sound, wanted = pcm.astype(float), message.astype(float)
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size))
    return float(np.max(np.fft.irfft(spectrum, size)) / np.sum(wanted**2))


def all_steps_in(pcm: Pcm, rate: int) -> None:
    """Each is there with its whole length, and behind the one before it."""
    last_ms = 0.0
    for hz in STEPS_HZ:
        found = find_tone(pcm, hz, rate)
        assert found is not None, f"{hz} Hz is not in the recording"
        start, end = found
        assert end - start > STEP_MS - MISSING_MS, f"{hz} Hz for {end - start:.0f} ms"
        assert start >= last_ms - MISSING_MS
        last_ms = end


def repeats(said: bytes) -> None:
    """What was heard is the same every so many frames, from the first to the last."""
    size = LOOP_FRAMES * 160
    assert len(said) > 2 * size
    assert said[size:] == said[:-size]
