"""Opening, closing, running out, and what is left afterwards."""

import asyncio
import gc
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest
import structlog
import uvloop
from onhook.media._plane import ffi, lib

from media.rtp_peer import PATIENCE_S, Clip, Ear, RtpPeer, rtp, tone
from onhook.media import (
    Codec,
    MediaPlane,
    NoPortLeft,
    NotRunning,
    QueueFull,
    Stream,
    StreamClosed,
)
from onhook.media.frame_file import Part
from ports import free_ports


def open_stream(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> Stream:
    return plane.open(
        plane.reserve(), remote=peer.address, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear
    )


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def test_a_closed_stream_refuses_everything(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    stream.close()
    stream.close()
    for _ in range(2):
        assert not stream.is_open
        with pytest.raises(StreamClosed):
            stream.play([Clip(tone(1))], ear.on_played)
        with pytest.raises(StreamClosed):
            stream.stop()
        with pytest.raises(StreamClosed):
            stream.set_remote(("127.0.0.1", 9))
        await ear.until_closed()
    assert ear.stopped == 1
    assert not ear.played
    assert stream.stats is ear.stats


async def test_a_stream_is_closed_in_the_plane_when_that_may_be(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """Its owner writes first what it is for: until then it sounds as if nothing had happened."""
    stream.play([Clip(tone(5000))], ear.on_played)
    late: list[Callable[[], None]] = []
    stream.close(late.append)
    assert not stream.is_open
    peer.all_waiting()
    await peer.receive_many(5)
    assert ear.stats is None
    late[0]()
    await ear.until_closed()
    late[0]()  # it has closed meanwhile
    assert stream.stats is ear.stats


async def test_stale_handles_hit_nobody() -> None:
    """Below `Stream`, which would not even ask: a place is used again under another handle."""
    plane = ffi.new("plane **")
    config = {
        "max_calls": 1,
        "rtp_timeout_ms": 0,
        "command_ring": 16,
        "event_ring": 16,
        "threads": 1,
    }
    assert lib.plane_start(plane, ffi.new("struct plane_config *", config)) == 0
    handles: list[int] = []
    clip = Clip(tone(1))
    for _ in range(3):
        ip = ffi.new("char[]", b"127.0.0.1")
        how = {"fd": lib.plane_bind(ip, 0), "remote_ip": ip, "remote_port": 9,
               "format": (0, lib.PLANE_NO_EVENTS, lib.PLANE_NO_EVENTS, 0)}  # fmt: skip
        handle = ffi.new("uint64_t *")
        assert lib.plane_open(plane[0], ffi.new("struct plane_call *", how), handle) >= 0
        refused = ffi.new("uint64_t *")
        assert lib.plane_open(plane[0], ffi.new("struct plane_call *", how), refused) < 0
        prompt = ffi.new("uint64_t *")
        assert lib.plane_add_prompt(plane[0], clip.file.descriptor, 0, 1, prompt) == 0
        stats = ffi.new("struct plane_stats *")
        agreed = ffi.new("struct plane_format *")
        for stale in [*handles, 0, 2**64 - 1, handle[0] + 1, handle[0] + 2**32]:
            assert lib.plane_play(plane[0], stale, 1, prompt[0], 0, 1, 1) < 0
            assert lib.plane_cut(plane[0], stale) < 0
            assert lib.plane_remote(plane[0], stale, ip, 9) < 0
            assert lib.plane_agree(plane[0], stale, agreed) < 0
            assert lib.plane_close(plane[0], stale) < 0
            assert lib.plane_reap(plane[0], stale, stats) < 0
        assert lib.plane_reap(plane[0], handle[0], stats) < 0
        assert lib.plane_play(plane[0], handle[0], 1, prompt[0], 0, 1, 1) >= 0
        assert lib.plane_close(plane[0], handle[0]) >= 0
        events = ffi.new("struct plane_event[8]")
        kinds: list[int] = []
        patience_s = time.monotonic() + PATIENCE_S
        while lib.PLANE_CLOSED not in kinds and time.monotonic() < patience_s:
            count = lib.plane_take_events(plane[0], events, 8)
            kinds += [events[n].kind for n in range(count)]
            await asyncio.sleep(0.001)
        assert len(kinds) == 2
        assert lib.plane_reap(plane[0], handle[0], stats) == 0
        handles.append(handle[0])
    assert len(set(handles)) == 3
    lib.plane_stop(plane[0])


async def test_ports_run_out_and_come_back(peer: RtpPeer) -> None:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(3))
    plane.start(asyncio.get_running_loop())
    ear = Ear()
    stream = open_stream(plane, peer, ear)
    reservations = []
    with pytest.raises(NoPortLeft):
        while True:
            reservations.append(plane.reserve())
    assert plane.ports_used == len(reservations) + 1
    ports = {reservation.port for reservation in reservations}
    assert stream.port not in ports
    assert all(port % 2 == 0 for port in ports)
    for reservation in reservations:
        reservation.release()
        reservation.release()
    stream.close()
    await ear.until_closed()
    assert plane.ports_used == 0
    plane.reserve()
    plane.close()
    assert plane.ports_used == 0


async def test_a_port_in_use_by_another_program_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1] & ~1
        plane = MediaPlane(host="127.0.0.1", ports=range(port, port + 40))
        taken = {plane.reserve().port for _ in range(5)}
        assert other.getsockname()[1] not in taken
        plane.close()


async def test_a_reservation_is_used_once(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    reservation = plane.reserve()

    def use() -> Stream:
        return plane.open(
            reservation, remote=peer.address, codec=Codec.PCMA, dtmf_payload_type=1, listener=ear
        )

    stream = use()
    with pytest.raises(ValueError, match="before"):
        use()
    reservation.release()  # the stream has it: nothing happens
    stream.play([Clip(tone(1))], ear.on_played)
    await ear.until_played()
    other = plane.reserve()
    other.release()
    with pytest.raises(ValueError, match="before"):
        plane.open(other, remote=peer.address, codec=Codec.PCMA, dtmf_payload_type=1, listener=ear)
    with pytest.raises(ValueError, match="payload type"):
        plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMA,
            dtmf_payload_type=128,
            listener=ear,
        )


async def test_what_cannot_be_played(stream: Stream, ear: Ear) -> None:
    with pytest.raises(ValueError, match="nothing"):
        stream.play([], ear.on_played)
    for size in (0, 1, 159, 161):
        with pytest.raises(ValueError, match="whole frames"):
            stream.play([Clip(tone(1)), Clip(bytes(size))], ear.on_played)
    clip = Clip(tone(3))
    for first, count in ((0, 0), (0, 4), (3, 1), (-1, 2), (1, 3)):
        with pytest.raises(ValueError, match="of its file"):
            stream.play([Clip(tone(1)), Part(clip.file, first, count)], ear.on_played)
    assert not stream.playing


async def test_a_queue_has_an_end(stream: Stream, ear: Ear) -> None:
    limit = lib.PLANE_MAX_SEGMENTS
    stream.play([Clip(tone(1))] * (limit - 1), ear.on_played, ear.on_stopped)
    with pytest.raises(QueueFull):
        stream.play([Clip(tone(1))] * 2, ear.on_played, ear.on_stopped)
    stream.stop()
    await ear.until_stopped()
    stream.play([Clip(tone(1))], ear.on_played)
    await ear.until_played()


async def test_a_plane_that_does_not_run(peer: RtpPeer, ear: Ear) -> None:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(4))
    with pytest.raises(NotRunning):
        open_stream(plane, peer, ear)
    with pytest.raises(NotRunning):
        plane.health()
    plane.close()
    plane.start(asyncio.get_running_loop())
    with pytest.raises(RuntimeError):
        plane.start(asyncio.get_running_loop())
    plane.close()
    plane.close()


def test_a_host_that_is_not_ours() -> None:
    for host in ("192.0.2.1", "localhost", "2001:db8::7"):
        with pytest.raises(OSError):
            MediaPlane(host=host, ports=free_ports(4)).reserve()


async def test_closing_the_plane_leaves_nothing(peer: RtpPeer) -> None:
    gc.collect()  # what earlier tests left does not go meanwhile
    before = open_descriptors()
    threads = threading.active_count()
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(8))
    plane.start(asyncio.get_running_loop())
    ears = [Ear() for _ in range(4)]
    streams = [open_stream(plane, peer, ear) for ear in ears]
    for stream, ear in zip(streams, ears, strict=True):
        for _ in range(5):
            stream.play([Clip(tone(100))], ear.on_played, ear.on_stopped)
    plane.reserve()
    await peer.receive_many(4)
    plane.close()
    assert open_descriptors() == before
    assert threading.active_count() == threads
    peer.waiting()
    await asyncio.sleep(0.05)
    assert not peer.waiting()
    assert not any(stream.is_open for stream in streams)
    with pytest.raises(StreamClosed):
        streams[0].play([Clip(tone(1))], ears[0].on_played)
    streams[0].close()


async def test_a_listener_that_closes_the_plane(plane: MediaPlane, stream: Stream) -> None:
    done = asyncio.Event()

    def on_played(_: float) -> None:
        plane.close()
        done.set()

    stream.play([Clip(tone(1))], on_played)
    async with asyncio.timeout(PATIENCE_S):
        await done.wait()
    assert not stream.is_open


async def test_a_listener_that_fails_harms_no_other(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("on purpose")

    with structlog.testing.capture_logs() as logs:
        stream.play([Clip(tone(1))], fail)
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played()
    assert [entry["event"] for entry in logs] == ["media_listener_failed"]


async def test_health(plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    peer.send(rtp(), stream.port)
    await ear.until_rtp()
    health = plane.health()
    assert health.calls == 1
    assert health.scheduling in {"fifo", "nice", "normal"}
    assert health.late_max_s >= 0
    stream.close()
    await ear.until_closed()
    assert plane.health().calls == 0


async def test_an_idle_plane_wakes_up_each_time(plane: MediaPlane, peer: RtpPeer) -> None:
    for _ in range(20):
        ear = Ear()
        stream = open_stream(plane, peer, ear)
        stream.play([Clip(tone(1))], ear.on_played)
        stream.close()
        await ear.until_closed()
        await asyncio.sleep(0.002)


def test_on_uvloop() -> None:
    async def play() -> int:
        plane = MediaPlane(host="127.0.0.1", ports=free_ports(4))
        plane.start(asyncio.get_running_loop())
        with RtpPeer() as peer:
            ear = Ear()
            stream = open_stream(plane, peer, ear)
            stream.play([Clip(tone(3))], ear.on_played)
            await ear.until_played()
            stream.close()
            stats = await ear.until_closed()
        plane.close()
        return stats.sent_packets - stats.silent_packets

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(play()) == 3
