"""What the other side hears."""

import asyncio
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import structlog

from media.conftest import Settle
from media.rtp_peer import PATIENCE_S, Clip, Ear, Packet, RtpPeer, tone
from onhook.media import Codec, MediaPlane, Prompt, Stream
from onhook.media.edges import without_clicks
from ports import free_ports

SILENCE_PAUSE_S = 0.07


def audio(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def assert_unbroken(packets: list[Packet], plane: MediaPlane) -> None:
    """Nothing is missing in between, and no packet claims that something begins (RFC 3551 4.1).

    Unless the machine stood still: then all calls are set back by whole frames, and say so.
    """
    set_back = 0
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        assert after.ssrc == before.ssrc
        step = (after.timestamp - before.timestamp) % 2**32
        assert step % 160 == 0
        assert after.marker == (step != 160)
        set_back += step // 160 - 1
    assert set_back <= plane.health().skipped_rounds


@pytest.mark.parametrize("codec", Codec)
async def test_a_prompt_arrives_whole_and_in_order(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, tmp_path: Path, codec: Codec
) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32767, 3210).astype(np.int16)
    prompt = Prompt.write(tmp_path, "ab" * 32, samples)
    stream = plane.open(
        plane.reserve(), remote=peer.address, codec=codec, dtmf_payload_type=None, listener=ear
    )
    stream.play([prompt], ear.on_played)
    packets = await peer.receive_many(prompt.frame_count)
    assert audio(packets) == bytes(prompt.frames(codec))
    assert {packet.payload_type for packet in packets} == {codec}
    assert peer.all[0].marker
    assert_unbroken(peer.all, plane)
    await ear.until_played()
    assert not peer.waiting()


async def test_the_end_is_told_after_the_last_frame_has_left(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    before_s = time.monotonic()
    stream.play([Clip(tone(5))], ear.on_played)
    (sent_s,) = await ear.until_played()
    assert before_s < sent_s < time.monotonic()
    assert len(peer.waiting()) == 5
    assert not stream.playing


async def test_the_prompts_of_a_message_and_the_next_message_play_without_a_gap(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    parts = [Clip(tone(count, seed=count)) for count in (1, 3, 2, 1, 4)]
    stream.play(parts[:3], ear.on_played)
    stream.play(parts[3:], ear.on_played)
    first_s, second_s = await ear.until_played(2)
    packets = peer.waiting()
    assert audio(packets) == b"".join(part.content for part in parts)
    assert_unbroken(packets, plane)
    assert first_s < second_s


async def test_after_silence_the_timestamp_has_followed_the_clock(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.play([Clip(tone(2))], ear.on_played)
    (first_s,) = await ear.until_played()
    await asyncio.sleep(SILENCE_PAUSE_S)
    stream.play([Clip(tone(3))], ear.on_played)
    second_s = (await ear.until_played(2))[-1]
    packets = peer.waiting()
    assert_unbroken(peer.all, plane)
    step = (packets[-1].timestamp - packets[1].timestamp) % 2**32
    assert step >= SILENCE_PAUSE_S * 8000
    # ticks that are late, not drift: the two clocks are one
    assert abs(step / 8000 - (second_s - first_s)) < 1 + plane.health().late_max_s


async def test_streams_do_not_share_their_numbers(plane: MediaPlane, peer: RtpPeer) -> None:
    ears = [Ear(), Ear()]
    for ear in ears:
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=None,
            listener=ear,
        )
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played()
    one, other = peer.waiting()
    assert one.ssrc != other.ssrc
    assert (one.sequence, one.timestamp) != (other.sequence, other.timestamp)


async def test_stop_cuts_all_that_is_queued(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    stream.play([Clip(tone(500)), Clip(tone(500))], ear.on_played, ear.on_stopped)
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    await peer.receive_many(3)
    stream.stop()
    await ear.until_stopped(2)
    heard = len(peer.waiting())
    assert heard < 500
    await asyncio.sleep(0.05)
    assert not peer.waiting()
    assert not ear.played
    assert not stream.playing


async def test_what_is_played_after_a_stop_goes_on_where_that_was_cut(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    await peer.receive_many(2)
    stream.stop()
    stream.play([Clip(tone(3, seed=9))], ear.on_played, ear.on_stopped)
    await ear.until_played()
    assert ear.stopped == 1
    assert audio(peer.waiting()[-3:]) == tone(3, seed=9)
    assert_unbroken(peer.all, plane)


async def test_stop_of_a_silent_stream_does_nothing(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.stop()
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    stream.stop()
    stream.stop()
    await ear.until_stopped()
    assert ear.stopped == 1


async def test_a_stop_without_anybody_to_hear_it(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    stream.play([Clip(tone(500))], ear.on_played)
    stream.stop()
    stream.play([Clip(tone(1))], ear.on_played)
    await ear.until_played()
    assert len(ear.played) == 1


async def test_a_file_is_mapped_once_and_for_as_long_as_somebody_has_it(
    plane: MediaPlane, peer: RtpPeer, settle: Settle, tmp_path: Path
) -> None:
    name = "ab" * 32
    prompt = Prompt.write(tmp_path, name, np.full(8000, 5000, np.int16))
    [first, middle, last] = without_clicks([prompt])
    ears = [Ear() for _ in range(3)]
    for ear in ears:
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=None,
            listener=ear,
        )
        stream.play([prompt, first, middle, last, prompt], ear.on_played)
    await settle()
    assert mappings(name) == 1
    del prompt, first, middle, last
    await settle()
    assert mappings(name) == 1  # it plays
    for ear in ears:
        await ear.until_played()
    async with asyncio.timeout(PATIENCE_S):
        while mappings(name):  # by a thread that is told of it, and tells nobody
            await settle()


def mappings(name: str) -> int:
    """How often this process has mapped a file."""
    return Path("/proc/self/maps").read_text().count(name)


async def test_the_file_is_kept_until_it_was_played(
    stream: Stream, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    samples = np.random.default_rng(2).integers(-9000, 9000, 1600).astype(np.int16)
    content = bytes(Prompt.write(tmp_path, "cd" * 32, samples).frames(Codec.PCMU))
    stream.play([Prompt.open(tmp_path, "cd" * 32)], ear.on_played)
    assert audio(await peer.receive_many(10)) == content


async def test_many_more_prompts_than_the_ring_has_room_for(peer: RtpPeer, ear: Ear) -> None:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(4), ring_size=4)
    plane.start(asyncio.get_running_loop())
    stream = plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=None,
        listener=ear,
    )
    parts = [Clip(tone(1, seed=seed)) for seed in range(50)]
    for part in parts:
        stream.play([part], ear.on_played)
    await ear.until_played(50)
    packets = peer.waiting()
    assert audio(packets) == b"".join(part.content for part in parts)
    assert ear.played == sorted(ear.played)
    stream.close()
    stats = await ear.until_closed()
    assert stats.sent_packets - stats.silent_packets == 50
    plane.close()


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("known", [False, True])
async def test_a_truncated_prompt_file_costs_frames_and_nothing_else(
    plane: MediaPlane, stream: Stream, ear: Ear, tmp_path: Path, known: bool, recorded: bool
) -> None:
    """Whether that was before the plane mapped it or after, and whether or not it is recorded too."""
    prompt = Prompt.write(tmp_path, "ef" * 32, np.ones(1600, np.int16))
    if known:
        stream.play([prompt], ear.on_played)
        await ear.until_played()
    if recorded:
        stream.record(os.open(tmp_path / "recording", os.O_CREAT | os.O_WRONLY), lambda _: None)
    os.truncate(tmp_path / ("ef" * 32 + ".g711"), 0)
    with structlog.testing.capture_logs() as logs:
        stream.play([prompt], ear.on_played)
    assert [entry["event"] for entry in logs] == ["prompt_cut_short"] * (not known)
    await ear.until_played(1 + known)
    stream.close()
    assert (await ear.until_closed()).send_errors == 10


async def test_two_hundred_streams_at_once(peer: RtpPeer) -> None:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(201))
    plane.start(asyncio.get_running_loop())
    ears = [Ear() for _ in range(200)]
    clip = Clip(tone(10))
    streams = []
    for ear in ears:
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMA,
            dtmf_payload_type=101,
            listener=ear,
        )
        streams.append(stream)
        peer.all_waiting()  # a socket has no room for all that they send
    for stream, ear in zip(streams, ears, strict=True):
        stream.play([clip], ear.on_played)
        peer.all_waiting()
    for stream, ear in zip(streams, ears, strict=True):
        while not ear.played:
            await peer.receive_any()
        stream.close()
    stats = [await ear.until_closed() for ear in ears]
    assert {figures.sent_packets - figures.silent_packets for figures in stats} == {10}
    assert not any(figures.send_errors for figures in stats)
    heard: dict[int, list[Packet]] = {}
    peer.all_waiting()
    for packet in peer.all:
        if not packet.silent:
            heard.setdefault(packet.ssrc, []).append(packet)
    assert len(heard) == 200
    assert all(audio(packets) == clip.content for packets in heard.values())
    assert plane.ports_used == 0
    plane.close()
