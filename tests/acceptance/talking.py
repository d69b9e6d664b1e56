"""Phones that hear one another. What is waited for is an event: said again and again, until it is heard.

Moments are those of the kernel, or lie before what is waited for: a test that is late misses nothing.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from acceptance.asking import rows, until_heard
from acceptance.files import PATIENCE_S as PATIENCE_S
from acceptance.harness import Onhook
from onhook.testing.call_leg import CallLeg
from onhook.testing.g711 import Pcm
from onhook.testing.tones import find_tone, tone

_BEFORE = 60
"""Packets: more than 300 ms of them, of any length."""
QUIET_S = 0.2
"""Nothing for ten frames: no more is being sent."""
_CALLING_HZ = 1300


async def until(holds: Callable[[], object], what: str) -> None:
    """Looks again and again; AssertionError when it does not come true in time."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until_s, f"never: {what}"
        await asyncio.sleep(0.05)


def lasts_ms(listener: CallLeg, hz: float, since_s: float = 0.0) -> float:
    """How long the first stretch of a tone is that this phone has heard since a moment."""
    found = find_tone(listener.recording.since(since_s).pcm(), hz)
    return 0.0 if found is None else found[1] - found[0]


def listening(
    call: CallLeg, hz: float, since_s: float = 0.0, min_ms: float = 40.0
) -> Callable[[], bool]:
    """Tells whether this phone has heard a tone, since a moment. It looks at what has come since it was asked
    last, and a little before that: all of a call again and again, and a slow machine is kept from speaking.
    """
    found, seen = False, 0

    def heard() -> bool:
        nonlocal found, seen
        packets = call.recording.packets
        if packets and not found:
            from_s = max(since_s, packets[max(0, seen - _BEFORE)].at_s)
            seen = len(packets)
            found = find_tone(call.recording.since(from_s).pcm(), hz, min_ms=min_ms) is not None
        return found

    return heard


async def hears(listener: CallLeg, hz: float, since_s: float = 0.0) -> None:
    """Returns once this phone has heard 300 ms of this tone in one piece, since a moment."""
    await until(listening(listener, hz, since_s, min_ms=300), f"{hz:g} Hz")


async def is_heard(speaker: CallLeg, listener: CallLeg, hz: float) -> None:
    """What one says from now on is heard by the other."""
    now_s = time.monotonic()
    await until_heard(speaker, hz, lambda: hears(listener, hz, now_s))


async def assert_joined(one: CallLeg, other: CallLeg) -> None:
    """What either says from now on is heard by the other."""
    await asyncio.gather(is_heard(one, other, 700), is_heard(other, one, 1900))


async def meet(legs: Sequence[CallLeg]) -> None:
    """Returns once each hears another, and so is in the room: until then they keep on calling."""

    async def call_out(leg: CallLeg) -> None:
        while True:
            await leg.say(tone(_CALLING_HZ, 100))

    heard = [listening(leg, _CALLING_HZ) for leg in legs]
    calling = [asyncio.ensure_future(call_out(leg)) for leg in legs]
    try:
        await until(lambda: all(one() for one in heard), "everybody in the room")
    finally:
        for one in calling:
            one.cancel()


async def typed(listener: CallLeg, digits: str) -> None:
    """Returns once this phone has received these keys; others may have followed."""
    await until(lambda: listener.recording.digits().startswith(digits), f"the keys {digits}")


async def taken_down(server: Onhook, session: str, keys: str) -> None:
    """Returns once a block that gathers has these keys, and they are on disk. Whoever pressed them knows when
    they left; what is asked of the server meanwhile may come before them."""
    query = "SELECT going_on FROM calls WHERE session = ? AND state = 'running'"

    def has() -> bool:
        return any(f'"{keys}"' in str(going_on) for (going_on,) in rows(server, query, session))

    await until(has, f"the keys {keys} on disk")


async def arrived(call: CallLeg, count: int, since_s: float) -> None:
    """Returns once so many packets of any kind have arrived since a moment."""
    await until(lambda: len(call.recording.since(since_s).packets) >= count, f"{count} packets")


async def falls_quiet(call: CallLeg) -> None:
    """Returns once no packet arrives any more. No more than 100 ms were under way, however late."""
    now_s = time.monotonic()
    await until(
        lambda: not call.recording.since(time.monotonic() - QUIET_S).packets, "nothing is sent"
    )
    assert len(call.recording.since(now_s).packets) <= 5


async def first_of_type(call: CallLeg, payload_type: int) -> float:
    """When the first packet of this type arrived, by the kernel's clock; waits for it."""

    def found() -> list[float]:
        return [one.at_s for one in call.recording.packets if one.payload_type == payload_type]

    await until(found, f"a packet of type {payload_type}")
    return found()[0]


async def says_in_time(leg: CallLeg, pcm: Pcm) -> bool:
    """Says something; whether it did so in time, which is looked at at once: a phone knows of its last ten
    seconds only."""
    now_s = time.monotonic()
    await leg.say(pcm)
    return spoke_in_time(leg, now_s)


def spoke_in_time(leg: CallLeg, since_s: float) -> bool:
    """Whether no packet of this phone was so late that silence was sent in its place."""
    times = [packet.at_s for packet in leg.audio.sent if packet.at_s >= since_s]
    return all(after - before < 0.05 for before, after in pairwise(times))


def spools(server: Onhook) -> set[Path]:
    """The recordings that are under way, or wait to be encoded."""
    return set((server.data / "recordings").glob("*.pcm"))


async def records(server: Onhook, before: set[Path]) -> None:
    """Returns once a recording runs that was not among those of before."""
    await until(lambda: spools(server) - before, "a recording that runs")
