"""Session descriptions: what is read, what is written, and that nothing else ever escapes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone import sdp, sdp_attributes, sdp_writer
from onhook.phone.errors import NamedAddress, NoCommonCodec, SdpError, UnsupportedAddress
from onhook.phone.sdp import Direction, SdpCodec
from onhook.phone.sdp_writer import LocalMedia
from onhook.phone.session import MediaSession
from onhook.phone.srtp.negotiation import Policy
from phone.peer import SDP

LOCAL = LocalMedia("198.51.100.1", 20000, session_id=7)


def media(text: str) -> sdp.RemoteMedia:
    return sdp.parse(text.encode()).media


def test_an_ordinary_offer() -> None:
    assert media(SDP) == sdp.RemoteMedia(
        ip="192.0.2.9",
        port=40000,
        codecs=(SdpCodec.PCMA, SdpCodec.PCMU),
        dtmf_payload_type=101,
        ptime_ms=20,
        direction=Direction.SENDRECV,
    )


def test_static_payload_types_need_no_rtpmap_and_line_feeds_will_do() -> None:
    text = "v=0\nc=IN IP4 192.0.2.1\nm=audio 5000 RTP/AVP 18 0 8 0 3\na=inactive\n"
    found = media(text)
    assert found.codecs == (SdpCodec.PCMU, SdpCodec.PCMA)
    assert found.dtmf_payload_type is None
    assert found.ptime_ms is None
    assert found.on_hold


@pytest.mark.parametrize(
    ("attributes", "packet_ms"),
    [
        ("", 20),
        ("a=ptime:20", 20),
        ("a=ptime:30", 30),
        ("a=ptime:10", 10),
        ("a=ptime:5", 10),
        ("a=ptime:25", 20),
        ("a=ptime:50", 40),
        ("a=ptime:60.0", 60),
        ("a=ptime:120", 60),
        ("a=ptime:9999", 60),
        ("a=ptime:0", 20),
        ("a=ptime:-30", 20),
        ("a=ptime:thirty", 20),
        ("a=ptime:30\na=ptime:60", 30),
        ("a=maxptime:150", 20),
        ("a=maxptime:10", 10),
        ("a=maxptime:5", 10),
        ("a=ptime:40\na=maxptime:30", 30),
        ("a=maxptime:40\na=ptime:60", 40),
        ("a=ptime:30\na=maxptime:60", 30),
    ],
)
def test_how_long_the_packets_are_that_somebody_wants(attributes: str, packet_ms: int) -> None:
    """RFC 8866 6.4 and 6.5: no more than what is asked for, as near as we can, and never more than is
    taken."""
    head, stream = "v=0\nc=IN IP4 192.0.2.1\n", "m=audio 5000 RTP/AVP 0\n"
    assert media(f"{head}{stream}{attributes}\n").wanted_ms == packet_ms
    assert media(f"{head}{attributes}\n{stream}").wanted_ms == packet_ms


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("RTP/AVP 8 0 101", "RTP/AVP 18 101", NoCommonCodec),
        ("RTP/AVP", "RTP/SAVP", NoCommonCodec),
        ("m=audio", "m=video", NoCommonCodec),
        ("RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000",
         "RTP/AVP 0\r\na=rtpmap:0 PCMU/16000", NoCommonCodec),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 2001:db8::1", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 [2001:db8::1]", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 ff15::101/3", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 ff15::101", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 fe80::1", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 2001:db8::1%eth0", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 ::ffff:224.0.0.1", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP7 2001:db8::1", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 phone.example", NamedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 phone.example.", NamedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 my_pbx", NamedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 9.9.9.9.9", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 999.9.9.9", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 -a.example", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 a..b", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", f"c=IN IP4 {'a.' * 127}b", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", f"c=IN IP4 {'a' * 64}", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 phone.example/127", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP6 phone.example", UnsupportedAddress),
        ("RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA", "RTP/AVP 7\r\na=rtpmap:7 PCMA", NoCommonCodec),
        ("RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA", "RTP/AVP 97\r\na=rtpmap:8 PCMA", NoCommonCodec),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 224.2.1.1", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9", "c=IN IP4 192.0.2.9/24", UnsupportedAddress),
        ("c=IN IP4 192.0.2.9\r\n", "", SdpError),
        ("audio 40000", "audio 70000", SdpError),
        ("audio 40000", "audio", SdpError),
        ("v=0", "v=1", SdpError),
        ("s=-", "s", SdpError),
        ("t=0 0", "\r\n".join(["a=x"] * 400), SdpError),
        ("t=0 0", "\r\n".join(["m=audio 1 RTP/AVP 0"] * 20), SdpError),
        ("s=-", "s=" + "x" * 9000, SdpError),
        ("s=-", "s=\x00", SdpError),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, error: type[SdpError]) -> None:
    assert old in SDP
    with pytest.raises(error) as raised:
        media(SDP.replace(old, new))
    assert type(raised.value) is error


def test_several_streams_are_all_answered() -> None:
    text = SDP + "m=video 5000 RTP/AVP 96\r\nm=audio 6000/2 RTP/AVP 0\r\nc=IN IP4 192.0.2.7\r\n"
    offer = sdp.parse(text.encode())
    answer = sdp_writer.write_answer(offer, SdpCodec.PCMU, LOCAL).decode()
    assert [line for line in answer.split("\r\n") if line.startswith("m=")] == [
        "m=audio 20000 RTP/AVP 0 101",
        "m=video 0 RTP/AVP 96",
        "m=audio 0 RTP/AVP 0",
    ]


def test_a_stream_further_down_is_taken_with_its_own_address() -> None:
    text = "v=0\r\nm=audio 1 RTP/SAVP 0\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.7\r\n"
    offer = sdp.parse(text.encode())
    assert (offer.taken, offer.media.ip, offer.media.port) == (1, "192.0.2.7", 6000)
    answer = sdp_writer.write_answer(offer, SdpCodec.PCMU, LOCAL)
    assert b"m=audio 0 RTP/SAVP 0\r\nm=audio 20000 RTP/AVP 0\r\n" in answer


@pytest.mark.parametrize(
    ("offered", "answered", "on_hold"),
    [
        ("sendrecv", "sendrecv", False),
        ("sendonly", "recvonly", True),
        ("recvonly", "sendonly", False),
        ("inactive", "inactive", True),
    ],
)
def test_directions(offered: str, answered: str, on_hold: bool) -> None:
    offer = sdp.parse(SDP.replace("sendrecv", offered).encode())
    assert offer.media.on_hold is on_hold
    assert f"a={answered}\r\n" in sdp_writer.write_answer(offer, SdpCodec.PCMA, LOCAL).decode()


def test_the_old_way_to_hold() -> None:
    offer = sdp.parse(SDP.replace("IP4 192.0.2.9\r\nt", "IP4 0.0.0.0\r\nt").encode())
    assert offer.media.on_hold
    assert b"a=recvonly" in sdp_writer.write_answer(offer, SdpCodec.PCMA, LOCAL)


@pytest.mark.parametrize(
    ("written", "ip"),
    [
        ("2001:db8::9:1", "2001:db8::9:1"),
        ("2001:DB8:0:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.9", "192.0.2.9"),  # RFC 4291 2.5.5.2
        ("::", "0.0.0.0"),
    ],
)
def test_an_address_of_ipv6(written: str, ip: str) -> None:
    """RFC 4566 5.7; RFC 5118 4.5: without brackets"""
    said = media(SDP.replace("c=IN IP4 192.0.2.9", f"c=IN IP6 {written}"))
    assert (said.ip, said.on_hold) == (ip, ip == "0.0.0.0")


def test_rtcp_is_where_audio_is() -> None:
    body = SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP6 2001:db8::9")
    assert media(body + "a=rtcp:53020 IN IP6 2001:db8::a\r\n").rtcp == ("2001:db8::a", 53020)
    assert media(body + "a=rtcp:53020 IN IP4 192.0.2.9\r\n").rtcp is None
    assert media(body + "a=rtcp:53020\r\n").rtcp == ("2001:db8::9", 53020)


def test_our_address_of_ipv6() -> None:
    lines = sdp_writer.write_offer(LocalMedia("2001:db8::5", 4000, session_id=7)).split(b"\r\n")
    assert lines[1] == b"o=onhook 7 1 IN IP6 2001:db8::5"
    assert lines[3] == b"c=IN IP6 2001:db8::5"


def test_a_name_that_was_looked_up() -> None:
    body = SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 phone.example").encode()
    assert sdp.parse(body, {"phone.example": "192.0.2.9"}) == sdp.parse(SDP.encode())
    for nowhere in ("", "224.0.0.1"):
        with pytest.raises(UnsupportedAddress) as raised:
            sdp.parse(body, {"phone.example": nowhere})
        assert not isinstance(raised.value, NamedAddress)


def test_a_stream_with_a_number_is_preferred_to_one_with_a_name() -> None:
    text = (
        "v=0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 a.b\r\nm=audio 2 RTP/AVP 0\r\nc=IN IP4 9.9.9.9\r\n"
    )
    assert sdp.parse(text.encode()).taken == 1


def test_codecs_under_other_numbers() -> None:
    text = "v=0\r\nc=IN IP4 9.9.9.9\r\nm=audio 5 RTP/AVPF 97 98 0 8 99\r\n"
    maps = "a=rtpmap:97 G729/8000\r\na=rtpmap:98 pcma/8000/1\r\na=rtpmap:99 PCMU/8000\r\n"
    found = media(text + maps)
    assert found.codecs == (SdpCodec.PCMA, SdpCodec.PCMU)
    assert found.payload_types == {SdpCodec.PCMA: 98}
    assert found.payload_type == 98
    answer = sdp_writer.write_answer(sdp.parse((text + maps).encode()), SdpCodec.PCMA, LOCAL)
    assert b"m=audio 20000 RTP/AVPF 98\r\na=rtpmap:98 PCMA/8000\r\n" in answer


EXTRAS = "m=audio 40000 RTP/AVP 8 0 13 101"


def test_comfort_noise_is_agreed_to_where_it_is_offered() -> None:
    """RFC 3389 4: payload type 13, with a mapping or without."""
    offered = SDP.replace("m=audio 40000 RTP/AVP 8 0 101", EXTRAS)
    session = MediaSession()
    session.open("198.51.100.1", 20000)
    answer, agreed = session.answer(sdp.parse(offered.encode()))
    assert agreed.comfort_noise
    assert b"RTP/AVP 8 13 101\r\n" in answer
    assert b"a=rtpmap:13 CN/8000\r\n" in answer
    assert session.offer() == answer, "what is in use is offered again"
    assert session.take_answer(answer).comfort_noise
    for other in (SDP, offered + "a=rtpmap:13 CN/16000\r\n"):
        answer, agreed = session.answer(sdp.parse(other.encode()))
        assert not agreed.comfort_noise
        assert b"CN/" not in answer
        assert b"RTP/AVP 8 101\r\n" in answer


def test_nothing_is_agreed_to_that_we_did_not_offer() -> None:
    session = MediaSession()
    session.open("198.51.100.1", 20000)
    assert b"rtcp" not in session.offer()
    answer = SDP.replace("m=audio 40000 RTP/AVP 8 0 101", EXTRAS) + "a=rtcp-mux\r\n"
    for read in (session.preview, session.take_answer):
        agreed = read(answer.encode())
        assert not agreed.comfort_noise
        assert not agreed.rtcp_mux


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", None),
        ("a=rtcp:53020", ("192.0.2.9", 53020)),
        ("a=rtcp:53020 IN IP4 192.0.2.10", ("192.0.2.10", 53020)),
        ("a=rtcp:0", None),
        ("a=rtcp:65536", None),
        ("a=rtcp:53020 IN IP4 phone.example", None),
        ("a=rtcp:53020 IN IP4 224.0.0.1", None),
        ("a=rtcp:53020 IN IP4 0.0.0.0", None),
        ("a=rtcp:53020 IN IP6 ::1", None),
        ("a=rtcp:x", None),
    ],
)
def test_where_rtcp_goes(line: str, found: tuple[str, int] | None) -> None:
    """RFC 3605"""
    assert media(SDP + line + "\r\n").rtcp == found


def test_rtcp_on_the_port_of_the_audio() -> None:
    """RFC 5761 5.1.1"""
    offer = sdp.parse((SDP + "a=rtcp-mux\r\n").encode())
    assert offer.media.rtcp_mux
    assert b"a=rtcp-mux\r\n" in sdp_writer.write_answer(offer, SdpCodec.PCMA, LOCAL)
    assert b"rtcp" not in sdp_writer.write_answer(sdp.parse(SDP.encode()), SdpCodec.PCMA, LOCAL)


def test_closed_streams() -> None:
    closed = SDP.replace("audio 40000", "audio 0")
    offer = sdp.parse(closed.encode())
    assert offer.closed
    assert offer.media.on_hold
    with pytest.raises(NoCommonCodec):
        sdp.parse_first(closed.encode())
    with pytest.raises(NoCommonCodec):  # there is audio, but none for us
        sdp.parse((closed + "m=audio 7 RTP/AVP 18\r\n").encode())
    assert not sdp.parse((closed + "m=audio 7 RTP/AVP 0\r\n").encode()).closed


def test_a_call_does_not_begin_on_hold() -> None:
    body = SDP.replace("IP4 192.0.2.9\r\nt", "IP4 0.0.0.0\r\nt").encode()
    with pytest.raises(UnsupportedAddress):
        sdp.parse_first(body)
    session = MediaSession()
    session.open("198.51.100.1", 20000)
    session.offer()
    with pytest.raises(UnsupportedAddress):
        session.take_answer(body)
    session.take_answer(SDP.encode())
    assert session.take_answer(body).on_hold


@pytest.mark.parametrize("host", ["0.1.2.3", "224.0.0.5", "240.0.0.1", "255.255.255.255"])
def test_nobody_can_be_there(host: str) -> None:
    """The media plane sends to none of these, and a call that it refuses would hang."""
    with pytest.raises(UnsupportedAddress):
        sdp.parse(SDP.replace("IP4 192.0.2.9\r\nt", f"IP4 {host}\r\nt").encode())


def test_our_own_descriptions_can_be_read() -> None:
    ours = sdp.parse(sdp_writer.write_offer(LOCAL)).media
    assert (ours.ip, ours.port, ours.codecs) == (
        LOCAL.ip,
        LOCAL.port,
        (SdpCodec.PCMU, SdpCodec.PCMA),
    )
    assert ours.dtmf_payload_type == sdp_writer.DTMF_PAYLOAD_TYPE


def test_the_version_counts_changes_only() -> None:
    session = MediaSession()
    session.open("198.51.100.1", 20000)
    offer = sdp.parse(SDP.encode())
    first, agreed = session.answer(offer)
    assert agreed.codecs == (SdpCodec.PCMA, SdpCodec.PCMU)
    assert session.answer(offer)[0] == first
    only_pcmu = sdp.parse(SDP.replace("8 0 101", "0 101").encode())
    second, agreed = session.answer(only_pcmu)
    assert agreed.codecs == (SdpCodec.PCMU,)
    assert origin(second) == (origin(first)[0], b"2")
    assert session.offer() == second


def origin(body: bytes) -> tuple[bytes, bytes]:
    """The session id and the version of the o= line."""
    words = body.split(b"o=")[1].split()
    return words[1], words[2]


lines = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *SDP.split("\r\n"),
                "m=audio 1 RTP/AVP 0",
                "m=audio 1 RTP/AVP 0 13",
                "a=rtcp:9 IN IP4 a.b",
                "a=rtcp-mux",
                "c=IN IP4",
                "a=rtpmap:0 /",
                "=",
                "m=audio 0 RTP/AVPF 97",
                "a=rtpmap:97 PCMA/8000",
                "c=IN IP4 a.b",
                "m=audio 2 RTP/AVPF 97",
            ]
        ),
        st.text(max_size=30),
    ),
    max_size=30,
)


@given(lines)
def test_nothing_but_an_sdp_error_escapes_from_lines(parts: list[str]) -> None:
    read_and_answer("\r\n".join(["v=0", *parts]).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
def test_nothing_but_an_sdp_error_escapes_from_bytes(data: bytes) -> None:
    read_and_answer(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 0\r\n" + data)


def read_and_answer(body: bytes) -> None:
    try:
        offer = sdp.parse(body)
    except SdpError:
        return
    answer = sdp_writer.write_answer(offer, offer.media.codecs[0], LOCAL)
    again = sdp.parse(answer)
    assert again.media.port == (0 if offer.closed else LOCAL.port)
    assert again.transport == offer.transport
    assert len(again.streams) == len(offer.streams)
    assert offer.closed or again.media.payload_type == offer.media.payload_type


_HEADS = st.lists(
    st.sampled_from((
        "v=0", "v=0 ", "o=- 1 1 IN IP4 192.0.2.9", "o=Ä", "s=-", "i=", "t=0 0", "b=AS:64",
        "a=sendonly", "a=ptime:30", "a=maxptime:30", "c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0",
        "c=IN IP4 999.1.1.1",
        "c=IN IP4 224.0.0.1", "c=IN IP6 ::1", "c=IN IP4 host.example", "c=IN IP4 192.0.2.9/127",
        "xx=1", "x", "",
    )),
    max_size=5,
)  # fmt: skip
_STREAMS = st.sampled_from((
    "m=audio 40000 RTP/AVP 8 0 101", "m=audio 40000 RTP/AVP 0", "m=audio 0 RTP/AVP 0",
    "m=audio 70000 RTP/AVP 0", "m=audio 40000/2 RTP/AVP 0", "m=audio 40000 RTP/AVP 18",
    "m=audio 40000 RTP/SAVP 0", "m=video 1 RTP/AVP 0", "m=audio 40000 RTP/AVP 0 13 96 97 101 ",
    "m=audio  40000 RTP/AVP 0", "m=audio 40000 RTP/AVP" + " 0" * 70,
))  # fmt: skip
_ATTRIBUTES = st.lists(
    st.sampled_from((
        "a=rtpmap:0 PCMU/8000", "a=rtpmap:96 PCMA/8000/1", "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15", "a=rtpmap:97 pcmu/8000/2", "a=rtpmap:13 CN/8000", "a=rtpmap:13 CN/16000",
        "a=ptime:20", "a=ptime: 30.5 ", "a=ptime:0", "a=maxptime:40", "a=maxptime:x",
        "a=sendrecv", "a= sendonly", "a=inactive",
        "a=rtcp:40001", "a=rtcp:9 IN IP4 192.0.2.8", "a=rtcp:70000", "a=rtcp-mux", "a=", "a=x:é",
        "a=x\0", "c=IN IP4 192.0.2.7", "b=AS:1", "m=audio 1 RTP/AVP 8",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    )),
    max_size=8,
)  # fmt: skip


def _said(read: Callable[..., sdp.Offer], body: bytes, srtp: Policy) -> object:
    try:
        return read(body, {"host.example": "192.0.2.5"}, srtp)
    except SdpError as error:
        return type(error), str(error), error.status, error.warning


@given(
    _HEADS,
    _STREAMS,
    _ATTRIBUTES,
    st.sampled_from(("\r\n", "\n")),
    st.sampled_from(("off", "prefer", "require")),
)
def test_the_short_way_says_what_the_long_way_says(
    head: list[str], stream: str, attributes: list[str], end: str, srtp: Policy
) -> None:
    for lines in (["v=0", *head], head):
        address = [] if any(line.startswith("c=") for line in head) else ["c=IN IP4 192.0.2.9"]
        text = end.join([*lines, *address, stream, *attributes, ""])
        for body in (text.encode(), text.encode().rstrip()):
            assert _said(sdp.parse, body, srtp) == _said(sdp.parse_any, body, srtp)


def test_no_key_is_remembered() -> None:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
    before = sdp_attributes._read_once.cache_info(), sdp_attributes.said_plainly.cache_info()
    assert sdp.parse((SDP + key).encode(), srtp="prefer").media.cryptos
    after = sdp_attributes._read_once.cache_info(), sdp_attributes.said_plainly.cache_info()
    assert after[1] == before[1]
    assert after[0].currsize - before[0].currsize <= 1  # what the session says above it: nothing
