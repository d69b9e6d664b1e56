"""What is sent while nothing plays: silence, all the time, on the line of timestamps of all else."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from media.conftest import Settle
from media.rtp_peer import SPOKEN, Clip, Ear, Packet, RtpPeer, event, rtp, tone
from media.test_playing import assert_unbroken, audio
from media.test_recording import Tape
from onhook.media import Codec, MediaPlane, Stream

FRAMES = 25
FRAME_S = 0.02
SILENCE = {Codec.PCMU: b"\xff" * 160, Codec.PCMA: b"\xd5" * 160}


def open_stream(plane: MediaPlane, peer: RtpPeer, ear: Ear, **how: object) -> Stream:
    agreed = {"codec": Codec.PCMU, "dtmf_payload_type": 101, "listener": ear, **how}
    return plane.open(plane.reserve(), remote=peer.address, **agreed)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", Codec)
async def test_from_its_beginning_a_stream_is_sent_silence(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, codec: Codec
) -> None:
    stream = open_stream(plane, peer, ear, codec=codec)
    packets = await peer.receive_all(FRAMES)
    assert {packet.payload for packet in packets} == {SILENCE[codec]}
    assert {packet.payload_type for packet in packets} == {codec}
    assert packets[0].marker
    assert_unbroken(packets, plane)
    stream.close()
    stats = await ear.until_closed()
    assert stats.silent_packets == stats.sent_packets >= FRAMES


async def test_a_message_stands_in_silence_without_a_gap(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    for seed in range(5):
        await peer.receive_all(3)
        await asyncio.sleep(seed * 0.003)  # it begins at any time within a frame
        stream.play([Clip(tone(2, seed))], ear.on_played)
        await ear.until_played(seed + 1)
    await peer.receive_all(3)
    peer.all_waiting()
    heard = [packet for packet in peer.all if not packet.silent]
    assert audio(heard) == b"".join(tone(2, seed) for seed in range(5))
    assert_unbroken(peer.all, plane)


async def test_no_packet_follows_the_end(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    await peer.receive_all(2)
    stream.close()
    stats = await ear.until_closed()
    peer.all_waiting()
    await asyncio.sleep(5 * FRAME_S)
    assert peer.all_waiting() == []
    assert len(peer.all) == stats.sent_packets


async def test_a_peer_on_hold_is_sent_none(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, settle: Settle
) -> None:
    await peer.receive_all(2)
    stream.agree(Codec.PCMU, 101, on_hold=True)
    await settle()
    before = len(peer.all) + len(peer.all_waiting())
    await asyncio.sleep(5 * FRAME_S)
    assert peer.all_waiting() == []
    stream.agree(Codec.PCMU, 101)
    await peer.receive_all(3)
    assert peer.all[before].marker, "the time of the hold is a gap"
    assert_unbroken(peer.all[before:], plane)


async def test_silence_is_not_recorded(
    stream: Stream, peer: RtpPeer, tmp_path: Path, settle: Settle
) -> None:
    """The silence of A-law is not zero: it would be heard as a step."""
    stream.agree(Codec.PCMA, 101)
    tape = Tape(tmp_path / "tape", settle)
    recorder = await tape.begin(stream)
    peer.all_waiting()  # from before it began
    await peer.receive_all(FRAMES)
    recorder.stop()
    content = await tape.content()
    assert len(content) >= (FRAMES - 2) * 160
    assert not content.any()


# Comfort noise --------------------------------------------------------------------------------


async def test_where_comfort_noise_was_agreed_it_is_sent_now_and_then(
    plane: MediaPlane, peer: RtpPeer, ear: Ear
) -> None:
    """RFC 3389: a packet each 100 ms, of one byte that says how loud it is."""
    stream = open_stream(plane, peer, ear, comfort_noise=True)
    packets = await peer.receive_all(4)
    assert {(packet.payload_type, packet.payload) for packet in packets} == {(13, b"\x7f")}
    assert not any(packet.marker for packet in packets)
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        step = (after.timestamp - before.timestamp) % 2**32
        assert step % 800 == 0 or (step % 160 == 0 and plane.health().skipped_rounds)
    stream.play([Clip(tone(3))], ear.on_played)
    message = await peer.receive_many(3)
    assert audio(message) == tone(3)
    assert [packet.marker for packet in message] == [True, False, False], "talk begins"
    noise = await peer.receive_any()
    assert (noise.payload_type, noise.sequence) == (13, (message[-1].sequence + 1) % 2**16)


async def test_comfort_noise_follows_what_is_agreed(
    plane: MediaPlane, stream: Stream, peer: RtpPeer
) -> None:
    await peer.receive_all(2)
    stream.agree(Codec.PCMU, 101, comfort_noise=True)
    while (await peer.receive_any()).payload_type != 13:
        pass
    stream.agree(Codec.PCMU, 101)
    while (begins := await peer.receive_any()).payload_type == 13:
        pass
    assert begins.marker
    assert_unbroken([begins, *await peer.receive_all(3)], plane)


# Joined calls ---------------------------------------------------------------------------------


async def test_silence_fills_what_the_other_side_does_not_say(
    plane: MediaPlane, stream: Stream, peer: RtpPeer
) -> None:
    """Nothing is sent twice, nothing back in time; and silence ends when the other side speaks."""
    with RtpPeer() as speaker:
        other = open_stream(plane, speaker, Ear())
        stream.bridge(other)
        for number in range(3):
            speaker.send(rtp(number, timestamp=160 * number), other.port)
            await peer.receive()
        while not (await peer.receive_any()).silent:
            pass
        await peer.receive_all(5)
        speaker.send(rtp(3, timestamp=160 * 20), other.port)
        assert (await peer.receive()).marker, "talk begins"
        for before, after in pairwise(peer.all):
            assert (after.sequence - before.sequence) % 2**16 == 1
            assert 160 <= (after.timestamp - before.timestamp) % 2**32 < 160 * 50
            assert after.payload in (SPOKEN, SILENCE[Codec.PCMU])


async def test_silence_waits_60_ms_for_the_other_side(
    plane: MediaPlane, stream: Stream, peer: RtpPeer
) -> None:
    """By the timestamps, which are those of the ticks in which it was decided."""
    with RtpPeer() as speaker:
        other = open_stream(plane, speaker, Ear())
        stream.bridge(other)
        speaker.send(rtp(1), other.port)
        spoken = await peer.receive()
        begins: Packet = await peer.receive_any()
        waited = (begins.timestamp - spoken.timestamp) % 2**32
        assert begins.silent
        assert waited >= 480
        assert begins.marker
        assert_unbroken([begins, *await peer.receive_all(3)], plane)


async def test_a_message_to_one_of_two_joined_calls_is_followed_by_silence(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """The other side has said nothing for long, so nothing is waited for."""
    with RtpPeer() as quiet:
        stream.bridge(open_stream(plane, quiet, Ear()))
        await peer.receive_all(10)
        stream.play([Clip(tone(3))], ear.on_played)
        await ear.until_played()
        await peer.receive_all(3)
        start = len(peer.all) - 10
        assert_unbroken(peer.all[start:], plane)


@pytest.mark.parametrize("size", [80, 320, 480, 960])
async def test_long_packets_are_waited_for_as_long_as_they_are(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, size: int
) -> None:
    """Silence begins 40 ms behind the end of the last packet, and 60 ms behind its beginning."""
    with RtpPeer() as speaker:
        other = open_stream(plane, speaker, Ear())
        stream.bridge(other)
        said = Packet(False, 0, 1, 0, 7, SPOKEN[:1] * size)
        speaker.send(said.encode(), other.port)
        spoken = await peer.receive()
        begins = await peer.receive_any()
        assert begins.silent
        assert (begins.timestamp - spoken.timestamp) % 2**32 >= max(size + 320, 480)


async def test_a_key_is_one_key_though_silence_is_sent_in_the_middle_of_it(
    plane: MediaPlane, stream: Stream, peer: RtpPeer
) -> None:
    """RFC 4733 2.5.1.2: its packets are told by their timestamp; what follows begins behind it."""
    with RtpPeer() as speaker:
        other = open_stream(plane, speaker, Ear())
        stream.bridge(other)
        speaker.send(rtp(1), other.port)
        for number, duration in enumerate((160, 320, 480, 480), start=2):
            data = event(5, sequence=number, timestamp=160, duration=duration, end=number > 3)
            speaker.send(data, other.port)
            await peer.receive()
            if number == 3:
                while not (await peer.receive_any()).silent:
                    pass
        speaker.send(rtp(6, timestamp=640), other.port)
        await peer.receive()
    keys = [packet for packet in peer.all if packet.payload_type == 101]
    assert len(keys) == 4
    assert len({packet.timestamp for packet in keys}) == 1
    assert [packet.marker for packet in keys[1:]] == [False] * 3
    sound = [packet for packet in peer.all if packet.payload_type == 0]
    for before, after in pairwise(peer.all):
        assert (after.sequence - before.sequence) % 2**16 == 1
    for before, after in pairwise(sound):
        assert 160 <= (after.timestamp - before.timestamp) % 2**32 < 8000


@pytest.mark.parametrize("codec", Codec)
async def test_a_relay_goes_on_within_a_frame_of_the_clock(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, codec: Codec
) -> None:
    """However often the other side falls silent: what is sent does not run ahead of the time."""
    with RtpPeer() as speaker:
        other = open_stream(plane, speaker, Ear(), codec=codec)
        stream.bridge(other)
        begun_s = asyncio.get_running_loop().time()
        peer.all_waiting()
        first = len(peer.all)  # what arrived before it may have left before this began
        for number in range(8):
            packet = Packet(True, codec, number, 1600 * number, 7, SPOKEN)
            speaker.send(packet.encode(), other.port)
            await peer.receive()
            while not (await peer.receive_any()).silent:
                pass
        # the first one may have left late, as far as the machine lets the media thread keep time
        passed_s = asyncio.get_running_loop().time() - begun_s + plane.health().late_max_s
        assert (
            peer.all[-1].timestamp - peer.all[first].timestamp
        ) % 2**32 < passed_s * 8000 + 2 * 160
