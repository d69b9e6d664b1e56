"""What arrives: from whom, digits, silence, and rubbish."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import rtcp_text
from media.followed import Followed
from media.rtp_peer import Clip, Ear, RtpPeer, event, rtp, tone
from onhook.media import BadRemote, Codec, MediaPlane, Stream, StreamStats
from ports import free_ports


async def close(stream: Stream, ear: Ear) -> StreamStats:
    stream.close()
    return await ear.until_closed()


async def test_before_any_packet_frames_go_to_the_address_of_the_sdp(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stream.play([Clip(tone(2))], ear.on_played)
    await ear.until_played()
    assert len(peer.waiting()) == 2


async def test_then_they_go_where_the_first_rtp_came_from(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    with RtpPeer() as behind_nat:
        behind_nat.send(rtp(), stream.port)
        await ear.until_rtp()
        stream.play([Clip(tone(2))], ear.on_played)
        await ear.until_played()
        assert len(behind_nat.waiting()) == 2
        assert not peer.waiting()


async def test_a_stranger_cannot_take_over_a_running_stream(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    peer.send(rtp(1), stream.port)
    with RtpPeer() as stranger:
        # in the same batch as the first packet, so not yet kept out by the connected socket
        for number in range(3):
            stranger.send(event(5, sequence=number, timestamp=number), stream.port)
        await ear.until_rtp()
        for number in range(20):
            stranger.send(event(6, sequence=number, timestamp=number), stream.port)
        peer.send(event(1, sequence=2, timestamp=9000), stream.port)
        stream.play([Clip(tone(2))], ear.on_played)
        await ear.until_played()
        assert await ear.until_digits(1) == "1"
        assert not stranger.waiting()
        assert len(peer.waiting()) == 2
    stats = await close(stream, ear)
    assert stats.received_packets == 2
    assert ear.digits == "1"


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\x80",
        rtp()[:11],
        b"\x40" + rtp()[1:],  # version 1
        rtp(payload_type=13),  # not negotiated
        rtp(payload_type=72),  # RTCP
        b"\x8f" + rtp()[1:20],  # 15 contributing sources in 20 bytes
        b"\x90" + rtp()[1:14],  # an extension without its header
        b"\x90" + rtp()[1:12] + b"\x00\x00\xff\xff",  # an extension beyond the end
        b"\xa0" + rtp()[1:12] + b"\x09",  # more padding than there is
        b"\xa0" + rtp()[1:12] + b"\x00",  # padding of no length
        rtp() + bytes(1500),
    ],
)
async def test_rubbish_does_not_move_the_stream(
    stream: Stream, peer: RtpPeer, ear: Ear, rubbish: bytes
) -> None:
    with RtpPeer() as stranger:
        stranger.send(rubbish, stream.port)
        peer.send(rtp(), stream.port)
        await ear.until_rtp()
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played()
        assert not stranger.waiting()
        assert len(peer.waiting()) == 1
    stats = await close(stream, ear)
    assert stats.malformed + stats.foreign == 1
    assert stats.received_packets == 1
    assert stats.received_bytes == 172


@pytest.mark.parametrize(
    "first",
    [
        b"\x82" + rtp()[1:12] + bytes(8),
        b"\xa0" + rtp()[1:-1] + b"\x04",
        b"\x90" + rtp()[1:12] + b"\x00\x00\x00\x01" + bytes(4),
    ],
)
async def test_rtp_with_all_its_parts_is_rtp(
    stream: Stream, peer: RtpPeer, ear: Ear, first: bytes
) -> None:
    peer.send(first, stream.port)
    await ear.until_rtp()
    assert (await close(stream, ear)).malformed == 0


async def test_a_re_invite_moves_the_stream(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    peer.send(rtp(), stream.port)
    await ear.until_rtp()
    with RtpPeer() as elsewhere, RtpPeer() as source:
        stream.set_remote(elsewhere.address)
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played()
        assert len(elsewhere.waiting()) == 1
        source.send(event(3, sequence=1, timestamp=1), stream.port)
        await ear.until_digits(1)
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played(2)
        assert len(source.waiting()) == 1
        assert not elsewhere.waiting()
    assert not peer.waiting()
    assert ear.rtp_starts == 1


async def test_a_re_invite_with_the_same_address_leaves_the_latch(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    with RtpPeer() as source, RtpPeer() as stranger:
        source.send(rtp(), stream.port)
        await ear.until_rtp()
        stream.set_remote(peer.address)
        stranger.send(event(7, sequence=1, timestamp=1), stream.port)
        stream.play([Clip(tone(1))], ear.on_played)
        await ear.until_played()
        assert len(source.waiting()) == 1
        assert not peer.waiting()
    assert not ear.digits


async def test_whoever_was_quicker_than_the_peer_loses_the_stream_to_it(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """One packet from anywhere, before the caller has spoken, must not cost it the whole call."""
    with RtpPeer() as stranger:
        stranger.send(rtp(), stream.port)
        await ear.until_rtp()
        peer.send(event(1, sequence=1, timestamp=1), stream.port)
        await ear.until_digits(1)
        stranger.send(event(2, sequence=2, timestamp=9000), stream.port)
        stream.play([Clip(tone(2))], ear.on_played)
        await ear.until_played()
        assert len(peer.waiting()) == 2
        assert not stranger.waiting()
    await close(stream, ear)
    assert ear.digits == "1"


@pytest.mark.parametrize(
    "remote",
    [("0.0.0.0", 4000), ("127.0.0.1", 0), ("127.0.0.1", 65536), ("224.0.0.1", 4), ("::1", 4),
     ("255.255.255.255", 9), ("localhost", 4), ("", 4), ("127.0.0.1\0", 4), ("127.1", 4),
     ("\N{DIGIT ONE}27.0.0.\N{FULLWIDTH DIGIT ONE}", 4)],
)  # fmt: skip
async def test_addresses_that_are_no_place_for_rtp(
    plane: MediaPlane, stream: Stream, ear: Ear, remote: tuple[str, int]
) -> None:
    with pytest.raises(BadRemote):
        stream.set_remote(remote)
    reservation = plane.reserve()
    with pytest.raises(BadRemote):
        plane.open(
            reservation, remote=remote, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear
        )
    reservation.release()
    assert plane.ports_used == 1


async def test_a_peer_that_is_gone_is_played_to_all_the_same(
    plane: MediaPlane, stream: Stream, ear: Ear
) -> None:
    with RtpPeer() as gone:
        gone.send(rtp(), stream.port)
        await ear.until_rtp()
    stream.play([Clip(tone(5))], ear.on_played)
    await ear.until_played()
    stats = await close(stream, ear)
    assert stats.sent_packets - stats.silent_packets == 5


# Digits ---------------------------------------------------------------------------------------


def key(code: int, *, timestamp: int, sequence: int, begins: int = 3, ends: int = 3) -> list[bytes]:
    """The packets of one key press, of which so many first and last ones arrive."""
    held = [event(code, sequence=sequence + n, timestamp=timestamp) for n in range(begins)]
    released = [
        event(code, sequence=sequence + 3 + n, timestamp=timestamp, end=True) for n in range(ends)
    ]
    return held + released


async def dial(stream: Stream, peer: RtpPeer, packets: list[bytes]) -> None:
    """Send at a pace that the plane takes in."""
    for count, packet in enumerate(packets, 1):
        peer.send(packet, stream.port)
        if count % 16 == 0:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("begins", "ends"), [(3, 3), (0, 3), (3, 0), (1, 0), (0, 1), (2, 2)])
async def test_every_key_is_one_digit_whatever_was_lost(
    stream: Stream, peer: RtpPeer, ear: Ear, begins: int, ends: int
) -> None:
    packets = []
    for code in range(16):
        packets += key(
            code, timestamp=0xFFFFF000 + code * 1600 & 0xFFFFFFFF, sequence=code * 6 + 65500 & 0xFFF0,
            begins=begins, ends=ends,
        )  # fmt: skip
    await dial(stream, peer, packets)
    assert await ear.until_digits(16) == "0123456789*#ABCD"
    await close(stream, ear)
    assert len(ear.digits) == 16


async def test_the_same_key_twice_is_two_digits(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    first = key(5, timestamp=1000, sequence=1)
    second = key(5, timestamp=2000, sequence=7)
    await dial(stream, peer, [*first, *second, *second, first[-1], second[-1]])
    assert await ear.until_digits(2) == "55"
    await close(stream, ear)
    assert ear.digits == "55"


async def test_packets_that_overtook_each_other(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    first = key(1, timestamp=1000, sequence=2)
    second = key(2, timestamp=3000, sequence=8)
    await dial(
        stream, peer, [rtp(1), first[1], second[0], first[0], first[5], second[5], second[1]]
    )
    assert await ear.until_digits(2) == "12"
    stats = await close(stream, ear)
    assert ear.digits == "12"
    assert stats.duplicated == 0


async def test_a_key_held_for_long_is_one_digit(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    segments = [
        event(9, sequence=n, timestamp=100 + 0xFFFF * n, duration=0xFFFF, end=n == 2)
        for n in range(3)
    ]
    await dial(stream, peer, [*segments, *key(8, timestamp=400000, sequence=9)])
    assert await ear.until_digits(2) == "98"
    await close(stream, ear)
    assert ear.digits == "98"


async def only(stream: Stream, peer: RtpPeer, ear: Ear, packets: list[bytes], digits: str) -> None:
    """These packets are these keys and no more; a 0 behind them tells that all were taken in."""
    last = event(0, sequence=30000, timestamp=0x40000000)
    await dial(stream, peer, [*packets, last])
    await ear.until_digits(len(digits) + 1)
    await close(stream, ear)
    assert ear.digits == digits + "0"


def pressed(
    code: int, start: int, stamps: list[int], durations: list[int], ends: int
) -> list[bytes]:
    """Packets of one press, numbered from ``start``; so many of the last ones say that it is over."""
    whole = len(stamps)
    return [
        event(code, sequence=start + n, timestamp=stamp, duration=duration, end=n >= whole - ends)
        for n, (stamp, duration) in enumerate(zip(stamps, durations, strict=True))
    ]


RISING = [160 * n for n in range(1, 10)]


@pytest.mark.parametrize("step", [1, 160, 400])
@pytest.mark.parametrize("clocked", [False, True], ids=["from the beginning", "by the clock"])
async def test_ends_with_new_timestamps_are_the_same_key(
    stream: Stream, peer: RtpPeer, ear: Ear, step: int, clocked: bool
) -> None:
    """Twelve packets of one key, of which the last two, both of them ends, carry new timestamps."""
    base = 1440 if clocked else 0
    stamps = [*[8000] * 10, 8000 + base + step, 8000 + base + 2 * step]
    packets = pressed(5, 1, stamps, [*RISING, 1440, 1440, 1440], ends=3)
    again = pressed(5, 40, [one + 4000 for one in stamps], [*RISING, 1440, 1440, 1440], ends=3)
    await only(stream, peer, ear, [*packets, *again], "55")


async def test_a_phone_that_stamps_each_packet_anew(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    stamps = [8000 + 160 * n for n in range(12)]
    packets = pressed(5, 1, stamps, [*RISING, 1440, 1440, 1440], ends=3)
    await only(stream, peer, ear, packets, "5")


@pytest.mark.parametrize("lost", [(), (0, 1), (9, 10, 11)], ids=["none", "first", "ends"])
async def test_the_same_key_again_is_a_second_one_whatever_was_lost(
    stream: Stream, peer: RtpPeer, ear: Ear, lost: tuple[int, ...]
) -> None:
    """After a pause of 40 ms, without sound in between."""
    durations = [*RISING, 1440, 1440, 1440]
    first = pressed(5, 1, [8000] * 12, durations, ends=3)
    second = pressed(5, 13, [8000 + 1440 + 320] * 12, durations, ends=3)
    packets = [one for press in (first, second) for n, one in enumerate(press) if n not in lost]
    await only(stream, peer, ear, packets, "55")


async def test_the_same_timestamp_with_another_code_is_a_second_key(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    first, second = key(1, timestamp=8000, sequence=1), key(2, timestamp=8000, sequence=7)
    third = key(1, timestamp=8000, sequence=13)
    late = [first[2], second[3]]
    await only(stream, peer, ear, [*first, *second, *late, *third], "121")


@pytest.mark.parametrize("stamped", [0xFFFF, 65440], ids=["0xFFFF", "the last whole frame"])
@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_a_key_held_through_segments_is_one_key(
    stream: Stream, peer: RtpPeer, ear: Ear, stamped: int, lost: int
) -> None:
    """Ten packets of each segment, of which the last may be lost."""
    packets = []
    for segment in range(3):
        durations = [stamped - 160 * n for n in range(9, -1, -1)]
        stamps = [5000 + stamped * segment] * 10
        part = pressed(9, 1 + segment * 10, stamps, durations, ends=3 if segment == 2 else 0)
        packets += part[: 10 - lost] if stamped == 0xFFFF else part
    await only(stream, peer, ear, packets, "9")


async def test_a_new_source_has_timestamps_of_its_own(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    other = bytearray(event(4, sequence=3, timestamp=900))
    other[8:12] = b"othr"
    await dial(stream, peer, [event(4, sequence=2, timestamp=1000), bytes(other)])
    assert await ear.until_digits(2) == "44"


async def test_a_key_beside_audio_of_another_source_is_one_key(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """Some gateways send keys and audio as two sources; one that is in both is known by its own packets."""
    pressed = key(4, timestamp=1000, sequence=100)
    packets = [rtp(1, ssrc=9)]
    for number, packet in enumerate(pressed, 2):
        packets += [packet, rtp(number, timestamp=160 * number, ssrc=9)]
    await only(stream, peer, ear, packets, "4")


async def test_reports_on_the_port_of_the_audio_are_no_audio(
    stream: Stream, peer: RtpPeer, ear: Ear
) -> None:
    """Also where nobody agreed on that (RFC 5761): they have no sequence number, and change no source."""
    said = rtcp_text.report(7, rtcp_text.Block(1), ntp=5)
    keys = [packet for each in key(4, timestamp=1000, sequence=2) for packet in (each, said)]
    await dial(stream, peer, [rtp(1), *keys, event(0, sequence=100, timestamp=9000)])
    assert await ear.until_digits(2) == "40"
    stats = await close(stream, ear)
    assert stats.received_packets == 2 + len(keys) // 2
    assert stats.rtcp_refused == len(keys) // 2
    assert ear.digits == "40"


@pytest.mark.parametrize("code", [16, 17, 40, 255])
async def test_events_that_are_no_keys(stream: Stream, peer: RtpPeer, ear: Ear, code: int) -> None:
    await dial(
        stream, peer, [*key(code, timestamp=1, sequence=1), *key(0, timestamp=9, sequence=9)]
    )
    assert await ear.until_digits(1) == "0"


async def test_digits_are_not_heard_where_none_were_negotiated(
    plane: MediaPlane, peer: RtpPeer, ear: Ear
) -> None:
    stream = plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=None,
        listener=ear,
    )
    await dial(stream, peer, [rtp(1), *key(1, timestamp=1, sequence=2)])
    await ear.until_rtp()
    await close(stream, ear)
    assert ear.digits == ""


async def test_an_event_that_is_cut_short(stream: Stream, peer: RtpPeer, ear: Ear) -> None:
    await dial(stream, peer, [event(1, sequence=1, timestamp=1)[:-1]])
    await dial(stream, peer, key(2, timestamp=5000, sequence=2))
    assert await ear.until_digits(1) == "2"
    assert (await close(stream, ear)).malformed == 1


# Silence and figures --------------------------------------------------------------------------


async def test_silence_is_told_once_and_again_after_sound(peer: RtpPeer, ear: Ear) -> None:
    plane = Followed(host="127.0.0.1", ports=free_ports(4), rtp_timeout_s=0.05)
    plane.start(asyncio.get_running_loop())
    stream = plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=101,
        listener=ear,
    )
    await ear.until_timeouts(1)
    await asyncio.sleep(0.15)
    assert ear.timeouts == 1
    peer.send(rtp(), stream.port)
    await ear.until_timeouts(2)
    await close(stream, ear)
    plane.close()
    assert ear.timeouts == 2


@pytest.mark.parametrize(
    ("sequence", "lost", "duplicated"),
    [
        ([1, 2, 3], 0, 0),
        ([65534, 65535, 0, 1], 0, 0),
        ([1, 4, 5], 2, 0),
        ([1, 4, 3, 2], 0, 0),
        ([1, 1, 2, 2, 1], 0, 3),
        ([5, 3, 6], 0, 1),  # before the first: nobody knows that it was missing
        ([1, 100, 101], 98, 0),
        ([1, 30000, 30001], 0, 0),  # a new sequence
    ],
)
async def test_losses_and_repetitions_are_counted(
    stream: Stream, peer: RtpPeer, ear: Ear, sequence: list[int], lost: int, duplicated: int
) -> None:
    await dial(stream, peer, [rtp(number) for number in sequence])
    highest = 1 if 65535 in sequence else max(sequence)
    peer.send(event(0, sequence=highest + 1, timestamp=1), stream.port)
    await ear.until_digits(1)
    stats = await close(stream, ear)
    assert (stats.lost, stats.duplicated) == (lost, duplicated)
    assert stats.received_packets == len(sequence) + 1


def mutated_rtp() -> st.SearchStrategy[bytes]:
    """Datagrams that are nearly RTP, or not at all."""
    fixed = st.tuples(
        st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0x8F, 0xBF]),
        st.sampled_from([0, 0x80, 101, 229, 13, 72]),
    ).map(bytes)
    return st.one_of(
        st.binary(max_size=64),
        st.tuples(fixed, st.binary(min_size=4, max_size=40)).map(b"".join),
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(mutated_rtp(), max_size=8))
def test_no_datagram_disturbs_a_stream(datagrams: list[bytes]) -> None:
    async def attempt() -> None:
        ear = Ear()
        plane = Followed(host="127.0.0.1", ports=free_ports(4))
        plane.start(asyncio.get_running_loop())
        with RtpPeer() as peer:
            stream = plane.open(
                plane.reserve(),
                remote=peer.address,
                codec=Codec.PCMU,
                dtmf_payload_type=101,
                listener=ear,
            )
            peer.send(rtp(1, ssrc=0), stream.port)
            for datagram in datagrams:
                peer.send(datagram, stream.port)
            stream.play([Clip(tone(2))], ear.on_played)
            await ear.until_played()
            assert b"".join(packet.payload for packet in peer.waiting()) == tone(2)
            stats = await close(stream, ear)
            assert stats.received_packets + stats.malformed + stats.foreign >= 1
            assert stats.lost < 2**32
        plane.close()

    asyncio.run(attempt())
