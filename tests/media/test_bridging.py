"""Two calls that hear each other."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from media.conftest import Settle
from media.rtp_peer import SPOKEN, Clip, Ear, Packet, RtpPeer, event, tone
from media.test_playing import audio
from media.tones import heard, samples
from onhook.media import Codec, MediaPlane, Stream, StreamClosed
from onhook.media.g711 import decode, encode
from ports import free_ports


@dataclass
class Leg:
    """A stream and its peer, who says things packet by packet."""

    stream: Stream
    peer: RtpPeer
    ear: Ear
    sequence: int = 65530
    timestamp: int = 2**32 - 500
    ssrc: int = 7
    said: list[bytes] = field(default_factory=list)

    def say(self, payload: bytes, *, marker: bool = False, payload_type: int | None = None) -> None:
        kind = self.stream.codec if payload_type is None else payload_type
        packet = Packet(marker, kind, self.sequence, self.timestamp, self.ssrc, payload)
        self.peer.send(packet.encode(), self.stream.port)
        self.said.append(payload)
        self.sequence = (self.sequence + 1) % 2**16
        self.timestamp = (self.timestamp + len(payload)) % 2**32


OpenLeg = Callable[..., Leg]


@pytest.fixture
def open_leg(plane: MediaPlane) -> Iterator[OpenLeg]:
    peers: list[RtpPeer] = []

    def open_leg(codec: Codec = Codec.PCMU, *, dtmf_payload_type: int | None = 101) -> Leg:
        peer, ear = RtpPeer(), Ear()
        peers.append(peer)
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=codec,
            dtmf_payload_type=dtmf_payload_type,
            listener=ear,
        )
        return Leg(stream, peer, ear)

    yield open_leg
    for peer in peers:
        peer.__exit__()


@pytest.fixture
def legs(open_leg: OpenLeg) -> tuple[Leg, Leg]:
    one, other = open_leg(), open_leg()
    one.stream.bridge(other.stream)
    return one, other


def assert_in_order(packets: list[Packet]) -> None:
    """On one line, silence too. Events keep the time of their beginning (RFC 4733 2.5.1.2)."""
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        assert after.ssrc == before.ssrc
    sound = [packet for packet in packets if packet.payload_type in tuple(Codec)]
    for before, after in pairwise(sound):
        assert len(before.payload) <= (after.timestamp - before.timestamp) % 2**32 < 2**31


async def test_what_one_says_the_other_hears(legs: tuple[Leg, Leg]) -> None:
    for speaker, listener in (legs, legs[::-1]):
        for number in range(12):
            speaker.say(tone(1, seed=number))
            packet = await listener.peer.receive()  # no packet waits for another
            assert packet.payload == tone(1, seed=number)
            assert packet.payload_type == Codec.PCMU
            assert packet.ssrc != speaker.ssrc
            # talk begins behind silence, which is also sent while this machine stands still
            assert packet.marker == all(before.silent for before in listener.peer.all[-2:-1])
        assert not speaker.peer.waiting()


@pytest.mark.parametrize("size", [80, 160, 240, 480])
async def test_the_steps_of_the_sender_are_kept(legs: tuple[Leg, Leg], size: int) -> None:
    speaker, listener = legs
    for number in range(8):
        if number == 4:
            speaker.timestamp = (speaker.timestamp + 800) % 2**32  # a pause
        speaker.say(bytes([number]) * size, marker=number == 4)
    packets = await listener.peer.receive_many(8)
    assert_in_order(packets)
    assert [packet.payload for packet in packets] == speaker.said
    assert_in_order(listener.peer.all)
    steps = [(after.timestamp - before.timestamp) % 2**32 for before, after in pairwise(packets)]
    assert steps == [size] * 3 + [size + 800] + [size] * 3
    assert [packet.marker for packet in packets] == [number in (0, 4) for number in range(8)]


async def test_losses_and_disorder_are_passed_on(legs: tuple[Leg, Leg]) -> None:
    speaker, listener = legs
    start, clock = speaker.sequence, speaker.timestamp
    order = [0, 1, 4, 3, 5, 5, 7]  # 2 and 6 are lost, 3 is late, 5 comes twice
    for number in order:
        speaker.sequence = (start + number) % 2**16
        speaker.timestamp = (clock + 160 * number) % 2**32
        speaker.say(bytes([number]) * 160)
    packets = await listener.peer.receive_many(6)
    first = packets[0]
    assert [packet.payload[0] for packet in packets] == [0, 1, 4, 3, 5, 7]
    for packet in packets:
        number = packet.payload[0]
        assert (packet.sequence - first.sequence) % 2**16 == number
        assert (packet.timestamp - first.timestamp) % 2**32 == 160 * number


@pytest.mark.parametrize(("one", "other"), [(Codec.PCMU, Codec.PCMA), (Codec.PCMA, Codec.PCMU)])
async def test_laws_are_translated(open_leg: OpenLeg, one: Codec, other: Codec) -> None:
    speaker, listener = open_leg(one), open_leg(other)
    listener.stream.bridge(speaker.stream)
    codes = np.arange(256, dtype=np.uint8)
    for from_leg, to_leg in ((speaker, listener), (listener, speaker)):
        from_leg.say(codes.tobytes())
        packet = await to_leg.peer.receive()
        assert packet.payload_type == to_leg.stream.codec
        expected = encode(decode(codes, from_leg.stream.codec), to_leg.stream.codec)
        assert packet.payload == expected.tobytes()


async def test_audio_in_the_law_that_was_not_negotiated_is_understood(
    legs: tuple[Leg, Leg],
) -> None:
    speaker, listener = legs
    codes = np.arange(256, dtype=np.uint8)
    speaker.say(SPOKEN)  # whoever speaks first is asked for the law
    speaker.say(codes.tobytes(), payload_type=Codec.PCMA)
    _, packet = await listener.peer.receive_many(2)
    assert packet.payload_type == Codec.PCMU
    assert packet.payload == encode(decode(codes, Codec.PCMA), Codec.PCMU).tobytes()


async def test_other_payloads_are_no_gap(legs: tuple[Leg, Leg]) -> None:
    speaker, listener = legs
    speaker.say(tone(1, seed=0))
    speaker.say(b"\x40", payload_type=13)  # comfort noise
    speaker.say(b"", payload_type=0)
    speaker.say(tone(1, seed=1))
    packets = await listener.peer.receive_many(2)
    assert audio(packets) == tone(1, seed=0) + tone(1, seed=1)
    assert_in_order(packets)


async def test_a_new_sender_goes_on_in_the_same_stream(legs: tuple[Leg, Leg]) -> None:
    speaker, listener = legs
    for number in range(3):
        speaker.say(tone(1, seed=number))
    speaker.ssrc, speaker.sequence, speaker.timestamp = 8, 20000, 12345
    for number in range(3, 6):
        speaker.say(tone(1, seed=number))
    speaker.timestamp += 10_000_000
    speaker.say(tone(1, seed=6))
    packets = await listener.peer.receive_many(7)
    assert audio(packets) == b"".join(speaker.said)
    assert_in_order(packets)
    assert [packet.marker for packet in packets] == [number in (0, 3, 6) for number in range(7)]
    assert max((b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)) < 80000


async def test_what_is_played_wins(legs: tuple[Leg, Leg], settle: Settle) -> None:
    speaker, listener = legs
    speaker.say(tone(1, seed=1))
    before = await listener.peer.receive_many(1)
    listener.stream.play([Clip(tone(100, seed=50))], listener.ear.on_played)
    during = [await listener.peer.receive()]
    for number in range(5):
        speaker.say(bytes([number]) * 160)
    during += await listener.peer.receive_many(99)
    await listener.ear.until_played()
    await settle()  # what was said meanwhile has been read
    assert not listener.peer.waiting()
    speaker.say(tone(1, seed=2))
    speaker.say(tone(1, seed=3))
    after = await listener.peer.receive_many(2)
    assert audio(during) == tone(100, seed=50)
    assert audio(after) == tone(1, seed=2) + tone(1, seed=3)
    assert after[0].marker
    assert before
    assert_in_order(listener.peer.all)


async def test_a_loop_on_one_leg_leaves_the_other_direction_alone(legs: tuple[Leg, Leg]) -> None:
    speaker, listener = legs
    listener.stream.loop([Clip(tone(1))])
    listener.say(tone(1, seed=5))
    assert (await speaker.peer.receive()).payload == tone(1, seed=5)
    listener.stream.stop()


async def test_a_sender_ahead_of_the_clock_is_not_overtaken(legs: tuple[Leg, Leg]) -> None:
    """A burst of 1 s of audio, then a prompt: its timestamps go on behind the burst."""
    speaker, listener = legs
    for number in range(50):
        speaker.say(tone(1, seed=number))
        if number % 5 == 4:
            await listener.peer.receive_many(5)
    listener.stream.play([Clip(tone(3, seed=99))], listener.ear.on_played)
    speaker.say(tone(1, seed=50))
    await listener.peer.receive_many(3)
    assert_in_order(listener.peer.all)


async def test_digits_cross_as_events_and_are_told(open_leg: OpenLeg) -> None:
    speaker, listener = open_leg(), open_leg(dtmf_payload_type=96)
    speaker.stream.bridge(listener.stream)
    speaker.say(tone(1))
    speaker.peer.send(event(5, sequence=65531, timestamp=2**32 - 340), speaker.stream.port)
    for number in range(3):
        data = event(
            5,
            sequence=(65532 + number) % 2**16,
            timestamp=2**32 - 340,
            end=True,
            duration=800,
        )
        speaker.peer.send(data, speaker.stream.port)
    packets = await listener.peer.receive_many(5)
    assert_in_order(listener.peer.all)
    assert await speaker.ear.until_digits(1) == "5"
    assert [packet.payload_type for packet in packets] == [0, 96, 96, 96, 96]
    assert {(packet.timestamp - packets[0].timestamp) % 2**32 for packet in packets[1:]} == {160}
    assert [packet.payload[1] >> 7 for packet in packets[1:]] == [0, 1, 1, 1]
    assert listener.ear.digits == ""


async def test_digits_cross_as_tones_to_a_peer_without_events(open_leg: OpenLeg) -> None:
    speaker, listener = open_leg(), open_leg(Codec.PCMA, dtmf_payload_type=None)
    speaker.stream.bridge(listener.stream)
    speaker.say(tone(1))
    speaker.peer.send(event(9, sequence=65531, timestamp=2**32 - 340), speaker.stream.port)
    packets = await listener.peer.receive_many(1 + 5)
    assert_in_order(listener.peer.all)
    found = heard(samples(packets[1:6], Codec.PCMA), [697, 770, 852, 941, 1209, 1336, 1477, 1633])
    assert found == {852, 1477}
    assert await speaker.ear.until_digits(1) == "9"


async def test_digits_can_be_sent_into_a_bridge(legs: tuple[Leg, Leg]) -> None:
    speaker, listener = legs
    speaker.say(tone(1))
    await listener.peer.receive()
    listener.stream.send_digits("7", listener.ear.on_played)
    await listener.ear.until_played()
    speaker.say(tone(1, seed=2))
    packets = await listener.peer.receive_many(8)
    assert [packet.payload_type for packet in packets] == [101] * 7 + [0]
    assert_in_order(listener.peer.all)


async def test_a_new_bridge_ends_the_one_before(legs: tuple[Leg, Leg], open_leg: OpenLeg) -> None:
    one, other = legs
    third = open_leg()
    third.stream.bridge(one.stream)
    one.say(tone(1, seed=1))
    assert (await third.peer.receive()).payload == tone(1, seed=1)
    other.say(tone(1, seed=2))
    third.say(tone(1, seed=3))
    assert (await one.peer.receive()).payload == tone(1, seed=3)
    await other.ear.until_rtp()
    assert not one.peer.waiting()
    assert not other.peer.waiting()


async def test_closing_one_ends_the_bridge_alone(legs: tuple[Leg, Leg], open_leg: OpenLeg) -> None:
    speaker, listener = legs
    speaker.say(tone(1))
    await listener.peer.receive()
    speaker.stream.close()
    await speaker.ear.until_closed()
    listener.say(tone(1, seed=4))
    third = open_leg()
    third.stream.bridge(listener.stream)
    third.say(tone(1, seed=5))
    assert (await listener.peer.receive()).payload == tone(1, seed=5)
    listener.stream.close()
    third.stream.close()
    await third.ear.until_closed()


async def test_what_cannot_be_bridged_is_refused(plane: MediaPlane, open_leg: OpenLeg) -> None:
    one, other, gone = open_leg(), open_leg(), open_leg()
    with pytest.raises(ValueError, match="two streams"):
        one.stream.bridge(one.stream)
    elsewhere = MediaPlane(host="127.0.0.1", ports=free_ports(2))
    elsewhere.start(asyncio.get_running_loop())
    stranger = elsewhere.open(
        elsewhere.reserve(),
        remote=other.peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=None,
        listener=Ear(),
    )
    with pytest.raises(ValueError, match="one plane"):
        one.stream.bridge(stranger)
    elsewhere.close()
    gone.stream.close()
    for first, second in ((one, gone), (gone, one)):
        with pytest.raises(StreamClosed):
            first.stream.bridge(second.stream)
