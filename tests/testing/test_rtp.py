import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.testing import rtp
from onhook.testing.rtp import RtpError, RtpPacket


@given(
    st.integers(0, 127), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=40),
    st.booleans(),
)  # fmt: skip
def test_a_packet_survives_the_wire(
    kind: int, seq: int, stamp: int, load: bytes, mark: bool
) -> None:
    packet = RtpPacket(kind, seq, stamp, 7, load, mark)
    assert rtp.parse(packet.to_bytes()) == packet


def test_csrcs_extension_and_padding_are_skipped() -> None:
    data = bytes([0x80 | 0x20 | 0x10 | 2, 0]) + bytes(10) + bytes(8)
    data += b"\xbe\xde\x00\x01abcd" + b"sound" + b"\x00\x00\x03"
    assert rtp.parse(data).payload == b"sound"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        b"\x80" + bytes(10),
        b"\x8f" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(13) + b"\xff\xff",
        b"\xa0" + bytes(12),
        b"\xa0" + bytes(11) + b"\x09",
    ],
)
def test_what_is_not_rtp_is_refused(data: bytes) -> None:
    with pytest.raises(RtpError):
        rtp.parse(data)


@given(st.binary(max_size=64))
def test_hostile_datagrams_are_read_or_refused(data: bytes) -> None:
    for read in (rtp.parse, rtp.parse_event):
        try:
            read(data)
        except RtpError:
            continue


def test_a_key_press_grows_and_ends_three_times() -> None:
    events = [rtp.parse_event(payload) for payload in rtp.event_payloads("#", 100)]
    assert [event.duration_samples for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [event.end for event in events] == [False] * 5 + [True] * 3
    assert {event.digit for event in events} == {"#"}


@pytest.mark.parametrize(
    ("digit", "ms"), [("x", 100), ("", 100), ("12", 100), ("1", 10), ("1", 9000)]
)
def test_what_is_no_key_press_is_refused(digit: str, ms: int) -> None:
    with pytest.raises(RtpError):
        rtp.event_payloads(digit, ms)
