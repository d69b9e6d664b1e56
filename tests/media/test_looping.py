"""What is played again and again."""

from itertools import cycle, islice

import pytest

from media.rtp_peer import FRAME_BYTES, Clip, Ear, RtpPeer, tone
from media.test_playing import assert_unbroken, audio
from onhook.media import MediaPlane, Stream, StreamClosed


def repeated(content: bytes, frame_count: int) -> bytes:
    return bytes(islice(cycle(content), frame_count * FRAME_BYTES))


@pytest.mark.parametrize("lengths", [[1], [3], [3, 1, 2]])
async def test_a_loop_has_no_gap(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear, lengths: list[int]
) -> None:
    clips = [Clip(tone(length, seed=length)) for length in lengths]
    stream.loop(clips)
    packets = await peer.receive_many(25)
    assert audio(packets) == repeated(b"".join(clip.content for clip in clips), 25)
    assert_unbroken(packets, plane)
    assert stream.playing


async def test_a_loop_begins_after_what_was_queued(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.play([Clip(tone(2, seed=1)), Clip(tone(1, seed=2))], ear.on_played)
    stream.loop([Clip(tone(1, seed=3)), Clip(tone(1, seed=4))])
    packets = await peer.receive_many(9)
    looped = tone(1, seed=3) + tone(1, seed=4)
    assert audio(packets) == tone(2, seed=1) + tone(1, seed=2) + 3 * looped
    assert_unbroken(packets, plane)
    assert len(await ear.until_played()) == 1


async def test_stop_ends_a_loop_and_what_waits_behind_it(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.loop([Clip(tone(2, seed=1)), Clip(tone(2, seed=2))], ear.on_stopped)
    stream.play([Clip(tone(1, seed=3))], ear.on_played, ear.on_stopped)
    await peer.receive_many(7)
    stream.stop()
    await ear.until_stopped(2)
    assert not stream.playing
    peer.waiting()
    stream.play([Clip(tone(3, seed=4))], ear.on_played)
    await ear.until_played()
    assert audio(peer.waiting()) == tone(3, seed=4)
    assert ear.stopped == 2


async def test_close_ends_a_loop(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    stream.loop([Clip(tone(2))], ear.on_stopped)
    await peer.receive_many(3)
    stream.close()
    await ear.until_closed()
    assert ear.stopped == 1
    with pytest.raises(StreamClosed):
        stream.loop([Clip(tone(1))])


async def test_there_is_something_to_loop(stream: Stream) -> None:
    with pytest.raises(ValueError, match="nothing to play"):
        stream.loop([])
    assert not stream.playing
