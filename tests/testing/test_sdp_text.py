import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.testing import sdp_text
from onhook.testing.sdp_text import EVENTS, PAYLOAD_TYPES, SdpTextError

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
    "m=video 4002 RTP/AVP 31\r\nc=IN IP4 10.0.0.8\r\n"
    "m=audio 4000 RTP/AVP 18 96 0 97 77\r\na=rtpmap:96 pcma/8000/1\r\n"
    "a=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n"
)


def test_what_is_written_is_read_back() -> None:
    body = sdp_text.write(
        ("127.0.0.1", 4000), ("PCMA", "PCMU", EVENTS), PAYLOAD_TYPES, session_id=1
    )
    audio = sdp_text.parse(body)
    assert audio.address == ("127.0.0.1", 4000)
    assert list(audio.payload_types.items()) == [(8, "PCMA"), (0, "PCMU"), (101, EVENTS)]
    assert audio.direction == "sendrecv"
    assert audio.events_type == 101
    assert b"a=fmtp:101 0-15\r\n" in body


def test_the_audio_stream_is_found_among_others() -> None:
    audio = sdp_text.parse(OFFER.encode())
    assert audio.address == ("10.0.0.9", 4000)
    assert audio.payload_types == {18: "G729", 96: "PCMA", 0: "PCMU", 97: EVENTS}
    assert audio.codec_of(("PCMU", "PCMA")) == (96, "PCMA")  # the description's order counts
    assert audio.codec_of(("opus",)) is None
    assert audio.direction == "sendonly"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v=0", "v=1"),
        ("m=audio 4000", "m=audio 0"),
        ("m=audio 4000", "m=audio 70000"),
        ("m=audio", "m=text"),
        ("RTP/AVP 18", "UDP/TLS/RTP/SAVP 18"),
        ("c=IN IP4 10.0.0.9", "c=IN IP4 ::1"),
        ("c=IN IP4 10.0.0.9", "c=IN IP6 10.0.0.9"),
        ("c=IN IP4 10.0.0.9", "c=IN IP4 host.example"),
    ],
)
def test_unusable_ones_are_refused(old: str, new: str) -> None:
    with pytest.raises(SdpTextError):
        sdp_text.parse(OFFER.replace(old, new).encode())


@given(st.binary(max_size=200) | st.integers(0, len(OFFER)).map(lambda n: OFFER[n:].encode()))
def test_hostile_bodies_are_read_or_refused(body: bytes) -> None:
    try:
        assert sdp_text.parse(body).address[1] > 0
    except SdpTextError:
        return
