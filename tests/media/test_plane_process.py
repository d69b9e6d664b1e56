"""The media plane as a process of its own: what it does, and what becomes of calls when a side dies."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import structlog
from onhook.media._plane import lib

from media.followed import Followed
from media.plane_process import PlaneProcess
from media.rtp_peer import PATIENCE_S, Clip, Ear, RtpPeer, event, rtp, tone
from media.settling import settled
from media.test_bridging import legs as legs
from media.test_bridging import open_leg as open_leg
from media.test_bridging import test_laws_are_translated as test_laws_are_translated
from media.test_bridging import (
    test_what_one_says_the_other_hears as test_what_one_says_the_other_hears,
)
from media.test_playing import (
    test_stop_cuts_all_that_is_queued as test_stop_cuts_all_that_is_queued,
)
from media.test_recording import talker as talker
from media.test_recording import tape as tape
from media.test_recording import test_both_sides as test_both_sides
from media.test_recording import test_the_descriptor_is_closed as test_the_descriptor_is_closed
from media.test_rooms import stack as stack
from media.test_rooms import (
    test_everybody_hears_exactly_the_others as test_everybody_hears_exactly_the_others,
)
from media.test_sending_digits import test_each_digit_is_an_event as test_each_digit_is_an_event
from media.test_srtp import keys as keys
from media.test_srtp import open_protected as open_protected
from media.test_srtp import test_what_is_received_is_decrypted as test_what_is_received_is_decrypted
from onhook.media import (
    BadLink,
    Codec,
    MediaPlane,
    NoPortLeft,
    NotRunning,
    RecordingStats,
    RoomClosed,
    Stream,
    StreamClosed,
)
from onhook.media.link import PlaneLink
from ports import free_ports

_VERSION_AT = 8  # of the layout, in the memory: native/link.h
_TAIL_OF_ENDINGS_AT = 256  # that of the ring's, as the plane has put them
SAMPLES_PER_FRAME = 160


class Loss:
    """Hears that the plane is gone."""

    def __init__(self) -> None:
        self.count = 0
        self._told = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._told.set()

    async def told(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._told.wait()


class Recorded:
    """Hears what became of a recording."""

    def __init__(self) -> None:
        self.stats: list[RecordingStats] = []

    def __call__(self, stats: RecordingStats) -> None:
        self.stats.append(stats)


@pytest.fixture
def ports() -> range:
    return free_ports(16)


@pytest.fixture
async def process(ports: range) -> AsyncIterator[PlaneProcess]:
    with PlaneProcess(ports) as process:
        yield process


async def attached(process: PlaneProcess, ports: range, on_lost: Loss | None = None) -> MediaPlane:
    plane = Followed(host="127.0.0.1", ports=ports)
    plane.start(asyncio.get_running_loop(), await process.offer(), on_lost=on_lost)
    plane.resume()
    return plane


@pytest.fixture
async def plane(process: PlaneProcess, ports: range) -> AsyncIterator[MediaPlane]:
    """That of a process; the tests above know nothing of it."""
    plane = await attached(process, ports)
    assert plane.pid == process.pid
    yield plane
    if plane.running:
        assert plane.health().refused == 0
    plane.close()


def opened(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> Stream:
    return plane.open(
        plane.reserve(), remote=peer.address, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear
    )


def spool(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_WRONLY)


async def test_a_message_and_a_key(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    content = tone(20)
    stream.play([Clip(content)], ear.on_played)
    await ear.until_played()
    packets = await peer.receive_many(20)
    assert b"".join(packet.payload for packet in packets) == content
    peer.send(event(5, sequence=1, timestamp=160), stream.port)
    assert await ear.until_digits(1) == "5"
    stream.close()
    stats = await ear.until_closed()
    assert stats.sent_packets - stats.silent_packets == 20
    assert stats.received_packets == 1


async def test_a_socket_is_closed_before_its_port_is_given_back(
    plane: MediaPlane, peer: RtpPeer
) -> None:
    for _ in range(20):
        ears = [Ear() for _ in range(plane.capacity)]
        streams = [opened(plane, peer, ear) for ear in ears]
        with pytest.raises(NoPortLeft):
            plane.reserve()
        for stream, ear in zip(streams, ears, strict=True):
            stream.close()
            await ear.until_closed()
            plane.reserve().release()


async def test_the_plane_is_killed_and_none_comes(
    process: PlaneProcess,
    ports: range,
    peer: RtpPeer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onhook.media.reviving.NEXT_PLANE_S", 0.05)
    lost = Loss()
    plane = await attached(process, ports, lost)
    ears, recorded = [Ear() for _ in range(3)], Recorded()
    streams = [opened(plane, peer, ear) for ear in ears]
    room = plane.open_room()
    room.add(streams[2])
    recorder = streams[0].record(spool(tmp_path / "tape"), recorded)
    streams[0].play([Clip(tone(1))], ears[0].on_played, ears[0].on_stopped)
    await ears[0].until_played()
    streams[0].play([Clip(tone(500))], ears[0].on_played, ears[0].on_stopped)
    await peer.receive_many(3)
    reserved = plane.reserve()
    process.kill()
    await lost.told()

    assert lost.count == 1
    assert [ear.stats is not None for ear in ears] == [True] * 3
    stats = ears[0].stats
    assert stats is not None
    assert stats.sent_packets > 0
    assert streams[0].stats is stats
    assert (len(ears[0].played), ears[0].stopped) == (1, 0)
    assert [one.error for one in recorded.stats] == [errno.EPIPE]
    assert recorded.stats[0].samples * 2 == (tmp_path / "tape").stat().st_size
    assert recorder.done
    assert plane.ports_used == 1
    with pytest.raises(NotRunning):
        plane.open(
            reserved, remote=peer.address, codec=Codec.PCMU, dtmf_payload_type=1, listener=ears[0]
        )
    with pytest.raises(NotRunning):
        plane.open_room()
    with pytest.raises(NotRunning):
        plane.health()
    with pytest.raises(StreamClosed):
        streams[0].play([Clip(tone(1))], ears[0].on_played)
    with pytest.raises(RoomClosed):
        room.add(streams[1])
    for stream in streams:  # nobody is told again
        stream.close()
    recorder.stop()
    room.close()
    reserved.release()

    clip = Clip(tone(4))
    with PlaneProcess(ports) as other:
        plane.attach(await other.offer())
        plane.resume()
        assert plane.pid == other.pid
        ear = Ear()
        opened(plane, peer, ear).play([clip], ear.on_played)
        await ear.until_played()
        other.kill()
        async with asyncio.timeout(PATIENCE_S):
            while lost.count < 2:
                await asyncio.sleep(0.01)
    plane.close()


async def test_a_switch_is_gone_and_another_one_comes(
    process: PlaneProcess, ports: range, peer: RtpPeer, tmp_path: Path
) -> None:
    plane = await attached(process, ports)
    ear, recorded = Ear(), Recorded()
    stream = opened(plane, peer, ear)
    stream.record(spool(tmp_path / "tape"), recorded)
    content = tone(30)
    stream.play([Clip(content)], ear.on_played)
    stream.play([Clip(tone(5000))], ear.on_played)
    await ear.until_played()
    port = stream.port
    plane.close()  # as the kernel does for one that died

    other = await attached(process, ports)  # all of the first one is ended by now
    assert other.health().calls == 0
    async with asyncio.timeout(PATIENCE_S):  # by another thread than the one that ends it
        while (tmp_path / "tape").stat().st_size < 30 * SAMPLES_PER_FRAME * 2:
            await asyncio.sleep(0.01)
    assert recorded.stats == []  # there is nobody to be told
    before = len(peer.all_waiting())
    assert before >= 30
    again = RtpPeer()
    with again:
        ears = [Ear() for _ in range(len(ports) // 2)]
        streams = [opened(other, again, each) for each in ears]  # every port is free
        assert port in {each.port for each in streams}
        streams[0].play([Clip(content)], ears[0].on_played)
        await ears[0].until_played()
    assert not peer.all_waiting()  # nothing more was sent to whom the first one called
    other.close()


async def test_one_that_was_stopped_between_two_switches_goes_on(
    process: PlaneProcess, ports: range
) -> None:
    """By whoever stops processes and has them go on: a debugger, a container that is paused."""
    for _ in range(6):  # the more links in a row did not last, the longer it pauses
        (await attached(process, ports)).detach()
    await asyncio.sleep(0.1)
    os.kill(process.pid, signal.SIGSTOP)
    await asyncio.sleep(1.2)  # longer than any pause
    os.kill(process.pid, signal.SIGCONT)
    plane = await attached(process, ports)
    assert plane.health().calls == 0
    plane.close()


async def test_it_is_asked_to_end_between_two_switches(process: PlaneProcess, ports: range) -> None:
    for _ in range(6):
        (await attached(process, ports)).detach()
    assert await process.terminate() == 0


async def test_it_is_asked_to_end(
    process: PlaneProcess, ports: range, peer: RtpPeer, tmp_path: Path
) -> None:
    lost = Loss()
    plane = await attached(process, ports, lost)
    ear, recorded = Ear(), Recorded()
    stream = opened(plane, peer, ear)
    stream.record(spool(tmp_path / "tape"), recorded)
    stream.play([Clip(tone(30))], ear.on_played)
    await ear.until_played()
    assert await process.terminate() == 0
    await lost.told()
    assert len(np.fromfile(tmp_path / "tape", np.int16)) >= 30 * SAMPLES_PER_FRAME
    plane.close()


def written_over(link: PlaneLink, at: int) -> int:
    """The number that stood there, before it was made to be nonsense."""
    before = int.from_bytes(os.pread(link.memory, 4, at), "little")
    os.pwrite(link.memory, (before ^ 0x40000000).to_bytes(4, "little"), at)
    return before


async def test_a_plane_of_another_version_is_not_talked_to(
    process: PlaneProcess, ports: range, peer: RtpPeer
) -> None:
    link = await process.offer()
    assert written_over(link, _VERSION_AT) == lib.plane_link_version()
    plane = MediaPlane(host="127.0.0.1", ports=ports)
    with pytest.raises(BadLink):
        plane.start(asyncio.get_running_loop(), link)
    assert not plane.running
    plane.attach(await process.offer())  # it took that for the end of a switch
    plane.resume()
    ear = Ear()
    opened(plane, peer, ear).play([Clip(tone(1))], ear.on_played)
    await ear.until_played()
    plane.close()


@pytest.mark.parametrize("file", ["/dev/null", "empty"])
async def test_what_is_no_memory_of_a_plane(file: str, ports: range, tmp_path: Path) -> None:
    path = Path(file) if file.startswith("/") else tmp_path / file
    ends = os.pipe()
    link = PlaneLink(spool(path), os.eventfd(0), ends[0], ends[1])
    plane = MediaPlane(host="127.0.0.1", ports=ports)
    with pytest.raises(BadLink):
        plane.start(asyncio.get_running_loop(), link)
    with pytest.raises(OSError):
        os.fstat(ends[0])
    with pytest.raises(ValueError, match="four"):
        PlaneLink.of([1, 2, 3])


async def test_a_plane_that_writes_nonsense_is_lost(
    process: PlaneProcess, ports: range, peer: RtpPeer, ear: Ear
) -> None:
    lost = Loss()
    link = await process.offer()
    memory = os.dup(link.memory)
    plane = MediaPlane(host="127.0.0.1", ports=ports)
    plane.start(asyncio.get_running_loop(), link, on_lost=lost)
    plane.resume()
    stream = opened(plane, peer, ear)
    await settled(plane)
    here = PlaneLink(memory, -1, -1, -1)
    with structlog.testing.capture_logs() as logs:
        written_over(here, _TAIL_OF_ENDINGS_AT)
        peer.send(rtp(), stream.port)  # which it reports
        await lost.told()
    os.close(memory)
    assert ear.stats is not None
    assert "media_plane_lost" in [entry["event"] for entry in logs]
    plane.attach(await process.offer())  # that one knows nothing of it
    assert list(plane.found()) == [stream.port]
    assert plane.let_go_of_rest() == 1
    plane.resume()
    async with asyncio.timeout(PATIENCE_S):
        while plane.leaving:
            await asyncio.sleep(0.01)
    assert plane.health().calls == 0
    plane.close()


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="ascii")


async def test_it_is_small(plane: MediaPlane) -> None:
    """No library of Python's that it does not need."""
    maps = mapped(plane.pid)
    for library in ("numpy", "pydantic", "uvloop", "_asyncio", "_ssl", "sqlite"):
        assert library not in maps


async def test_without_calls_it_sleeps(
    process: PlaneProcess, plane: MediaPlane, peer: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear)
    await peer.receive_any()
    stream.close()
    await ear.until_closed()
    before = process.wakings()
    await asyncio.sleep(0.5)
    # each of its threads goes to sleep, at most
    assert process.wakings() - before <= 4


@pytest.mark.parametrize("joined", [False, True])
async def test_it_wakes_for_its_calls_alone(
    process: PlaneProcess, plane: MediaPlane, joined: bool
) -> None:
    with RtpPeer() as peer, RtpPeer() as other:
        stream, second = opened(plane, peer, Ear()), opened(plane, other, Ear())
        if joined:
            stream.bridge(second)
        await peer.receive_all(2)
        # by what it has sent, and not by what has been read: this process may be late
        sent, before = stream.stats_now.sent_packets, process.wakings()
        async with asyncio.timeout(PATIENCE_S):
            while stream.stats_now.sent_packets < sent + 25:
                await asyncio.sleep(0.05)
        wakings, frames = process.wakings() - before, stream.stats_now.sent_packets - sent
        # one a frame and a call; those that are slept through would be another 18
        assert wakings < frames * 5
