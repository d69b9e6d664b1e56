"""The audio of calls is looked at every five seconds: none sooner, and all of it within bounds."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from onhook.calls.sampling import TURNS, Sampler
from onhook.calls.story.audio import as_fields, audio_of
from onhook.media.errors import NotRunning
from onhook.media.measured import Measured, between
from onhook.store.traces import Entry

NOTHING = Measured(*(0,) * 10)


class Stream:
    """Has received a packet more whenever it is looked at."""

    def __init__(self) -> None:
        self.is_open, self.looks, self.fails = True, 0, False

    def measure(self) -> Measured:
        if self.fails:
            raise NotRunning("the media plane is not running")
        self.looks += 1
        return NOTHING._replace(received_packets=self.looks)


class Watched:
    """A sampler, and what it told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.sampler = Sampler(
            lambda session, leg, one: self.told.append((session, leg, one.received_packets)),
            lambda stream: cast(Stream, stream).measure(),
        )

    def watch(self, session: str, leg: str = "") -> Stream:
        stream = Stream()
        self.sampler.watch(session, leg, cast(Any, stream))
        return stream

    def leave(self, stream: Stream) -> None:
        self.sampler.leave(cast(Any, stream))

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            await self.sampler.turn()


async def test_a_stream_is_looked_at_when_it_is_five_seconds_old_and_then_every_five() -> None:
    one = Watched()
    one.watch("S1")
    await one.seconds(TURNS)
    assert one.told == []
    await one.seconds(1)
    assert one.told == [("S1", "", 1)]
    await one.seconds(3 * TURNS)
    assert [count for _, _, count in one.told] == [1, 2, 3, 4]


async def test_a_short_call_is_not_looked_at_and_the_end_of_a_long_one_is() -> None:
    one = Watched()
    short, long = one.watch("S1"), one.watch("S2", "other")
    await one.seconds(3)
    one.leave(short)
    await one.seconds(4)
    one.leave(long)
    one.leave(long)
    assert one.told == [("S2", "other", 1), ("S2", "other", 2)]
    await one.seconds(2 * TURNS)
    assert len(one.told) == 2


async def test_what_cannot_be_looked_at_is_the_next_time() -> None:
    one = Watched()
    stream = one.watch("S1")
    stream.fails = True
    await one.seconds(TURNS + 1)
    stream.fails = False
    await one.seconds(TURNS)
    stream.is_open = False
    await one.seconds(TURNS)
    assert one.told == [("S1", "", 1)]


async def test_many_calls_are_spread_over_the_seconds() -> None:
    one = Watched()
    streams = []
    for number in range(TURNS):
        streams += [one.watch(f"S{number}-{each}") for each in range(150)]
        await one.seconds(1)
    await one.seconds(TURNS)
    looked_at = len(one.told)
    await one.seconds(1)
    assert len(one.told) - looked_at == 150
    for stream in streams:
        one.leave(stream)
    await one.seconds(2 * TURNS)


@given(st.lists(st.integers(-5, 2**33), min_size=10, max_size=10), st.binary(max_size=60))
def test_figures_are_read_as_they_were_packed(values: list[int], garbage: bytes) -> None:
    bounded = [min(max(0, one), 2**32 - 1) for one in values]
    assert Measured.unpacked(Measured(*values).packed()) == Measured(*bounded)
    found = Measured.unpacked(garbage)
    assert (found is not None) == (len(garbage) == 40)


def test_of_each_moment_there_is_what_passed_since_the_one_before() -> None:
    first = NOTHING._replace(received_packets=250, lost=5, jitter=80, sent_packets=249)
    later = first._replace(received_packets=400, lost=105, jitter=160, reports=1, reported_of=300)
    assert between([]) == []
    assert [(one.received_packets, one.lost, one.jitter) for one in between([first, later])] == [
        (250, 5, 80),
        (150, 100, 160),
    ]
    entries = [
        Entry(5_000_000, "media", "", first.packed()),
        Entry(6_000_000, "event", "", b"key"),
        Entry(7_000_000, "media", "other", later.packed()),
        Entry(10_000_000, "media", "", later.packed()),
        Entry(11_000_000, "media", "", b"damaged"),
    ]
    told = [as_fields(one) for one in audio_of(entries)]
    assert [(one["leg"], one["received_lost"], one["received_jitter_ms"]) for one in told] == [
        ("phone", 5, 10.0),
        ("other", 105, 20.0),
        ("phone", 100, 20.0),
    ]
    assert told[0]["sent_lost"] is None
    assert told[2]["sent_lost"] == 0
    assert cast(float, told[2]["received_mos"]) < cast(float, told[0]["received_mos"])
