"""What was agreed with a peer: numbers for each direction, another codec in between, and hold."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.conftest import Settle
from media.rtp_peer import SPOKEN, Clip, Ear, Packet, RtpPeer, event, rtp, tone
from media.test_playing import assert_unbroken
from onhook.media import Codec, MediaPlane, Prompt, Stream
from onhook.media.g711 import decode, encode

FRAME_S = 0.020
OpenStream = Callable[..., Stream]


def as_type(packet: bytes, payload_type: int) -> bytes:
    """The same packet under another payload type."""
    return packet[:1] + bytes([packet[1] & 0x80 | payload_type]) + packet[2:]


def key(code: int, *, sequence: int, payload_type: int) -> bytes:
    whole = event(code, sequence=sequence, timestamp=1600 * sequence, end=True)
    return as_type(whole, payload_type)


def follow_on(packets: list[Packet]) -> bool:
    """Whether no sequence number is missing, and none came twice."""
    first = packets[0].sequence
    numbers = [(packet.sequence - first) % 2**16 for packet in packets]
    return numbers == list(range(len(packets)))


@pytest.fixture
def open_stream(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> OpenStream:
    def open_one(codec: Codec = Codec.PCMU, at: RtpPeer = peer, **more: int) -> Stream:
        how = {"dtmf_payload_type": 101, **more}
        return plane.open(plane.reserve(), remote=at.address, codec=codec, listener=ear, **how)  # type: ignore[arg-type]

    return open_one


# Payload types --------------------------------------------------------------------------------


async def test_each_side_has_a_number_for_digits(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear
) -> None:
    """Ours go out under the number of the answer, the peer's come under that of the offer; some
    use theirs for both."""
    stream = open_stream(dtmf_payload_type=96, dtmf_from_peer=101)
    for sequence, number in enumerate((101, 96, 97), start=1):
        peer.send(key(sequence, sequence=sequence, payload_type=number), stream.port)
    peer.send(key(4, sequence=4, payload_type=101), stream.port)
    assert await ear.until_digits(3) == "124"
    stream.send_digits("5", ear.on_played)
    await ear.until_played()
    assert {packet.payload_type for packet in peer.waiting()} == {96}


async def test_a_call_that_begins_with_a_digit_is_known_by_it(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear
) -> None:
    stream = open_stream(dtmf_payload_type=96, dtmf_from_peer=101)
    with RtpPeer() as behind_nat:
        behind_nat.send(key(7, sequence=1, payload_type=101), stream.port)
        assert await ear.until_digits(1) == "7"
        stream.play([Clip(tone(2))], ear.on_played)
        await ear.until_played()
        assert len(behind_nat.waiting()) == 2
    assert not peer.waiting()


@pytest.mark.parametrize("number", [128, -1])
async def test_numbers_that_are_no_payload_types(open_stream: OpenStream, number: int) -> None:
    for types in ({"dtmf_payload_type": number}, {"dtmf_from_peer": number}):
        with pytest.raises(ValueError, match="0 to 127"):
            open_stream(**types)
    stream = open_stream()
    with pytest.raises(ValueError, match="0 to 127"):
        stream.agree(Codec.PCMA, 101, number)
    assert stream.codec is Codec.PCMU


async def test_digits_follow_a_new_agreement(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    stream = open_stream()
    stream.agree(Codec.PCMU, 110)
    await settle()
    peer.send(key(1, sequence=1, payload_type=101), stream.port)
    peer.send(key(2, sequence=2, payload_type=110), stream.port)
    assert await ear.until_digits(1) == "2"
    stream.send_digits("3", ear.on_played)
    await ear.until_played()
    assert {packet.payload_type for packet in peer.waiting()} == {110}


async def test_digits_that_nobody_takes_any_more_take_their_time(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear
) -> None:
    """Those that are on their way leave as nothing, the next ones as tones."""
    stream = open_stream()
    stream.play([Clip(tone(50))], ear.on_played)
    stream.send_digits("12", ear.on_played)
    stream.agree(Codec.PCMU, None)
    await ear.until_played(2)
    assert {packet.payload_type for packet in peer.waiting()} == {0}
    stream.send_digits("1", ear.on_played)
    await ear.until_played(3)
    assert len(peer.waiting()) == 5


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
async def test_audio_under_another_number(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear, codec: Codec, settle: Settle
) -> None:
    """It goes out under that number, and is known by it; the static ones are still heard."""
    stream = open_stream(codec, payload_type=97)
    with RtpPeer() as other_side:
        other = open_stream(codec, at=other_side)
        stream.bridge(other)
        await settle()
        for sequence, number in enumerate((97, 98, int(codec)), start=1):
            packet = Packet(False, number, sequence, 160 * sequence, 7, bytes([sequence]) * 160)
            peer.send(packet.encode(), stream.port)
        await settle()
        heard = [packet for packet in other_side.waiting() if packet.payload[0] in (1, 2, 3)]
        assert [(packet.payload_type, packet.payload[0]) for packet in heard] == [
            (int(codec), 1),
            (int(codec), 3),
        ]
        other_side.send(rtp(1), other.port)
        await settle()
        assert {packet.payload_type for packet in peer.waiting()} == {97}
    stream.agree(codec, 101)
    await settle()
    peer.waiting()
    stream.play([Clip(tone(2))], ear.on_played)
    await ear.until_played()
    assert {packet.payload_type for packet in peer.waiting()} == {int(codec)}
    with pytest.raises(ValueError, match="0 to 127"):
        stream.agree(codec, 101, payload_type=128)


# Codecs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [(0, 8), (8, 0)])
async def test_a_prompt_plays_on_in_the_other_codec(
    plane: MediaPlane,
    open_stream: OpenStream,
    peer: RtpPeer,
    ear: Ear,
    tmp_path: Path,
    first: int,
    then: int,
) -> None:
    """Not a frame is missing, and each is in the law that its number says."""
    samples = np.random.default_rng(1).integers(-32768, 32767, 30 * 160).astype(np.int16)
    prompt = Prompt.write(tmp_path, "ab" * 32, samples)
    stream = open_stream(Codec(first))
    stream.play([prompt] * 10, ear.on_played)
    packets = await peer.receive_many(10)
    stream.agree(Codec(then), 101)
    while packets[-1].payload_type == first:  # some were on their way
        packets += await peer.receive_many(1)
    packets += await peer.receive_many(40)
    laws = [packet.payload_type for packet in packets]
    assert set(laws[:10]) == {first}
    assert laws == sorted(laws, reverse=first > then)
    assert set(laws[-40:]) == {then}
    for number, packet in enumerate(packets):
        at = number % 30 * 160
        assert (
            packet.payload == encode(samples[at : at + 160], Codec(packet.payload_type)).tobytes()
        )
    assert_unbroken(packets, plane)


async def test_a_loop_goes_on_in_the_other_codec(
    open_stream: OpenStream, peer: RtpPeer, settle: Settle
) -> None:
    sound = Prompt.of(np.arange(0, 32000, 100, dtype=np.int16))
    stream = open_stream()
    stream.loop([sound])
    await peer.receive_many(3)
    stream.agree(Codec.PCMA, 101)
    await settle()
    peer.waiting()
    packets = await peer.receive_many(4)
    assert {packet.payload_type for packet in packets} == {8}
    frames = bytes(sound.frames(Codec.PCMA))
    assert {packet.payload for packet in packets} == {frames[:160], frames[160:]}


async def test_what_is_relayed_follows_the_codec(
    plane: MediaPlane, open_stream: OpenStream, peer: RtpPeer, settle: Settle
) -> None:
    with RtpPeer() as other:
        one, two = open_stream(), open_stream(at=other)
        one.bridge(two)
        await settle()
        peer.send(rtp(1), one.port)
        other.send(rtp(1), two.port)
        assert (await other.receive()).payload_type == 0
        two.agree(Codec.PCMA, None)
        await settle()
        peer.send(rtp(2, timestamp=160), one.port)
        heard = await other.receive()
        spoken = np.frombuffer(SPOKEN, np.uint8)
        crossed = encode(decode(spoken, Codec.PCMU), Codec.PCMA).tobytes()
        assert (heard.payload_type, heard.payload) == (8, crossed)
        other.send(as_type(rtp(2, timestamp=160), 8), two.port)
        heard = (await peer.receive_many(2))[-1]
        assert heard.payload_type == 0
        one.send_digits("1", lambda _: None)  # the other negotiated none any more
        assert (await peer.receive()).payload_type == 101


# Hold -----------------------------------------------------------------------------------------


async def test_a_peer_on_hold_is_sent_nothing_and_the_time_goes_on(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    stream = open_stream()
    stream.play([Clip(tone(200))], ear.on_played)
    before = await peer.receive_many(5)
    stream.agree(Codec.PCMU, 101, on_hold=True)
    await settle()
    before += peer.waiting()
    held_from = len(peer.all)
    await asyncio.sleep(10 * FRAME_S)
    assert peer.all_waiting() == []
    stream.agree(Codec.PCMU, 101)
    await ear.until_played()
    after = peer.waiting()
    assert len(before) + len(after) <= 191
    assert peer.all[held_from].marker
    assert follow_on(peer.all), "what was held back is no loss"
    assert after[-1].payload == tone(200)[-160:]
    passed = (after[-1].timestamp - before[0].timestamp) % 2**32
    assert passed >= 199 * 160


async def test_a_call_that_begins_on_hold(open_stream: OpenStream, peer: RtpPeer, ear: Ear) -> None:
    stream = open_stream(on_hold=True)
    stream.play([Clip(tone(3))], ear.on_played)
    stream.send_digits("1", ear.on_played)
    await ear.until_played(2)
    assert peer.all_waiting() == []
    peer.send(key(1, sequence=1, payload_type=101), stream.port)
    assert await ear.until_digits(1) == "1", "it is heard all the same"


async def test_nothing_is_relayed_to_a_peer_on_hold(
    open_stream: OpenStream, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    with RtpPeer() as other:
        one, two = open_stream(), open_stream(at=other)
        one.bridge(two)
        await settle()
        peer.send(rtp(1), one.port)
        await other.receive()
        two.agree(Codec.PCMU, 101, on_hold=True)
        await settle()
        other.waiting()
        for number in range(2, 6):
            peer.send(rtp(number, timestamp=160 * number), one.port)
        peer.send(key(1, sequence=6, payload_type=101), one.port)
        other.send(rtp(1), two.port)
        await peer.receive()  # which is not on hold
        await ear.until_digits(1)
        assert other.all_waiting() == []
        held_from = len(other.all)
        two.agree(Codec.PCMU, 101)
        await settle()
        peer.send(rtp(7, timestamp=7 * 160), one.port)
        again = await other.receive()
        assert follow_on(other.all)
        assert other.all[held_from].marker
        assert again.marker


async def test_a_room_goes_on_without_who_is_on_hold(
    plane: MediaPlane, open_stream: OpenStream, peer: RtpPeer, settle: Settle
) -> None:
    with RtpPeer() as other:
        room = plane.open_room()
        one, two = open_stream(), open_stream(at=other)
        room.add(one)
        room.add(two)
        before = await other.receive_all(3)
        two.agree(Codec.PCMA, 101, on_hold=True)
        await settle()
        before += other.all_waiting()
        peer.waiting()
        await peer.receive_all(5)
        assert other.all_waiting() == []
        two.agree(Codec.PCMA, 101)
        after = await other.receive_all(3)
        assert follow_on([*before, *after])
        assert {packet.payload_type for packet in after} == {8}


# What else arrives ------------------------------------------------------------------------------


async def test_what_cannot_be_relayed_is_no_gap(
    open_stream: OpenStream, peer: RtpPeer, settle: Settle
) -> None:
    """Comfort noise (RFC 3389) and numbers that nobody agreed on, between packets of any length."""
    with RtpPeer() as other:
        one, two = open_stream(), open_stream(at=other)
        one.bridge(two)
        await settle()
        timestamp, sent = 0, []
        for number, (payload_type, samples) in enumerate(
            [(0, 80), (13, 1), (0, 240), (13, 10), (99, 160), (0, 80), (0, 480), (72, 20), (0, 160)]
        ):
            payload = bytes([number]) * samples
            packet = Packet(False, payload_type, 65530 + number & 0xFFFF, timestamp, 7, payload)
            peer.send(packet.encode(), one.port)
            timestamp += samples
            if payload_type == 0:
                sent.append(payload)
            await asyncio.sleep(0.005)
        heard = await other.receive_many(len(sent))
        assert [packet.payload for packet in heard] == sent
        assert {packet.payload_type for packet in other.all} == {0}
        assert follow_on(other.all)
        assert other.waiting() == []
