"""Several media threads in one plane: calls are spread over them, and brought together to be joined."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import cycle, pairwise
from pathlib import Path

import pytest

from media.plane_process import wakings
from media.rtp_peer import Clip, Ear, RtpPeer, event, tone
from onhook.media import Codec, MediaPlane, Stream
from ports import free_ports

KEYS = "0123456789*#ABCD"

Hop = Callable[[], None]


@pytest.fixture
async def plane() -> AsyncIterator[MediaPlane]:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(16), threads=2, calls_a_thread=1)
    plane.start(asyncio.get_running_loop())
    yield plane
    assert plane.health().refused == 0
    plane.close()


def tasks() -> set[Path]:
    """The threads of this process, as folders in /proc."""
    return set(Path("/proc/self/task").iterdir())


def is_media(task: Path) -> bool:
    return (task / "comm").read_text() == "onhook-media\n"


def opened(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> Stream:
    return plane.open(
        plane.reserve(), remote=peer.address, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear
    )


@pytest.fixture
def between(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> Iterator[tuple[Stream, Hop]]:
    """A stream towards `peer` that tells `ear`, and what brings it to the other thread: it is joined to the
    one of two others that is there."""
    with RtpPeer() as first, RtpPeer() as second:
        others = [opened(plane, first, Ear()), opened(plane, second, Ear())]
        stream = opened(plane, peer, ear)
        there = cycle(reversed(others))
        yield stream, lambda: stream.bridge(next(there))


async def test_keys_are_told_in_their_order_while_a_call_moves(
    between: tuple[Stream, Hop], peer: RtpPeer, ear: Ear
) -> None:
    stream, hop = between
    pressed = [(number * 7) % 16 for number in range(80)]
    for number, key in enumerate(pressed):
        peer.send(event(key, sequence=number, timestamp=number * 1600, end=True), stream.port)
        hop()
        time.sleep(0.003)  # noqa: ASYNC251  # nothing is told meanwhile: all of it waits, in two rings
    assert await ear.until_digits(len(pressed)) == "".join(KEYS[key] for key in pressed)


async def test_a_message_goes_on_while_its_call_moves(
    plane: MediaPlane, between: tuple[Stream, Hop], peer: RtpPeer, ear: Ear
) -> None:
    stream, hop = between
    message = tone(40)
    stream.play([Clip(message)], ear.on_played)
    while not ear.played:
        hop()
        await asyncio.sleep(0.005)
    packets = await peer.receive_many(40)
    assert b"".join(packet.payload for packet in packets) == message
    steps = [b.sequence - a.sequence for a, b in pairwise(packets)]
    assert {step % 65536 for step in steps} == {1}
    leaps = [(b.timestamp - a.timestamp) // 160 - 1 for a, b in pairwise(packets)]
    assert min(leaps) == 0
    assert sum(leaps) <= plane.health().skipped_rounds


@pytest.mark.parametrize(("enough", "busy"), [(2, 3), (5, 1)])
async def test_a_thread_is_used_once_those_before_have_enough(enough: int, busy: int) -> None:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(16), threads=3, calls_a_thread=enough)
    before = tasks()
    plane.start(asyncio.get_running_loop())
    with RtpPeer() as peer:
        for _ in range(5):
            opened(plane, peer, Ear())
        await peer.receive_all(20)
        threads = [task for task in tasks() - before if is_media(task)]
        slept = {thread: wakings(thread) for thread in threads}
        peer.all_waiting()  # so that what is received next leaves from now on
        await peer.receive_all(50)
        # ten rounds have passed; who sleeps may be woken by a page that was swapped out
        awake = [thread for thread in threads if wakings(thread) > slept[thread] + 5]
    plane.close()
    assert len(threads) == 3
    assert len(awake) == busy
