"""Packets that have more or less audio than a frame: of messages, silence, keys, and what others say."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from media.conftest import Settle
from media.rtp_peer import FRAME_BYTES, PATIENCE_S, Clip, Ear, Packet, RtpPeer, tone
from media.test_bridging import Leg, assert_in_order
from media.test_playing import audio
from media.test_rtcp import until
from media.test_sending_digits import KEY_TONES_HZ, press, presses
from media.test_srtp import Cipher, Key, Keys
from media.tones import Hum, heard, samples
from onhook.media import Codec, MediaPlane, Stream, StreamStats

LENGTHS = pytest.mark.parametrize("packet_ms", [10, 30, 40, 60])


def open_stream(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int, **how: object
) -> Stream:
    agreed = {"codec": Codec.PCMU, "dtmf_payload_type": 101, "listener": ear, **how}
    agreed |= {"remote": peer.address, "packet_ms": packet_ms}
    return plane.open(plane.reserve(), **agreed)  # type: ignore[arg-type]


async def all_sent(stream: Stream, peer: RtpPeer, ear: Ear) -> StreamStats:
    """The stream is closed, and everything has arrived; its figures."""
    stream.close()
    stats = await ear.until_closed()
    peer.all_waiting()
    return stats


def assert_packed(packets: list[Packet], packet_ms: int, plane: MediaPlane) -> None:
    """All are so long, one follows on from the other, and none claims that something begins.

    Unless the machine stood still: a gap in the line begins a packet, and the one before it may be short.
    """
    set_back = 0
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        gap = (after.timestamp - before.timestamp) % 2**32 - len(before.payload)
        assert gap >= 0
        assert after.marker == (gap > 0)
        assert len(before.payload) == 8 * packet_ms or gap
        set_back += gap // FRAME_BYTES
    assert set_back <= plane.health().skipped_rounds


@LENGTHS
async def test_a_message_stands_in_silence_without_a_gap(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int
) -> None:
    stream = open_stream(plane, peer, ear, packet_ms)
    await peer.receive_all(3)
    parts = [Clip(tone(count, seed=count)) for count in (1, 3, 1, 2)]
    stream.play(parts, ear.on_played)
    await ear.until_played()
    await all_sent(stream, peer, ear)
    assert peer.all[0].marker
    assert_packed(peer.all, packet_ms, plane)
    assert b"".join(part.content for part in parts) in audio(peer.all)


@LENGTHS
async def test_the_figures_tell_silence_from_sound(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int
) -> None:
    stream = open_stream(plane, peer, ear, packet_ms)
    await peer.receive_all(3)
    stream.play([Clip(tone(4))], ear.on_played)
    await ear.until_played()
    stats = await all_sent(stream, peer, ear)
    assert stats.sent_packets == len(peer.all)
    assert stats.silent_packets == sum(packet.silent for packet in peer.all)
    assert stats.sent_bytes == sum(12 + len(packet.payload) for packet in peer.all)


@LENGTHS
async def test_the_end_is_told_for_when_it_has_left(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int
) -> None:
    """That is later than it would be of frames, and whoever closes then loses nothing."""
    clip = Clip(tone(7))
    other_peer, other_ear = RtpPeer(), Ear()
    with other_peer:
        stream = open_stream(plane, peer, ear, packet_ms)
        plain = open_stream(plane, other_peer, other_ear, 20)
        plain.play([clip], other_ear.on_played)
        stream.play([clip], ear.on_played)
        await asyncio.gather(ear.until_played(), other_ear.until_played())
        await all_sent(stream, peer, ear)
    assert clip.content in audio(peer.all)
    rounds = -(-packet_ms // 20) - 1
    late_s = ear.played[0] - other_ear.played[0]
    # The slots of two calls are less than a round apart, as far as the machine keeps time.
    assert late_s > 0.02 * (rounds - 1) - plane.health().late_max_s


@LENGTHS
async def test_keys_are_as_ever(plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int) -> None:
    stream = open_stream(plane, peer, ear, packet_ms)
    await peer.receive_all(3)
    stream.send_digits("1#", ear.on_played)
    await ear.until_played()
    await all_sent(stream, peer, ear)
    events = [packet for packet in peer.all if packet.payload_type == 101]
    assert presses(events) == [press(key) for key in "1#"]
    numbers = [packet.sequence for packet in peer.all]
    assert numbers == [(numbers[0] + n) % 2**16 for n in range(len(numbers))]
    sound = [packet for packet in peer.all if packet.payload_type != 101]
    for before, after in pairwise(sound):
        assert len(before.payload) <= (after.timestamp - before.timestamp) % 2**32 < 2**31
    last = max(n for n, packet in enumerate(peer.all) if packet.payload_type == 101)
    lengths = {len(packet.payload) for packet in peer.all[last + 1 : -1]}
    assert lengths <= {8 * packet_ms} or plane.health().skipped_rounds


async def test_tones_are_packed_too(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    stream = open_stream(plane, peer, ear, 40, dtmf_payload_type=None)
    stream.send_digits("5", ear.on_played)
    await ear.until_played()
    await all_sent(stream, peer, ear)
    assert_packed(peer.all, 40, plane)
    sound = [packet for packet in peer.all if not packet.silent]
    assert heard(samples(sound, Codec.PCMU), KEY_TONES_HZ) == {770, 1336}


@LENGTHS
async def test_what_is_encrypted_is_as_long(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, packet_ms: int
) -> None:
    keys = Keys(Key(), Key())
    cipher = Cipher(keys)
    stream = open_stream(plane, peer, ear, packet_ms, protection=keys)
    clip = Clip(tone(6))
    stream.play([clip], ear.on_played)
    packets: list[Packet] = []
    async with asyncio.timeout(PATIENCE_S):
        while clip.content not in audio(packets):
            packets.append(cipher.open(await peer.receive_datagram()))
    assert_packed(packets, packet_ms, plane)


async def test_on_hold_nothing_waits_to_be_heard_afterwards(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    stream = open_stream(plane, peer, ear, 60)
    await peer.receive_all(2)
    stream.agree(Codec.PCMU, 101, on_hold=True, packet_ms=60)
    await settle()
    before = len(peer.all) + len(peer.all_waiting())
    await asyncio.sleep(0.1)
    assert peer.all_waiting() == []
    stream.agree(Codec.PCMU, 101, packet_ms=60)
    await peer.receive_all(3)
    assert peer.all[before].marker, "the time of the hold is a gap"
    assert_packed(peer.all[before:], 60, plane)


async def test_another_length_is_agreed_on(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    stream = open_stream(plane, peer, ear, 20)
    await peer.receive_all(3)
    for packet_ms in (40, 20):
        stream.agree(Codec.PCMU, 101, packet_ms=packet_ms)
        for _ in range(100):
            if len((await peer.receive_any()).payload) == 8 * packet_ms:
                break
        before = len(peer.all)
        await peer.receive_all(3)
        assert {len(packet.payload) for packet in peer.all[before:]} == {8 * packet_ms}
    assert_in_order(peer.all)
    with pytest.raises(ValueError, match="50"):
        stream.agree(Codec.PCMU, 101, packet_ms=50)


# What others say ----------------------------------------------------------------------------------


def joined(plane: MediaPlane, speaker: RtpPeer, listener: RtpPeer, packet_ms: int) -> Leg:
    """A phone, joined to one that is sent such packets, and comfort noise: silence begins none of them."""
    ear = Ear()
    one = Leg(open_stream(plane, speaker, ear, 20), speaker, ear)
    one.stream.bridge(open_stream(plane, listener, Ear(), packet_ms, comfort_noise=True))
    return one


async def relayed(
    plane: MediaPlane, packet_ms: int, say: Callable[[Leg], None], last: bytes
) -> list[Packet]:
    """The packets of what one says at once, up to the one that has `last`. Said again, should this machine
    stand still meanwhile, so that there is noise in between."""
    for _ in range(3):
        with RtpPeer() as near, RtpPeer() as far:
            say(joined(plane, near, far, packet_ms))
            while last not in audio(far.all[-1:]):
                await far.receive_any()
        assert_in_order(far.all)
        begins = next(n for n, packet in enumerate(far.all) if not packet.silent)
        if not any(packet.silent for packet in far.all[begins:]):
            return far.all[begins:]
    raise AssertionError("this machine stands still too often")


@LENGTHS
@pytest.mark.parametrize("size", [80, 160, 480])
async def test_what_one_says_the_other_hears_in_its_packets(
    plane: MediaPlane, packet_ms: int, size: int
) -> None:
    said = tone(12)

    def say(speaker: Leg) -> None:
        for at in range(0, len(said), size):
            speaker.say(said[at : at + size])

    packets = await relayed(plane, packet_ms, say, said[-80:])
    assert audio(packets) == said
    assert {len(packet.payload) for packet in packets} == {8 * packet_ms}
    steps = [(after.timestamp - before.timestamp) % 2**32 for before, after in pairwise(packets)]
    assert set(steps) == {8 * packet_ms}
    assert [packet.marker for packet in packets] == [n == 0 for n in range(len(packets))]


async def test_losses_are_gaps_and_what_is_late_is_left_out(plane: MediaPlane) -> None:
    def say(speaker: Leg) -> None:
        start, clock = speaker.sequence, speaker.timestamp
        for number in (0, 1, 2, 4, 3, 5, 6, 7):
            speaker.sequence = (start + number) % 2**16
            speaker.timestamp = (clock + 160 * number) % 2**32
            speaker.say(bytes([number]) * 160)

    packets = await relayed(plane, 40, say, bytes([7]) * 160)
    assert [[*dict.fromkeys(packet.payload)] for packet in packets] == [[0, 1], [2], [4, 5], [6, 7]]
    first = packets[0].timestamp
    assert [(one.timestamp - first) % 2**32 // 160 for one in packets] == [0, 2, 4, 6]


@LENGTHS
async def test_keys_are_passed_on(plane: MediaPlane, peer: RtpPeer, packet_ms: int) -> None:
    with RtpPeer() as far:
        speaker = joined(plane, peer, far, packet_ms)
        speaker.say(tone(1))
        began = speaker.timestamp
        for duration, end in ((160, False), (320, False), (480, True), (480, True)):
            speaker.timestamp = began
            payload = bytes([5, 0x8A if end else 0x0A]) + duration.to_bytes(2, "big")
            speaker.say(payload, payload_type=101)
        speaker.timestamp = (began + 480) % 2**32
        for _ in range(12):
            speaker.say(tone(1))
        events: list[Packet] = []
        while len(events) < 4:
            packet = await far.receive()
            events += [packet] if packet.payload_type == 101 else []
        assert_in_order(far.all)
    assert [packet.payload[3] + 256 * packet.payload[2] for packet in events] == [
        160,
        320,
        480,
        480,
    ]
    assert len({packet.timestamp for packet in events}) == 1


async def test_in_a_room(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    room = plane.open_room()
    with RtpPeer() as far:
        stream = open_stream(plane, peer, ear, 40)
        other = open_stream(plane, far, Ear(), 20)
        async with Hum(far, other.port, 700, Codec.PCMU, 6000):
            room.add(stream)
            room.add(other)
            await until(lambda: bool(peer.waiting()))
            before = len(peer.all)
            await peer.receive_all(10)
    packets = peer.all[before:]
    assert_packed(packets, 40, plane)
    assert heard(samples(packets, Codec.PCMU), [400, 700, 900]) == {700}
