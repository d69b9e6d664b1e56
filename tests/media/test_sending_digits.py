"""Digits that are sent: events where they were negotiated, tones elsewhere."""

import struct
from itertools import groupby, pairwise

import pytest

from media.rtp_peer import Clip, Ear, Packet, RtpPeer, tone
from media.test_playing import assert_unbroken
from media.tones import heard, samples
from onhook.media import Codec, MediaPlane, Stream, StreamClosed

KEYS = "0123456789*#ABCD"
KEY_TONES_HZ = [697, 770, 852, 941, 1209, 1336, 1477, 1633]
ENDS = 3
"""How often it is said that a key is up (RFC 4733 section 2.5.1.4)."""
SOME = 2 * ENDS
"""Packets in which a key that was not stopped would be seen."""


def presses(packets: list[Packet]) -> list[list[tuple[str, bool, int]]]:
    """The packets of each key: which one, whether it is up, for how long it was down."""
    assert {packet.payload_type for packet in packets} == {101}
    found = []
    for _, group in groupby(packets, key=lambda packet: packet.timestamp):
        press: list[tuple[str, bool, int]] = []
        for packet in group:
            code, flags, duration = struct.unpack("!BBH", packet.payload)
            assert packet.marker == (not press)
            press.append((KEYS[code], flags >> 7 == 1, duration))
        found.append(press)
    return found


def press(key: str) -> list[tuple[str, bool, int]]:
    down = [(key, False, 160 * (1 + n)) for n in range(4)]
    return [*down, *[(key, True, 800)] * 3]


async def test_each_digit_is_an_event(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.send_digits(KEYS, ear.on_played)
    assert len(await ear.until_played()) == 1
    packets = peer.waiting()
    assert presses(packets) == [press(key) for key in KEYS]
    numbers = [packet.sequence for packet in peer.all]
    assert numbers == [(numbers[0] + n) % 2**16 for n in range(len(numbers))]
    starts = [packets[n].timestamp for n in range(0, len(packets), 7)]
    steps = [(b - a) % 2**32 for a, b in pairwise(starts)]
    assert min(steps) == 8 * 160
    assert all(step % 160 == 0 for step in steps)
    assert sum(steps) // 160 - 8 * 15 <= plane.health().skipped_rounds


async def test_there_may_be_more_digits_than_one_command_holds(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    digits = (KEYS * 5)[:70]
    stream.send_digits(digits, ear.on_played)
    assert len(await ear.until_played()) == 1
    assert [press[0][0] for press in presses(peer.waiting())] == [*digits]


async def test_between_digits_there_is_silence(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """The event lasts 100 ms; silence goes on behind it, beside the repetitions of its end."""
    stream.send_digits("1,2", ear.on_played)
    await ear.until_played()
    peer.waiting()
    start = next(n for n, packet in enumerate(peer.all) if packet.payload_type == 101)
    sent = peer.all[start:]
    ends = {packet.timestamp + 800 for packet in sent if packet.payload_type == 101}
    line = sorted(
        (packet.timestamp - sent[0].timestamp) % 2**32 for packet in sent if packet.silent
    )
    assert len(ends) == 2
    late = plane.health().skipped_rounds
    assert line[0] == 800 or late, "silence begins where the key is up"
    expected = [*range(800, 58 * 160, 160), *range(58 * 160 + 800, 66 * 160, 160)]
    assert len(expected) <= len(line) + late
    assert late or line[: len(expected)] == expected


async def test_a_comma_is_a_second(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    stream.send_digits(",1,2", ear.on_played)
    await ear.until_played()
    packets = peer.waiting()
    assert presses(packets) == [press("1"), press("2")]
    step = (packets[7].timestamp - packets[0].timestamp) % 2**32
    assert step >= 8 * 160 + 8000
    assert step % 160 == 0


async def test_digits_wait_their_turn(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.play([Clip(tone(2, seed=1))], ear.on_played)
    stream.send_digits("5", ear.on_played)
    stream.play([Clip(tone(2, seed=2))], ear.on_played)
    times_s = await ear.until_played(3)
    assert times_s == sorted(times_s)
    packets = peer.waiting()
    assert [packet.payload_type for packet in packets] == [0] * 2 + [101] * 7 + [0] * 2
    assert presses(packets[2:9]) == [press("5")]
    assert (packets[2].timestamp - packets[1].timestamp) % 2**32 >= 160
    at = peer.all.index(packets[9])
    assert_unbroken(peer.all[at - 2 : at + 2], plane)  # the silence of the digit, what follows it


async def stopped(stream: Stream, peer: RtpPeer, ear: Ear) -> list[Packet]:
    """Stops what plays; what left behind that, and is not silence. However late we are ourselves: what had
    left before is counted when the plane has followed."""
    stream.stop()
    before = stream.stats_now.sent_packets
    await ear.until_stopped()
    while len(peer.all) < before + SOME:
        await peer.receive_any()
    return [packet for packet in peer.all[before:] if not packet.silent]


async def test_a_key_does_not_stay_down(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    """All that leaves any more says, three times, that it is up."""
    stream.send_digits("1" * 30, ear.on_played, ear.on_stopped)
    await peer.receive()
    behind = await stopped(stream, peer, ear)
    assert len(behind) <= ENDS
    pressed = presses([packet for packet in peer.all if not packet.silent])
    assert [up for _, up, _ in pressed[-1]][-ENDS:] == [True] * ENDS
    assert not ear.played


@pytest.mark.parametrize("codec", Codec)
async def test_without_events_digits_are_tones(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, codec: Codec
) -> None:
    stream = plane.open(
        plane.reserve(), remote=peer.address, codec=codec, dtmf_payload_type=None, listener=ear
    )
    stream.send_digits("19,D", ear.on_played)
    await ear.until_played()
    peer.waiting()
    start = next(n for n, packet in enumerate(peer.all) if not packet.silent)
    packets = peer.all[start : start + 8 + 8 + 50 + 8]
    assert {packet.payload_type for packet in packets} == {codec}
    assert len(packets) == 8 + 8 + 50 + 8
    expected = [{697, 1209}, {852, 1477}, {941, 1633}]
    for start, tones_hz in zip((0, 8, 66), expected, strict=True):
        assert heard(samples(packets[start : start + 5], codec), KEY_TONES_HZ) == tones_hz
        assert not samples(packets[start + 5 : start + 8], codec).any() or codec is Codec.PCMA


@pytest.mark.parametrize("codec", Codec)
async def test_each_key_has_two_tones_on_one_line_of_timestamps(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, codec: Codec
) -> None:
    """ITU-T Q.23, in a message that goes on before and behind them."""
    stream = plane.open(
        plane.reserve(), remote=peer.address, codec=codec, dtmf_payload_type=None, listener=ear
    )
    stream.play([Clip(tone(2, seed=1))], ear.on_played)
    stream.send_digits(KEYS, ear.on_played)
    stream.play([Clip(tone(2, seed=2))], ear.on_played)
    await ear.until_played(3)
    peer.waiting()
    start = next(n for n, packet in enumerate(peer.all) if not packet.silent) + 2
    keys = peer.all[start : start + 8 * len(KEYS)]
    assert_unbroken(peer.all[start - 2 : start + len(keys) + 2], plane)
    layout = "123A456B789C*0#D"
    for number, key in enumerate(KEYS):
        down, up = keys[8 * number : 8 * number + 5], keys[8 * number + 5 : 8 * number + 8]
        row, column = divmod(layout.index(key), 4)
        pcm = samples(down, codec)
        assert heard(pcm, KEY_TONES_HZ) == {KEY_TONES_HZ[row], KEY_TONES_HZ[4 + column]}
        assert 9000 < abs(pcm.astype(int)).max() < 14000
        assert all(packet.silent for packet in up)
    assert [packet.payload for packet in peer.all[start + len(keys) :][:2]] == [
        tone(2, seed=2)[:160],
        tone(2, seed=2)[160:],
    ]
    stream.close()
    sent = await ear.until_closed()
    peer.waiting()
    assert sent.silent_packets == sum(packet.silent for packet in peer.all)


async def test_a_tone_is_cut_at_once(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    stream = plane.open(
        plane.reserve(), remote=peer.address, codec=Codec.PCMU, dtmf_payload_type=None, listener=ear
    )
    stream.send_digits("1" * 30, ear.on_played, ear.on_stopped)
    await peer.receive()
    assert await stopped(stream, peer, ear) == []
    assert not ear.played
    assert {packet.payload_type for packet in peer.all} == {Codec.PCMU}


async def test_how_keys_are_sent_follows_what_is_agreed(
    plane: MediaPlane, stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """The peer stops to know events while keys wait: they come as tones, in the codec of then."""
    stream.send_digits("1,,2", ear.on_played)
    await peer.receive()
    stream.agree(Codec.PCMA, None)
    await ear.until_played()
    peer.waiting()
    packets = [packet for packet in peer.all if not packet.silent]
    assert {packet.payload_type for packet in packets} == {101, int(Codec.PCMA)}
    pressed = [packet for packet in packets if packet.payload_type == Codec.PCMA]
    assert heard(samples(pressed, Codec.PCMA), KEY_TONES_HZ) == {697, 1336}
    assert len(pressed) == 5


@pytest.mark.parametrize("digits", ["", "12E", "a", "1 2", "１"])
async def test_what_is_no_digit_is_refused(stream: Stream, ear: Ear, digits: str) -> None:
    with pytest.raises(ValueError, match="digits to send"):
        stream.send_digits(digits, ear.on_played)
    assert not stream.playing


async def test_a_closed_stream_sends_no_digits(stream: Stream, ear: Ear) -> None:
    stream.send_digits("1234567890", ear.on_played, ear.on_stopped)
    stream.close()
    with pytest.raises(StreamClosed):
        stream.send_digits("1", ear.on_played)
    await ear.until_closed()
    assert ear.stopped == 1
