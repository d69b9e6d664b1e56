import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media.conftest import Settle
from media.rtp_peer import PATIENCE_S, Clip, Ear, Packet, RtpPeer, tone
from onhook.media import (
    Codec,
    MediaPlane,
    Recorder,
    RecordingStats,
    Stream,
    StreamClosed,
    TooManyRecordings,
)
from onhook.media.g711 import decode
from onhook.media.play_queue import number_after

Pcm = NDArray[np.int16]
FRAME_S = 0.020
MOST_OF_A_SKIP = 2 * 160
"""Samples that stand still for a frame that was skipped: the talkspurt behind it may be placed anew."""


def linear(content: bytes, codec: Codec) -> Pcm:
    return decode(np.frombuffer(content, np.uint8), codec)


def place(part: Pcm, whole: Pcm, skipped: int = 0) -> int:
    """The only place where `part` begins in `whole`, which has all of it, to the sample.

    Of what was played: where the machine stood still, and frames were `skipped`, so many stand still in
    between, and are silent.
    """
    begins = [at for at in _places(part[:160], whole) if _goes_on(part, whole[at:], skipped)]
    assert len(begins) == 1, f"found {len(begins)} times"
    return begins[0]


def _places(part: Pcm, whole: Pcm) -> Iterator[int]:
    wanted, found = part.tobytes(), whole.tobytes()
    at = found.find(wanted)
    while at >= 0:
        if at % 2 == 0:
            yield at // 2
        at = found.find(wanted, at + 1)


def _goes_on(part: Pcm, whole: Pcm, skipped: int) -> bool:
    """Whether that begins with this, frame by frame, with no more than so many silent ones in between."""
    at = 0
    for start in range(0, len(part), 160):
        frame = part[start : start + 160]
        found = next(_places(frame, whole[at:]), None)
        if found is None or whole[at : at + found].any():
            return False
        at += found + len(frame)
    return at - len(part) <= skipped * MOST_OF_A_SKIP


class Tape:
    """A recording in a file."""

    def __init__(self, path: Path, settle: Settle) -> None:
        self.path = path
        self._settle = settle
        self.stats: RecordingStats | None = None
        self._done = asyncio.Event()

    def start(self, stream: Stream, *, waits: bool = False) -> Recorder:
        spool = os.open(self.path, os.O_CREAT | os.O_WRONLY)
        return stream.record(spool, self.on_done, waits=waits)

    async def begin(self, stream: Stream) -> Recorder:
        """Start, and wait until it has begun."""
        recorder = self.start(stream)
        await self._settle()
        return recorder

    def on_done(self, stats: RecordingStats) -> None:
        assert self.stats is None
        self.stats = stats
        self._done.set()

    async def until_done(self) -> RecordingStats:
        async with asyncio.timeout(PATIENCE_S):
            await self._done.wait()
        assert self.stats is not None
        return self.stats

    async def content(self) -> Pcm:
        """All of it, when it is done; nothing was lost."""
        stats = await self.until_done()
        content = np.fromfile(self.path, np.int16)
        assert (stats.samples, stats.lost, stats.error) == (len(content), 0, 0)
        return content


class Talker:
    """The peer says something: packets whose timestamps follow on."""

    def __init__(self, peer: RtpPeer, stream: Stream) -> None:
        self._peer = peer
        self._port = stream.port
        self._payload_type = int(stream.codec)
        self.sequence = 65530
        self.timestamp = 0xFFFFFF00
        self.held_up = False
        self._silent_since = time.monotonic()

    def packet(self, payload: bytes) -> bytes:
        """The next packet, not sent."""
        sequence, timestamp = self.sequence % 2**16, self.timestamp % 2**32
        self.sequence += 1
        self.timestamp += len(payload)
        return Packet(False, self._payload_type, sequence, timestamp, 7, payload).encode()

    def send(self, *packets: bytes) -> None:
        for packet in packets:
            self._peer.send(packet, self._port)

    async def say(self, content: bytes, packet_bytes: int = 160) -> None:
        """At the pace of speech, with timestamps that count the silence before it.

        `held_up` is set when the machine stood still for so long that silence was sent in between.
        """
        due_s = time.monotonic()
        self.timestamp += round((due_s - self._silent_since) * 8000)
        for start in range(0, len(content), packet_bytes):
            self.send(self.packet(content[start : start + packet_bytes]))
            due_s += packet_bytes / 8000
            await asyncio.sleep(due_s - time.monotonic())
            self.held_up |= time.monotonic() - due_s > 1.5 * FRAME_S
        self._silent_since = due_s


@pytest.fixture
def talker(peer: RtpPeer, stream: Stream) -> Talker:
    return Talker(peer, stream)


@pytest.fixture
def tape(tmp_path: Path, settle: Settle) -> Tape:
    return Tape(tmp_path / "tape", settle)


@pytest.fixture
def full_pipe() -> Iterator[Callable[[], int]]:
    """Makes the writing end of a pipe that is full, and that nobody reads."""
    readers = []

    def make() -> int:
        reader, writer = os.pipe()
        readers.append(reader)
        os.set_blocking(writer, False)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        return writer

    yield make
    for reader in readers:
        os.close(reader)


def _last_frame(part: Pcm, whole: Pcm) -> int:
    return place(part[-160:], whole)


@pytest.mark.parametrize("codec", Codec)
async def test_both_sides(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, tape: Tape, codec: Codec, settle: Settle
) -> None:
    stream = plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=codec,
        dtmf_payload_type=None,
        listener=ear,
    )
    recorder = await tape.begin(stream)
    prompt, speech = tone(10, seed=1), tone(10, seed=2)
    stream.play([Clip(prompt)], ear.on_played)
    [last_left_s] = await ear.until_played()
    await settle()
    spoke_s = time.monotonic()
    sending = asyncio.create_task(Talker(peer, stream).say(speech))
    await asyncio.sleep(0)
    late_s = time.monotonic() - spoke_s
    await sending
    await settle()
    recorder.stop()
    recorded = await tape.content()
    played_at = place(linear(prompt, codec), recorded, plane.health().skipped_rounds)
    heard_at = place(linear(speech, codec), recorded)
    last = _last_frame(linear(prompt, codec), recorded)
    assert played_at < last
    apart_s = (heard_at - last) / 8000
    # as far as the machine lets the media thread, and this one, keep time
    slack_s = 0.002 + plane.health().late_max_s + late_s
    assert apart_s == pytest.approx(spoke_s - last_left_s, abs=slack_s)


@pytest.mark.parametrize("late", [False, True])
async def test_it_begins_behind_the_end_of_a_message(
    plane: MediaPlane, stream: Stream, ear: Ear, tape: Tape, late: bool
) -> None:
    """All of it, however many pieces it has; with the very sample that follows."""
    message, next_one = [Clip(tone(5, seed=1)), Clip(tone(15, seed=2))], tone(20, seed=3)
    recorder = tape.start(stream, waits=True)
    if not late:
        recorder.begin_behind(number_after(stream.newest_play))
    number = stream.play(message, ear.on_played)
    if late:
        recorder.begin_behind(number)
    stream.play([Clip(next_one)], ear.on_played)
    await ear.until_played(2)
    recorder.begin()  # it has
    recorder.stop()
    recorded = await tape.content()
    # the last frame ends after it was told that it has left
    skipped = plane.health().skipped_rounds
    assert place(linear(next_one[: 18 * 160], Codec.PCMU), recorded, skipped) == 0


async def test_it_begins_when_it_is_told_to_and_the_message_is_cut(
    stream: Stream, peer: RtpPeer, talker: Talker, ear: Ear, tape: Tape, settle: Settle
) -> None:
    recorder = tape.start(stream, waits=True)
    recorder.begin_behind(number_after(stream.newest_play))
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    await peer.receive_many(10)
    recorder.begin()
    await ear.until_stopped()
    speech = tone(5, seed=2)
    await talker.say(speech)
    await settle()
    recorder.stop()
    recorded = await tape.content()
    at = place(linear(speech, Codec.PCMU), recorded)
    assert not recorded[:at].any(), "nothing of the message"


@pytest.mark.parametrize("end", ["stopped", "closed"])
async def test_it_waits_on_where_the_message_is_cut_off(
    stream: Stream, peer: RtpPeer, talker: Talker, ear: Ear, tape: Tape, end: str
) -> None:
    """And has no samples, if it is never told to begin."""
    recorder = tape.start(stream, waits=True)
    recorder.begin_behind(number_after(stream.newest_play))
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    await peer.receive_many(5)
    stream.stop()
    await ear.until_stopped()
    await talker.say(tone(5))
    if end == "stopped":
        recorder.stop()
    else:
        stream.close()
    assert len(await tape.content()) == 0


async def test_both_at_once(stream: Stream, talker: Talker, ear: Ear, tape: Tape) -> None:
    """Where both are heard, the sum is; where it is too loud, the loudest there is."""
    recorder = await tape.begin(stream)
    loud = np.tile(np.frombuffer(b"\x80\x00", np.uint8), 80).tobytes()  # mu-law: +32124, -32124
    stream.play([Clip(loud * 40)], ear.on_played)
    await talker.say(loud * 20)
    await ear.until_played()
    recorder.stop()
    recorded = await tape.content()
    assert {32767, -32768, 0} & set(recorded.tolist())
    assert set(recorded.tolist()) <= {32767, -32768, 32124, -32124, 0}


async def test_order_and_repetition(
    stream: Stream, talker: Talker, tape: Tape, settle: Settle
) -> None:
    recorder = await tape.begin(stream)
    speech = tone(8)
    packets = [talker.packet(speech[at : at + 160]) for at in range(0, len(speech), 160)]
    for index in (0, 2, 1, 1, 0, 5, 3, 4, 7, 6, 5):
        talker.send(packets[index])
        await asyncio.sleep(0.01)
    await settle()
    recorder.stop()
    assert place(linear(speech, Codec.PCMU), await tape.content()) >= 0


async def test_what_is_lost_is_silent(
    stream: Stream, talker: Talker, tape: Tape, settle: Settle
) -> None:
    recorder = await tape.begin(stream)
    speech = tone(5)
    packets = [talker.packet(speech[at : at + 160]) for at in range(0, len(speech), 160)]
    talker.send(*packets[:2], *packets[3:])
    await settle()
    recorder.stop()
    heard = linear(speech, Codec.PCMU)
    heard[2 * 160 : 3 * 160] = 0
    assert place(heard, await tape.content()) >= 0


@pytest.mark.parametrize("packet_bytes", [40, 80, 240, 800])
async def test_any_packet_length(
    stream: Stream, talker: Talker, tape: Tape, packet_bytes: int, settle: Settle
) -> None:
    recorder = await tape.begin(stream)
    speech = tone(15)
    await talker.say(speech, packet_bytes)
    await settle()
    recorder.stop()
    assert place(linear(speech, Codec.PCMU), await tape.content()) >= 0


async def test_timestamps_that_jump(
    stream: Stream, talker: Talker, tape: Tape, settle: Settle
) -> None:
    recorder = await tape.begin(stream)
    parts = [tone(4, seed) for seed in range(4)]
    for part, jump in zip(parts, (0, 1_000_000, -5_000_000, 2**31), strict=True):
        talker.timestamp += jump
        await talker.say(part)
        await settle()
    recorder.stop()
    recorded = await tape.content()
    places = [place(linear(part, Codec.PCMU), recorded) for part in parts]
    assert places == sorted(places)
    assert len(recorded) < 8000 * 5


async def test_stopped_in_the_middle(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, talker: Talker, ear: Ear, tape: Tape
) -> None:
    recorder = await tape.begin(stream)
    stream.play([Clip(tone(150))], ear.on_played)
    await peer.receive_many(10)
    recorder.stop()
    recorder.stop()
    assert not recorder.going
    await talker.say(tone(2, seed=9))
    await ear.until_played()
    recorded = await tape.content()
    skipped = plane.health().skipped_rounds
    assert place(linear(tone(150)[: 9 * 160], Codec.PCMU), recorded, skipped) >= 0
    assert len(recorded) < 149 * 160
    recorder.stop()


async def test_close_ends_it(plane: MediaPlane, stream: Stream, ear: Ear, tape: Tape) -> None:
    """The last sample is there, although the stream is gone before it is written."""
    recorder = await tape.begin(stream)
    stream.play([Clip(tone(10))], ear.on_played)
    await ear.until_played()
    stream.close()
    assert not recorder.going
    recorder.stop()
    await ear.until_closed()
    skipped = plane.health().skipped_rounds
    assert place(linear(tone(10), Codec.PCMU), await tape.content(), skipped) >= 0
    with pytest.raises(StreamClosed):
        stream.record(0, tape.on_done)


async def test_closing_the_plane_writes_everything(
    plane: MediaPlane, stream: Stream, ear: Ear, tape: Tape
) -> None:
    tape.start(stream)
    stream.play([Clip(tone(5))], ear.on_played)
    await ear.until_played()
    skipped = plane.health().skipped_rounds
    plane.close()
    recorded = np.fromfile(tape.path, np.int16)
    assert place(linear(tone(5), Codec.PCMU), recorded, skipped) >= 0
    assert tape.stats is None


async def test_several_at_once(
    plane: MediaPlane,
    stream: Stream,
    talker: Talker,
    ear: Ear,
    tape: Tape,
    tmp_path: Path,
    settle: Settle,
) -> None:
    """A part of a call that is being recorded as a whole."""
    whole = await tape.begin(stream)
    await talker.say(tone(5, seed=1))
    part_tape = Tape(tmp_path / "part", settle)
    part = await part_tape.begin(stream)
    stream.play([Clip(tone(5, seed=2))], ear.on_played)
    await ear.until_played()
    await settle()
    part.stop()
    inner = await part_tape.content()
    await talker.say(tone(5, seed=3))
    await settle()
    whole.stop()
    outer = await tape.content()
    said = linear(tone(5, seed=2), Codec.PCMU)
    skipped = plane.health().skipped_rounds
    assert place(said, inner, skipped) >= 0
    assert place(said, outer, skipped) > place(linear(tone(5, seed=1), Codec.PCMU), outer)
    assert place(said, outer, skipped) < place(linear(tone(5, seed=3), Codec.PCMU), outer)
    with pytest.raises(AssertionError):
        place(linear(tone(5, seed=3), Codec.PCMU), inner)


def beside(plane: MediaPlane, peer: RtpPeer) -> Stream:
    """Another call."""
    return plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=None,
        listener=Ear(),
    )


async def test_bridged_calls_are_recorded_whole(
    plane: MediaPlane, stream: Stream, talker: Talker, tmp_path: Path, settle: Settle
) -> None:
    """Each recording has what both peers said; in one it was heard, in the other relayed."""
    with RtpPeer() as other_peer:
        other = beside(plane, other_peer)
        other_talker = Talker(other_peer, other)
        stream.bridge(other)
        for attempt in range(40):
            talker.held_up = other_talker.held_up = False
            tapes = [Tape(tmp_path / f"{name}{attempt}", settle) for name in ("one", "other")]
            recorders = [await tapes[0].begin(stream), await tapes[1].begin(other)]
            await talker.say(tone(10, seed=1))
            await settle()
            await other_talker.say(tone(10, seed=2))
            await settle()
            for recorder in recorders:
                recorder.stop()
            recorded = [await tape.content() for tape in tapes]
            if not talker.held_up and not other_talker.held_up:
                break
        said = [linear(tone(10, seed), Codec.PCMU) for seed in (1, 2)]
        for whole in recorded:
            assert place(said[0], whole) + len(said[0]) < place(said[1], whole)


async def test_what_is_heard_in_a_room_is_recorded(
    plane: MediaPlane, stream: Stream, tape: Tape, settle: Settle
) -> None:
    with RtpPeer() as other_peer:
        other = beside(plane, other_peer)
        room = plane.open_room()
        room.add(stream)
        room.add(other)
        recorder = await tape.begin(stream)
        await Talker(other_peer, other).say(b"\x90" * 160 * 25)
        await settle()
        recorder.stop()
        loud = np.abs(await tape.content()) > 8000
        assert 20 * 160 <= loud.sum() <= 26 * 160


async def test_no_more_than_four(stream: Stream, tmp_path: Path, settle: Settle) -> None:
    tapes = [Tape(tmp_path / str(number), settle) for number in range(4)]
    recorders = [tape.start(stream) for tape in tapes]
    with pytest.raises(TooManyRecordings):
        Tape(tmp_path / "fifth", settle).start(stream)
    for recorder in recorders:
        recorder.stop()
    for tape in tapes:
        await tape.content()
    Tape(tmp_path / "sixth", settle).start(stream).stop()


async def test_nothing_to_record(stream: Stream, tape: Tape) -> None:
    tape.start(stream).stop()
    assert not (await tape.content()).any()


async def test_a_file_that_takes_nothing(
    plane: MediaPlane,
    stream: Stream,
    peer: RtpPeer,
    ear: Ear,
    tape: Tape,
    tmp_path: Path,
    full_pipe: Callable[[], int],
    settle: Settle,
) -> None:
    """It harms neither the call nor another recording, and is given up after its end."""
    stuck, good = tape, Tape(tmp_path / "good", settle)
    recorders = [stream.record(full_pipe(), stuck.on_done), good.start(stream)]
    stream.play([Clip(tone(50))], ear.on_played)
    await ear.until_played()
    for recorder in recorders:
        recorder.stop()
    skipped = plane.health().skipped_rounds
    assert place(linear(tone(50), Codec.PCMU), await good.content(), skipped) >= 0
    stats = await stuck.until_done()
    assert (stats.samples, stats.error) == (0, errno.ETIMEDOUT)
    assert stats.lost >= 50 * 160
    payloads = [packet.payload for packet in peer.waiting()]
    assert payloads == [tone(50)[at : at + 160] for at in range(0, 8000, 160)]


async def test_a_disk_that_is_full(stream: Stream, ear: Ear, tape: Tape) -> None:
    recorder = stream.record(os.open("/dev/full", os.O_WRONLY), tape.on_done)
    stream.play([Clip(tone(10))], ear.on_played)
    await ear.until_played()
    recorder.stop()
    stats = await tape.until_done()
    assert (stats.samples, stats.error) == (0, errno.ENOSPC)
    assert stats.lost >= 10 * 160


async def test_the_descriptor_is_closed(stream: Stream, tape: Tape) -> None:
    reader, writer = os.pipe()
    stream.record(writer, tape.on_done).stop()
    await tape.until_done()
    while os.read(reader, 65536):
        pass
    os.close(reader)
