"""Session descriptions (RFC 8866) as far as a telephone call needs them. Pure.

Read: one audio stream over RTP/AVP or RTP/AVPF, or encrypted over RTP/SAVP or RTP/SAVPF, with PCMU, PCMA and
telephone-event, from an address of IPv4 or IPv6 (RFC 4566 5.7, RFC 5118); a host name instead of one of
IPv4 is for somebody else to look up.
The parser raises nothing but the `SdpError` tree, whatever it is given. What is written is in `sdp_writer`.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import lru_cache
from typing import NamedTuple

from onhook.phone.errors import (
    NamedAddress,
    NoCommonCodec,
    NotEncrypted,
    SdpError,
    UnsupportedAddress,
)
from onhook.phone.sdp_hosts import NOBODY as NOBODY
from onhook.phone.sdp_hosts import address_in, host
from onhook.phone.sdp_hosts import is_ipv6 as is_ipv6
from onhook.phone.srtp import crypto
from onhook.phone.srtp.crypto import Agreed, Crypto
from onhook.phone.srtp.negotiation import IN_THE_CLEAR, UNUSABLE, Policy

MAX_SDP_BYTES = 8 * 1024
"""A longer description is refused."""
MAX_LINES = 300
MAX_STREAMS = 16
MAX_FORMATS = 64

COMFORT_NOISE = 13
"""The payload type of comfort noise (RFC 3389 4)."""
TRANSPORTS = ("RTP/AVP", "RTP/AVPF")
"""What audio may come over (RFC 3551, RFC 4585); feedback is asked for by none of ours."""
SECURE_TRANSPORTS = ("RTP/SAVP", "RTP/SAVPF")
"""The same, encrypted (RFC 3711, RFC 5124)."""


class SdpCodec(IntEnum):
    """A codec that we talk; the value is its static RTP payload type (RFC 3551 6)."""

    PCMU = 0
    PCMA = 8


class Direction(Enum):
    """Who sends, as seen by the author of the description (RFC 3264 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def mirrored(self) -> "Direction":
        """The same direction as the other side writes it in its answer (RFC 3264 6.1)."""
        if self is Direction.SENDONLY:
            return Direction.RECVONLY
        return Direction.SENDONLY if self is Direction.RECVONLY else self


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What the peer says about its audio: where it listens and what it understands.

    `codecs` are in the peer's order of preference, never empty; `dtmf_payload_type` is None when
    it knows no telephone-event; `ptime_ms` is None when it asks for no packet time. `direction` is
    from the peer's side: SENDONLY means that it does not listen. `dtmf_from_peer` is set where the
    peer's own digits come under another number: each side is sent what it asked for (RFC 3264 5.1,
    6.1), and an answer may ask for another number than the offer did. `payload_types` are those of the
    codecs that are not under their static ones. `rtcp` is where it takes RTCP, None for the port above
    that of the audio (RFC 3605); `rtcp_mux` that it takes it on the port of the audio (RFC 5761), and
    `comfort_noise` that it knows RFC 3389. `cryptos` are the keys that it offers (RFC 4568), as far as they
    can be used, and `srtp` those that were agreed: None in the clear. `said_ipv6`: an address of IPv4 was
    written as one of IPv6.
    """

    ip: str
    port: int
    codecs: tuple[SdpCodec, ...]
    dtmf_payload_type: int | None = None
    ptime_ms: int | None = None
    direction: Direction = Direction.SENDRECV
    dtmf_from_peer: int | None = None
    payload_types: Mapping[SdpCodec, int] = field(default_factory=dict, hash=False)
    rtcp: tuple[str, int] | None = None
    rtcp_mux: bool = False
    comfort_noise: bool = False
    cryptos: tuple[Crypto, ...] = ()
    srtp: Agreed | None = None
    said_ipv6: bool = False

    @property
    def payload_type(self) -> int:
        """The RTP payload type of the codec that is in use, the first."""
        return self.payload_types.get(self.codecs[0], int(self.codecs[0]))

    @property
    def on_hold(self) -> bool:
        """The peer does not listen at present (RFC 3264 8.4, and 0.0.0.0 of RFC 2543)."""
        silent = self.direction in (Direction.SENDONLY, Direction.INACTIVE)
        return silent or self.ip == NOBODY


@dataclass(frozen=True, slots=True)
class Offer:
    """A description that was read: the audio taken, and all its m= lines for the answer.

    `streams` are the m= lines without `m=`; `taken` is the index of the one that `media` is about. If
    that one is closed (port 0, RFC 3264 8.2), the media are those of a peer on hold.
    """

    media: RemoteMedia
    streams: tuple[str, ...]
    taken: int

    @property
    def closed(self) -> bool:
        """Whether there is no audio at present."""
        return self.media.port == 0

    @property
    def transport(self) -> str:
        """The proto field of the taken m= line, such as `RTP/AVP` (RFC 8866 5.14)."""
        return self.streams[self.taken].split()[2]


class _MediaLine(NamedTuple):
    """An m= line (RFC 8866 5.14)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]


_NO_MEDIA = _MediaLine("", 0, "", ())


@dataclass(slots=True)
class _Section:
    """The lines of one m= section, or those above the first one."""

    media: str = ""
    connection: str = ""
    attributes: list[str] = field(default_factory=list)
    line: _MediaLine = _NO_MEDIA


class _Said(NamedTuple):
    """What the attributes of a section say, of its formats and otherwise; `types` are the payload types of
    the codecs that we talk, in their author's order (RFC 3551 6); `rtcp` are the attributes of this name."""

    types: tuple[tuple[SdpCodec, int], ...]
    dtmf: int | None
    comfort_noise: bool
    ptime_ms: int | None
    direction: Direction | None
    rtcp_mux: bool
    rtcp: tuple[str, ...]


_PORT = re.compile(r"(\d{1,5})(?:/\d{1,3})?", re.ASCII)
_RTPMAP = re.compile(r"rtpmap:(\d{1,3})[ \t]+([^ \t/]+)/(\d{1,6})(?:/(\d{1,2}))?[ \t]*", re.ASCII)
_PTIME = re.compile(r"ptime:[ \t]*(\d{1,4})(?:\.\d+)?[ \t]*", re.ASCII)
_RTCP = re.compile(r"rtcp:(\d{1,5})(?: IN IP[46] (\S+))?[ \t]*", re.ASCII)
_FORMAT = re.compile(r"\d{1,3}", re.ASCII)
_STATIC = {int(codec): f"{codec.name}/8000" for codec in SdpCodec}
_CODECS = {f"{codec.name}/8000": codec for codec in SdpCodec}
_DIRECTIONS = {direction.value: direction for direction in Direction}
_MAX_REMEMBERED_CHARS = 1024
"""Attributes beyond this are read anew each time: what is remembered is bounded."""
_NO_AUDIO = RemoteMedia(NOBODY, 0, tuple(SdpCodec), direction=Direction.INACTIVE)


def parse(body: bytes, addresses: Mapping[str, str] | None = None, srtp: Policy = "off") -> Offer:
    """Read an offer or an answer. `addresses` are those of host names that were looked up, or empty.

    Of several streams of audio the first that is of use is taken; with `prefer` the first that is encrypted,
    if there is one. Raises `SdpError` when it is no session description, `NoCommonCodec` when it has no audio
    stream for us, `NotEncrypted` when that has not the encryption that it has to have, `UnsupportedAddress`
    when the audio is at no single host, and `NamedAddress` when that has to be looked up.
    """
    session, sections = _sections(_lines(body))
    streams = tuple([section.media for section in sections])
    refusal: SdpError | None = None
    both = srtp == "prefer" and any(crypto.is_offered(each.attributes) for each in sections)
    policies: tuple[Policy, ...] = ("require", "prefer") if both else (srtp,)
    for policy in policies:
        found, refusal = _taken(session, sections, streams, addresses or {}, policy)
        if found is not None:
            return found
        if isinstance(refusal, NamedAddress):
            raise refusal
    closed = [index for index, each in enumerate(sections) if _is_closed_audio(each.line)]
    if closed and len(closed) == sum(stream.startswith("audio ") for stream in streams):
        return Offer(_NO_AUDIO, streams, closed[0])
    raise refusal or NoCommonCodec("no audio stream", 304)


def _taken(
    session: _Section,
    sections: Sequence[_Section],
    streams: tuple[str, ...],
    addresses: Mapping[str, str],
    srtp: Policy,
) -> tuple[Offer | None, SdpError | None]:
    """The first stream that is of use; or why none is."""
    refusal: SdpError | None = None
    for index, section in enumerate(sections):
        try:
            media = _audio(section, session, addresses, srtp)
        except (NoCommonCodec, NotEncrypted, UnsupportedAddress) as error:
            if refusal is None or section.media.startswith("audio "):
                refusal = error
        else:
            return Offer(media, streams, index), None
    return None, refusal


def parse_first(
    body: bytes, addresses: Mapping[str, str] | None = None, srtp: Policy = "off"
) -> Offer:
    """Read the first description of a call: its author has to listen somewhere.

    Later on 0.0.0.0 holds the call, and port 0; in the beginning there is nowhere to send what is to be
    heard. Raises `SdpError` as `parse` does, `UnsupportedAddress` for 0.0.0.0, `NoCommonCodec` for port 0.
    """
    offer = parse(body, addresses, srtp)
    if offer.closed:
        raise NoCommonCodec("no audio stream that is open", 304)
    if offer.media.ip == NOBODY:
        raise UnsupportedAddress("nobody listens to the audio")
    return offer


def _lines(body: bytes) -> list[str]:
    if len(body) > MAX_SDP_BYTES:
        raise SdpError("session description too long")
    if b"\x00" in body:
        raise SdpError("NUL in session description")
    text = body.decode("ascii", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n") if line]
    if len(lines) > MAX_LINES:
        raise SdpError("too many lines in session description")
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("not a session description")
    return lines


def _sections(lines: Sequence[str]) -> tuple[_Section, list[_Section]]:
    session = current = _Section()
    streams: list[_Section] = []
    for line in lines:
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise SdpError("line without a type")
        if kind == "m":
            current = _Section(media=value.strip())
            streams.append(current)
        elif kind == "c" and not current.connection:
            current.connection = value.strip()
        elif kind == "a":
            current.attributes.append(value.strip())
    if len(streams) > MAX_STREAMS:
        raise SdpError("too many media streams")
    for stream in streams:  # the answer repeats each of them, so each must be readable
        stream.line = media_line(stream.media)
    return session, streams


def media_line(text: str) -> _MediaLine:
    """The kind, port, protocol and formats of an m= line; raises `SdpError`."""
    words = text.split()
    if len(words) < 4 or len(words) > 3 + MAX_FORMATS:
        raise SdpError("bad m= line")
    found = _PORT.fullmatch(words[1])
    if found is None or (port := int(found[1])) > 65535:
        raise SdpError("bad port in m= line")
    return _MediaLine(words[0], port, words[2], tuple(words[3:]))


def _is_closed_audio(line: _MediaLine) -> bool:
    return line.kind == "audio" and line.port == 0


def _audio(
    section: _Section, session: _Section, addresses: Mapping[str, str], srtp: Policy
) -> RemoteMedia:
    kind, port, protocol, formats = section.line
    if kind != "audio" or port == 0:
        raise NoCommonCodec("no audio stream", 304)
    cryptos = _cryptos(section.attributes, protocol, srtp)
    said = _said(formats, section.attributes)
    if not said.types:
        raise NoCommonCodec("neither PCMU nor PCMA offered")
    above = _said((), session.attributes)
    connection = section.connection or session.connection
    ip = address_in(connection, addresses)
    return RemoteMedia(
        ip=ip,
        port=port,
        codecs=tuple([codec for codec, _ in said.types]),
        dtmf_payload_type=said.dtmf,
        ptime_ms=said.ptime_ms or above.ptime_ms,
        direction=said.direction or above.direction or Direction.SENDRECV,
        payload_types={codec: number for codec, number in said.types if number != codec},
        rtcp=_rtcp(said.rtcp, ip) if said.rtcp else None,
        rtcp_mux=said.rtcp_mux,
        comfort_noise=said.comfort_noise,
        cryptos=cryptos,
        said_ipv6=ip != NOBODY and not is_ipv6(ip) and connection.split()[1] == "IP6",
    )


def _cryptos(attributes: Sequence[str], protocol: str, srtp: Policy) -> tuple[Crypto, ...]:
    """The keys of a stream over this protocol."""
    if protocol not in TRANSPORTS and protocol not in SECURE_TRANSPORTS:
        raise NoCommonCodec("no audio stream over RTP/AVP, RTP/AVPF or RTP/SAVP", 302)
    keys = crypto.read(attributes) if crypto.is_offered(attributes) else ()
    return encrypted(keys, protocol, srtp)


def encrypted(cryptos: tuple[Crypto, ...], protocol: str, srtp: Policy) -> tuple[Crypto, ...]:
    """The keys of a stream that count under this policy; raises `NotEncrypted` or `NoCommonCodec`."""
    if srtp == "off":
        if protocol in SECURE_TRANSPORTS:
            raise NoCommonCodec("no audio stream over RTP/AVP or RTP/AVPF; SRTP is off", 302)
        return ()
    if not cryptos and protocol in SECURE_TRANSPORTS:
        raise NotEncrypted(UNUSABLE)
    if not cryptos and srtp == "require":
        raise NotEncrypted(IN_THE_CLEAR)
    return cryptos


def _said(formats: tuple[str, ...], attributes: Sequence[str]) -> _Said:
    """What attributes say. Phones of one make say the same in all calls, so it is remembered; but no key."""
    if sum(map(len, attributes)) > _MAX_REMEMBERED_CHARS or crypto.is_offered(attributes):
        return _read(formats, tuple(attributes))
    return _read_once(formats, tuple(attributes))


def _read(formats: tuple[str, ...], attributes: tuple[str, ...]) -> _Said:
    encodings: dict[int, str] = {}
    direction: Direction | None = None
    ptime_ms: int | None = None
    rtcp: list[str] = []
    for attribute in attributes:
        name = attribute.partition(":")[0]
        if name == "rtpmap":
            _read_encoding(attribute, encodings)
        elif name == "ptime":
            found = _PTIME.fullmatch(attribute)
            ptime_ms = ptime_ms or (int(found[1]) or None if found else None)
        elif name == "rtcp":
            rtcp.append(attribute)
        elif direction is None:
            direction = _DIRECTIONS.get(attribute)
    numbers = [int(text) for text in formats if _FORMAT.fullmatch(text)]
    return _Said(
        tuple(_codecs(numbers, encodings).items()),
        _dtmf(numbers, encodings),
        COMFORT_NOISE in numbers and encodings.get(COMFORT_NOISE, "CN/8000") == "CN/8000",
        ptime_ms,
        direction,
        "rtcp-mux" in attributes,
        tuple(rtcp),
    )


_read_once = lru_cache(maxsize=256)(_read)


def _read_encoding(attribute: str, encodings: dict[int, str]) -> None:
    """Encoding name and rate by payload type, as in `PCMU/8000`; mono only."""
    found = _RTPMAP.fullmatch(attribute)
    if found is not None:
        number, name, rate, channels = found.groups()
        mono = channels in (None, "1")
        encodings[int(number)] = f"{name.upper()}/{int(rate)}" if mono else "other"


def _codecs(numbers: Sequence[int], encodings: dict[int, str]) -> dict[SdpCodec, int]:
    """The payload types of the codecs that we talk, in order of preference (RFC 3551 6)."""
    types: dict[SdpCodec, int] = {}
    for number in numbers:
        codec = _CODECS.get(encodings.get(number, _STATIC.get(number, "")))
        if codec is not None and (number == codec or _is_dynamic(number)):
            types.setdefault(codec, number)
    return types


def _is_dynamic(number: int) -> bool:
    return 96 <= number <= 127


def _dtmf(numbers: Sequence[int], encodings: dict[int, str]) -> int | None:
    for number in numbers:
        if _is_dynamic(number) and encodings.get(number) == "TELEPHONE-EVENT/8000":
            return number
    return None


def _rtcp(attributes: Sequence[str], ip: str) -> tuple[str, int] | None:
    """`a=rtcp:53020` or `a=rtcp:53020 IN IP4 192.0.2.7`. What is none of both is not there: without RTCP
    a call is as good."""
    for attribute in attributes:
        found = _RTCP.fullmatch(attribute)
        if found and 0 < int(found[1]) < 65536:
            with contextlib.suppress(SdpError):
                said = host(found[2], {}) if found[2] else ip
                known = said != NOBODY and is_ipv6(said) == is_ipv6(ip)
                return (said, int(found[1])) if known else None
    return None
