"""The independent receiver finds what can be wrong with what arrives, and nothing where all is well."""

from dataclasses import replace

import pytest

from acceptance.survival import LeftOut
from acceptance.unbroken import (
    FRAME,
    Books,
    first_break,
    first_difference,
    known,
    payloads,
    stood_still_ms,
    stretches,
)
from onhook.testing import g711
from onhook.testing.rtp import RtpPacket

COUNT = 200
MESSAGE = known(COUNT * 0.02)


def line(seq: int = 65_500, timestamp: int = 2**32 - 1600) -> list[RtpPacket]:
    """A message as it arrives, from just before where numbers and timestamps begin anew."""
    code = g711.encode("PCMU", MESSAGE)
    return [
        RtpPacket(
            0,
            (seq + at) % 2**16,
            (timestamp + at * FRAME) % 2**32,
            7,
            code[at * FRAME : (at + 1) * FRAME],
            at_s=100.0 + at * 0.02,
        )
        for at in range(COUNT)
    ]


def test_what_is_whole_is_found_whole() -> None:
    packets = line()
    assert Books.of(packets) == Books(COUNT)
    assert Books.of(packets).whole
    assert first_difference(payloads(packets), MESSAGE) is None
    assert stood_still_ms(packets) == pytest.approx(0, abs=0.01)


def test_nothing_at_all_is_not_whole() -> None:
    assert not Books.of([]).whole
    assert first_difference(b"", MESSAGE) == 0.0


def test_a_packet_that_never_came() -> None:
    packets = line()
    del packets[60]
    assert Books.of(packets) == Books(COUNT - 1, missing=1)
    assert first_difference(payloads(packets), MESSAGE) == pytest.approx(60 * 0.02, abs=0.001)


def test_a_packet_that_comes_twice() -> None:
    packets = line()
    packets.insert(70, packets[60])
    assert Books.of(packets) == Books(COUNT + 1, doubled=1, disordered=1)


def test_a_packet_that_comes_late() -> None:
    packets = line()
    packets.insert(70, packets.pop(60))
    assert Books.of(packets) == Books(COUNT, disordered=1)
    assert first_difference(payloads(packets), MESSAGE) is None


def test_another_source() -> None:
    packets = line()
    packets = packets[:60] + [replace(one, ssrc=8) for one in packets[60:]]
    assert Books.of(packets) == Books(COUNT, changes=1)
    assert not Books.of(packets).whole


def test_a_timestamp_that_does_not_follow() -> None:
    packets = line()
    packets = packets[:60] + [
        replace(one, timestamp=(one.timestamp + FRAME) % 2**32) for one in packets[60:]
    ]
    assert Books.of(packets) == Books(COUNT, leaps=1)


def test_keys_stand_on_the_line_and_take_no_time() -> None:
    packets = line()
    packets[60:63] = [replace(one, payload_type=101, timestamp=5) for one in packets[60:63]]
    assert Books.of(packets).whole


def test_who_stood_still_and_went_on_as_if_nothing_had_been() -> None:
    packets = line()
    packets = packets[:60] + [replace(one, at_s=one.at_s + 0.7) for one in packets[60:]]
    assert Books.of(packets).whole
    assert stood_still_ms(packets) == pytest.approx(700, abs=0.1)


def test_who_was_late_for_a_while_did_not_stand_still() -> None:
    packets = line()
    packets[100:120] = [replace(one, at_s=packets[120].at_s) for one in packets[100:120]]
    assert stood_still_ms(packets) == pytest.approx(0, abs=0.1)


def test_a_message_that_is_heard_twice() -> None:
    said = payloads(line())
    assert first_difference(said * 2, MESSAGE) == 0.0
    assert first_difference(said[: 30 * FRAME], MESSAGE) == pytest.approx(0.6)
    silent = bytes([0xFF]) * FRAME
    assert first_difference(said[: 30 * FRAME] + silent + said[30 * FRAME :], MESSAGE) == (
        pytest.approx(0.6, abs=0.001)
    )


def test_rounds_that_were_left_out_go_with_the_plane_that_left_them_out() -> None:
    both = LeftOut(5, frozenset({1, 2}), 0)
    assert LeftOut(7, frozenset({1, 2, 3}), 0).since(both) == 2
    assert LeftOut(3, frozenset({2}), 1).since(both) == 3
    assert LeftOut(3, frozenset({1, 2}), 1).since(both) == 3, (
        "it is no longer counted, and still ends"
    )


def test_the_first_place_where_it_does_not_go_on_has_two_sides() -> None:
    packets = line()
    assert first_break(packets) is None
    assert first_break([*packets[:60], *packets[61:]]) == (packets[59], packets[61])
    late = [replace(one, timestamp=(one.timestamp + FRAME) % 2**32) for one in packets[70:]]
    assert first_break([*packets[:70], *late]) == (packets[69], late[0])
    assert first_break([*packets[:70], *late], stamped=False) is None
    other = [replace(one, ssrc=8) for one in packets[70:]]
    assert first_break([*packets[:70], *other]) == (packets[69], other[0])


def test_what_was_heard_of_a_loop_is_told_by_its_frames() -> None:
    packets, loop = line(), g711.encode("PCMU", known(0.4))
    frames = [loop[at : at + FRAME] for at in range(0, len(loop), FRAME)]
    silent, strange = b"\xff" * FRAME, b"\x01" * FRAME
    heard = [*frames, *frames[:5], silent, silent, *frames[3:], *frames, strange]
    said = stretches(
        [replace(one, payload=frame) for one, frame in zip(packets, heard, strict=False)], loop
    )
    assert [str(one) for one in said] == [
        "25 packets from frame 0 on",
        "2 packets of silence",
        "37 packets from frame 3 on",
        "1 packets of something else",
    ]
    assert said[2].first.seq == packets[27].seq
