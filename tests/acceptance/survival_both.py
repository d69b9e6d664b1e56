"""What calls were doing when switch and media plane were killed at the same moment, and that they go on.

Nothing is heard for as long as there is no plane; then it goes on where it was. What is looked at is how much
was lost of it, and that nothing comes twice.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

from acceptance.asking import heard
from acceptance.heard import fetch
from acceptance.survival import Stage, killed
from acceptance.survival_scenes import (
    HIGH_HZ,
    LOOP_FRAMES,
    STEP_MS,
    STEPS_HZ,
    all_said,
    hung_up,
    is_quiet,
    next_said,
    on_hold,
    said_in_time,
    steps,
)
from acceptance.talking import (
    assert_joined,
    hears,
    is_heard,
    lasts_ms,
    meet,
    records,
    says_in_time,
    spools,
    typed,
    until,
)
from acceptance.unbroken import FRAME, known, payloads
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm, encode
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone

Scene = Callable[[Stage], Awaitable[None]]
BEEP_HZ = 1000.0
BEEP_MS = 200
ROUND = 3
"""Frames at a break: those that had left and did not arrive, or did and were not counted."""


async def nothing() -> None:
    """Between the end of the switch's work and that of the plane's."""


@asynccontextmanager
async def silence(
    stage: Stage, before: Callable[[], Awaitable[None]] = nothing
) -> AsyncIterator[None]:
    """There is neither a switch nor a plane within this block; at its end the next ones have the calls.
    ``before`` is done while the plane is there still, and the switch stands still."""
    server = stage.server
    supervisor = server.process.pid
    asked = (asyncio.to_thread(server.pid, role) for role in ("switch", "plane"))
    switch, plane = await asyncio.gather(*asked)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(switch, signal.SIGSTOP)
        await before()
        os.kill(plane, signal.SIGSTOP)
        await asyncio.gather(killed(switch), killed(plane))
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)
    await server.serves("switch", switch)
    await server.serves("plane", plane)


async def both_die(stage: Stage, *listeners: CallLeg) -> float:
    """They are killed; these phones hear something again when this returns: since when."""
    async with silence(stage):
        now_s = time.monotonic()
    await asyncio.gather(*(_hears_again(one, now_s) for one in listeners))
    return now_s


async def play(stage: Stage) -> None:
    """In the middle of a message, the rest of which is heard."""
    message = known(4)
    call, session = await stage.answered("middle/play", msg=stage.says("both", message))
    await heard(call, 40)
    await both_die(stage, call)
    await stage.receiver.next(session=session, ivr_block="play")
    goes_on(call, message)
    await _next(stage, call, session)


async def play_twice(stage: Stage) -> None:
    """The next ones die in the middle of the same message, too."""
    message = known(6)
    call, session = await stage.answered("middle/play", msg=stage.says("twice", message))
    for _ in range(2):
        await heard(call, 40)
        await both_die(stage, call)
    await stage.receiver.next(session=session, ivr_block="play")
    goes_on(call, message, breaks=2)
    await _next(stage, call, session)


async def hold_with_a_message(stage: Stage) -> None:
    """It is repeated on, from where it was, though its request is long over."""
    pcm = known(LOOP_FRAMES * 0.02)
    call, session = await on_hold(stage, msg=stage.says("loop", pcm))
    await heard(call, LOOP_FRAMES + 5)
    await both_die(stage, call)
    await heard(call, 4 * LOOP_FRAMES)
    said = [_frame_of(one, pcm) for one in _frames(call)]
    steps_on = [(after - before) % LOOP_FRAMES for before, after in pairwise(said)]
    odd = [step for step in steps_on if step != 1]
    assert len(odd) <= 1
    assert all(step <= 1 + ROUND or step >= LOOP_FRAMES - ROUND for step in odd), odd
    await stage.customer.block("middle/unhold", session)
    await stage.receiver.next(session=session, ivr_block="unhold")
    await _next(stage, call, session)


async def gather(stage: Stage) -> None:
    """Keys that were pressed before, and after."""
    call, session = await stage.answered("middle/gather", max_digits="4", tag="pin")
    await call.send_digits("1")
    await until(lambda: typed_on_disk(stage, session, "1"), "the key on disk")
    await both_die(stage, call)
    await call.send_digits("234")
    told = await stage.receiver.next(session=session, ivr_block="gather")
    assert (told["digits"], told["tag"]) == ("1234", "pin")
    await _next(stage, call, session)


async def keys_meanwhile(stage: Stage) -> None:
    """Keys that the plane hears and no switch takes, one that is held while both die, keys that are pressed
    while nobody is there: each counts once, in order."""
    call, session = await stage.answered("middle/gather", max_digits="8")
    await call.send_digits("1")
    await until(lambda: typed_on_disk(stage, session, "1"), "the key on disk")
    pressed: list[asyncio.Future[None]] = []

    async def before() -> None:
        await call.send_digits("23")
        pressed.append(asyncio.ensure_future(call.send_digits("45", tone_ms=400)))
        sent = len(call.recording.packets)
        await until(
            lambda: len(call.recording.packets) > sent + 5, "the plane hears the key go down"
        )

    async with silence(stage, before):
        await asyncio.gather(*pressed)
        await call.send_digits("6")
    await call.send_digits("78")
    told = await stage.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "12345678"
    await _next(stage, call, session)


async def keys_meanwhile_twice(stage: Stage) -> None:
    """The next ones die before anything is pressed again: what they found is not found once more."""
    call, session = await stage.answered("middle/gather", max_digits="5")
    for keys in ("12", "34"):
        async with silence(stage, partial(call.send_digits, keys)):
            pass
    await call.send_digits("5")
    told = await stage.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "12345"
    await _next(stage, call, session)


async def send_digits(stage: Stage) -> None:
    """None is sent twice, and none is left out."""
    call, session = await stage.answered("middle/send_digits", digits="12,34,5#")
    await typed(call, "12")
    await both_die(stage, call)
    await stage.receiver.next(session=session, ivr_block="send_digits")
    await typed(call, "12345#")
    await _next(stage, call, session)


async def record(stage: Stage) -> None:
    """One recording, which is silent for the gap and as long as it took."""
    before = spools(stage.server)
    call, session = await stage.answered("middle/record")
    await heard(call, 10)
    await records(stage.server, before)
    began_s = time.monotonic()
    await call.say(steps())
    said_s = time.monotonic()
    await until(lambda: _recorded_s(stage, before) > said_s - began_s, "what was said on disk")
    await both_die(stage, call)
    again_s = time.monotonic()
    await call.say(steps())
    await call.send_digits("#")
    told = await stage.receiver.next(session=session, ivr_block="record")
    pcm, rate = await fetch(told["record_url"])
    for hz in STEPS_HZ:
        first = find_tone(pcm, hz, rate)
        assert first is not None
        behind = first[0] + 1000 * (again_s - began_s) - STEP_MS
        assert find_tone(pcm[int(behind * rate / 1000) :], hz, rate) is not None
    await _next(stage, call, session)


async def record_before_the_beep(stage: Stage) -> None:
    """The message is heard on, and what is said behind the beep is all that is recorded: nothing of the
    beep, and no silence for the gap."""
    await said_in_time(stage, _record_before_the_beep)


async def _record_before_the_beep(stage: Stage) -> bool:
    message = known(4, HIGH_HZ, 3100)
    call, session = await stage.answered("middle/record", msg=stage.says("before", message))
    await heard(call, 25)
    await both_die(stage, call)
    beep_s = time.monotonic()
    await until(lambda: lasts_ms(call, BEEP_HZ, beep_s) > BEEP_MS / 2, "the beep")
    await until(lambda: is_quiet(call), "the end of the beep")
    in_time = await says_in_time(call, steps())
    said_s = time.monotonic()
    await call.send_digits("#")
    told = await stage.receiver.next(session=session, ivr_block="record")
    pcm, rate = await fetch(told["record_url"])
    found = find_tone(pcm, BEEP_HZ, rate)
    assert found is None or found[1] - found[0] < BEEP_MS / 2
    assert len(pcm) / rate < time.monotonic() - said_s + len(steps()) / 8000 + 1.0
    await _next(stage, call, session)
    return all_said(pcm, rate, in_time)


async def ending(stage: Stage) -> None:
    """A Hangup that was accepted: the rest of its message is heard, then comes the BYE."""
    message = known(4)
    call, session = await stage.answered("end/hangup", msg=stage.says("bye", message))
    await heard(call, 40)
    await both_die(stage, call)
    await hung_up(stage, call, session)
    goes_on(call, message)


async def transfer_joined(stage: Stage) -> None:
    """They hear one another again; one that is on hold comes back, from an address that is none too."""
    call, peer, session = await stage.transferred()
    await peer.answer(("PCMU",))
    await assert_joined(call, peer)
    await both_die(stage, call, peer)
    await assert_joined(call, peer)
    await hung_up_by_the_caller(stage, call, peer, session)


async def transfer_ringing(stage: Stage) -> None:
    """Ring back is heard again; the phone answers in the silence, and the two are joined."""
    call, peer, session = await stage.transferred()
    await hears(call, 425)
    async with silence(stage):
        answer = asyncio.ensure_future(peer.answer())
        await until(lambda: peer.log.sent(200), "the 200")
    await answer
    await assert_joined(call, peer)
    await hung_up_by_the_caller(stage, call, peer, session)


async def peer_on_hold(stage: Stage) -> None:
    """Also where it names no address by which it could be reached."""
    call, peer, session = await stage.transferred()
    await peer.answer(("PCMU",))
    await assert_joined(call, peer)
    for nowhere in (False, True):
        await peer.hold(nowhere=nowhere)
        await both_die(stage, call)
        await peer.unhold()
        await assert_joined(call, peer)
    await hung_up_by_the_caller(stage, call, peer, session)


async def conference_of_three(stage: Stage) -> None:
    """All of them hear one another again."""
    members = [await stage.answered("end/transfer", dest="room:both") for _ in range(3)]
    one, two, three = (call for call, _ in members)
    await meet([one, two, three])
    await both_die(stage, one, two, three)
    await is_heard(one, two, 700)
    await is_heard(two, three, 1900)
    await is_heard(three, one, 1100)
    for call, session in members:
        await call.hang_up()
        await stage.ended(session, "caller", "hangup")


async def encrypted_over_tls(stage: Stage) -> None:
    """Nothing is unreadable, and no number is used twice by one source: with another source all begins
    anew."""
    async with Phone(host="127.0.0.5", transport="tls", srtp="require") as phone:
        message = stage.says("secret", known(20))
        call = await phone.call(stage.customer.number, server=stage.reached_over(phone))
        told = await stage.receiver.next(to=stage.customer.number, call_state="ringing")
        session = told["session"]
        await stage.customer.block("middle/gather", session, max_digits="2", msg=message)
        await call.answered()
        await heard(call, 25)
        await both_die(stage, call)
        await call.info_digit("4")  # it has connected again
        await call.send_digits("2")
        assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "42"
        assert call.audio.encryption is not None
        assert call.audio.encryption.unreadable == 0
        numbers = [(one.ssrc, one.seq) for one in call.recording.packets]
        assert len(set(numbers)) == len(numbers)
        assert len({ssrc for ssrc, _ in numbers}) == 2
        await stage.good_bye(call, session)


# Looking ------------------------------------------------------------------------------------------


def goes_on(call: CallLeg, message: Pcm, breaks: int = 1) -> None:
    """All of a message was heard, in its order, but for some frames at a break or two; and none came again
    but for as few."""
    at = [_frame_of(one, message) for one in _frames(call)]
    at = [one for one in at if one >= 0]
    jumps = [after - before for before, after in pairwise(at) if after != before + 1]
    assert at[0] == 0
    assert at[-1] >= len(message) // FRAME - 3
    assert len(jumps) <= breaks, jumps
    assert all(abs(jump - 1) <= ROUND for jump in jumps), jumps


def _frames(call: CallLeg) -> list[bytes]:
    said = payloads(call.recording.audio)
    return [said[at : at + FRAME] for at in range(0, len(said) - FRAME + 1, FRAME)]


def _frame_of(frame: bytes, message: Pcm) -> int:
    """Which one of a message this is; -1: none."""
    code = encode("PCMU", message)
    at = code.find(frame)
    return at // FRAME if at >= 0 and at % FRAME == 0 else -1


def typed_on_disk(stage: Stage, session: str, digits: str) -> bool:
    """Whether these keys are in the record of a call."""
    return f'"{digits}"' in str(stage.column(session, "going_on"))


def _recorded_s(stage: Stage, before: set[Path]) -> float:
    [spool] = spools(stage.server) - before
    return spool.stat().st_size / 16_000


async def _hears_again(call: CallLeg, since_s: float) -> None:
    await until(lambda: len(call.recording.since(since_s).packets) > 5, "something is sent again")


async def _next(stage: Stage, call: PhoneCall, session: str) -> None:
    """The next request is accepted and heard whole; and the call ends as it should."""
    await next_said(stage, call, session)
    await stage.good_bye(call, session)


async def hung_up_by_the_caller(
    stage: Stage, call: PhoneCall, peer: IncomingPhoneCall, session: str
) -> None:
    """The call of two is over for both."""
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "caller", "hangup", legs=2)
    assert last["transfer_status"] == "answered"
    assert call.complaints == peer.complaints == []
