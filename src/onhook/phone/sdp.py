"""Session descriptions (RFC 8866) as far as a telephone call needs them. Pure.

Read: one audio stream over RTP/AVP with PCMU, PCMA and telephone-event, from a numeric IPv4 address.
Written: an answer that takes that stream and refuses every other one (RFC 3264 6), or an offer.
The parser raises nothing but the `SdpError` tree, whatever it is given.

PCMU and PCMA are taken only under their static payload types (RFC 3551 6), 0 and 8: that is where
the media plane sends them, and nobody has been seen to put them elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from onhook.phone.errors import NoCommonCodec, SdpError, UnsupportedAddress

MAX_SDP_BYTES = 8 * 1024
"""A longer description is refused."""
MAX_LINES = 300
MAX_STREAMS = 16
MAX_FORMATS = 64

DTMF_PAYLOAD_TYPE = 101
"""The payload type for telephone-event in our own offers."""
NOBODY = "0.0.0.0"
"""The address of a peer that does not listen at present (RFC 3264 8.4)."""
PTIME_MS = 20
"""The packet time that we send and ask for."""


class Codec(IntEnum):
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
    def mirrored(self) -> Direction:
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
    6.1), and an answer may ask for another number than the offer did.
    """

    ip: str
    port: int
    codecs: tuple[Codec, ...]
    dtmf_payload_type: int | None = None
    ptime_ms: int | None = None
    direction: Direction = Direction.SENDRECV
    dtmf_from_peer: int | None = None

    @property
    def on_hold(self) -> bool:
        """The peer does not listen at present (RFC 3264 8.4, and 0.0.0.0 of RFC 2543)."""
        silent = self.direction in (Direction.SENDONLY, Direction.INACTIVE)
        return silent or self.ip == NOBODY


@dataclass(frozen=True, slots=True)
class Offer:
    """A description that was read: the audio taken, and all its m= lines for the answer.

    `streams` are the m= lines without `m=`; `taken` is the index of the one that `media` is about.
    """

    media: RemoteMedia
    streams: tuple[str, ...]
    taken: int


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Our side of the session, numeric address and port; `version` counts up with each change."""

    ip: str
    port: int
    session_id: int
    version: int = 1


@dataclass(slots=True)
class _Section:
    """The lines of one m= section, or those above the first one."""

    media: str = ""
    connection: str = ""
    attributes: list[str] = field(default_factory=list)


_PORT = re.compile(r"(\d{1,5})(?:/\d{1,3})?", re.ASCII)
_RTPMAP = re.compile(r"rtpmap:(\d{1,3})[ \t]+([^ \t/]+)/(\d{1,6})(?:/(\d{1,2}))?[ \t]*", re.ASCII)
_PTIME = re.compile(r"ptime:[ \t]*(\d{1,4})(?:\.\d+)?[ \t]*", re.ASCII)
_NO_HOSTS = tuple(
    ipaddress.IPv4Network(network)
    for network in ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4")  # RFC 6890; broadcast is the last
)
_FORMAT = re.compile(r"\d{1,3}", re.ASCII)


def parse(body: bytes) -> Offer:
    """Read an offer or an answer.

    Raises `SdpError` when it is no session description, `NoCommonCodec` when it has no audio stream
    for us, `UnsupportedAddress` when the audio is not at a numeric IPv4 address.
    """
    session, sections = _sections(_lines(body))
    refusal: SdpError = NoCommonCodec("no audio stream over RTP/AVP")
    for index, section in enumerate(sections):
        try:
            media = _audio(section, session)
        except (NoCommonCodec, UnsupportedAddress) as error:
            refusal = error
            continue
        return Offer(media, tuple(section.media for section in sections), index)
    raise refusal


def parse_first(body: bytes) -> Offer:
    """Read the first description of a call: its author has to listen somewhere.

    Later on 0.0.0.0 holds the call; in the beginning there is nowhere to send what is to be heard.
    Raises `SdpError` as `parse` does, and `UnsupportedAddress` for 0.0.0.0.
    """
    offer = parse(body)
    if offer.media.ip == NOBODY:
        raise UnsupportedAddress("nobody listens to the audio")
    return offer


def write_answer(
    offer: Offer, codec: Codec, local: LocalMedia, direction: Direction | None = None
) -> bytes:
    """The answer: takes one stream of the offer with one codec, and refuses the others."""
    media = offer.media
    wanted = direction or _answered_direction(media)
    lines = _head(local)
    for index, stream in enumerate(offer.streams):
        if index == offer.taken:
            lines += _stream(local.port, (codec,), media.dtmf_payload_type, wanted)
        else:
            lines.append(f"m={_refused(stream)}")
    return _joined(lines)


def write_offer(
    local: LocalMedia,
    codecs: Sequence[Codec] = (Codec.PCMU, Codec.PCMA),
    dtmf_payload_type: int | None = DTMF_PAYLOAD_TYPE,
) -> bytes:
    """An offer of one audio stream."""
    stream = _stream(local.port, codecs, dtmf_payload_type, Direction.SENDRECV)
    return _joined(_head(local) + stream)


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
        _media_line(stream.media)
    return session, streams


def _media_line(text: str) -> tuple[str, int, str, list[str]]:
    """The kind, port, protocol and formats of an m= line (RFC 8866 5.14)."""
    words = text.split()
    if len(words) < 4 or len(words) > 3 + MAX_FORMATS:
        raise SdpError("bad m= line")
    port = _PORT.fullmatch(words[1])
    if port is None or int(port.group(1)) > 65535:
        raise SdpError("bad port in m= line")
    return words[0], int(port.group(1)), words[2], words[3:]


def _audio(section: _Section, session: _Section) -> RemoteMedia:
    kind, port, protocol, formats = _media_line(section.media)
    if kind != "audio" or protocol != "RTP/AVP" or port == 0:
        raise NoCommonCodec("no audio stream over RTP/AVP")
    encodings = _encodings(section.attributes)
    numbers = [int(text) for text in formats if _FORMAT.fullmatch(text)]
    offered = (_codec(number, encodings) for number in numbers)
    codecs = tuple(dict.fromkeys(codec for codec in offered if codec is not None))
    if not codecs:
        raise NoCommonCodec("neither PCMU nor PCMA offered")
    return RemoteMedia(
        ip=_address(section.connection or session.connection),
        port=port,
        codecs=codecs,
        dtmf_payload_type=_dtmf(numbers, encodings),
        ptime_ms=_ptime(section.attributes) or _ptime(session.attributes),
        direction=_direction(section.attributes) or _direction(session.attributes)
        or Direction.SENDRECV,
    )  # fmt: skip


def _encodings(attributes: Sequence[str]) -> dict[int, str]:
    """Encoding name and rate by payload type, as in `PCMU/8000`; mono only."""
    encodings: dict[int, str] = {}
    for attribute in attributes:
        found = _RTPMAP.fullmatch(attribute)
        if found is not None:
            number, name, rate, channels = found.groups()
            mono = channels in (None, "1")
            encodings[int(number)] = f"{name.upper()}/{int(rate)}" if mono else "other"
    return encodings


def _codec(number: int, encodings: dict[int, str]) -> Codec | None:
    for codec in Codec:
        if number == codec and encodings.get(number, f"{codec.name}/8000") == f"{codec.name}/8000":
            return codec
    return None


def _dtmf(numbers: Sequence[int], encodings: dict[int, str]) -> int | None:
    for number in numbers:
        if 96 <= number <= 127 and encodings.get(number) == "TELEPHONE-EVENT/8000":
            return number
    return None


def _ptime(attributes: Sequence[str]) -> int | None:
    for attribute in attributes:
        if (found := _PTIME.fullmatch(attribute)) and int(found.group(1)):
            return int(found.group(1))
    return None


def _direction(attributes: Sequence[str]) -> Direction | None:
    for attribute in attributes:
        for direction in Direction:
            if attribute == direction.value:
                return direction
    return None


def _address(connection: str) -> str:
    words = connection.split()
    if not words:
        raise SdpError("no c= line")
    if len(words) != 3 or words[0] != "IN":
        raise SdpError("bad c= line")
    try:
        address = ipaddress.IPv4Address(words[2])
    except ValueError as error:
        raise UnsupportedAddress("media address is not numeric IPv4") from error
    nowhere = any(address in network for network in _NO_HOSTS) and str(address) != NOBODY
    if words[1] != "IP4" or nowhere:
        raise UnsupportedAddress("media address is not a single IPv4 host")
    return str(address)


def _answered_direction(media: RemoteMedia) -> Direction:
    if media.ip == NOBODY and media.direction is Direction.SENDRECV:
        return Direction.RECVONLY  # the old way to hold: it does not listen (RFC 3264 8.4)
    return media.direction.mirrored


def _refused(stream: str) -> str:
    kind, _, protocol, formats = _media_line(stream)
    return f"{kind} 0 {protocol} {' '.join(formats)}"


def _head(local: LocalMedia) -> list[str]:
    return [
        "v=0",
        f"o=onhook {local.session_id} {local.version} IN IP4 {local.ip}",
        "s=-",
        f"c=IN IP4 {local.ip}",
        "t=0 0",
    ]


def _stream(
    port: int, codecs: Sequence[Codec], dtmf_payload_type: int | None, direction: Direction
) -> list[str]:
    formats = [str(int(codec)) for codec in codecs]
    lines = [f"a=rtpmap:{int(codec)} {codec.name}/8000" for codec in codecs]
    if dtmf_payload_type is not None:
        formats.append(str(dtmf_payload_type))
        lines.append(f"a=rtpmap:{dtmf_payload_type} telephone-event/8000")
        lines.append(f"a=fmtp:{dtmf_payload_type} 0-15")
    head = f"m=audio {port} RTP/AVP {' '.join(formats)}"
    return [head, *lines, f"a=ptime:{PTIME_MS}", f"a={direction.value}"]


def _joined(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")
