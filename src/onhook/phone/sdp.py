"""Session descriptions (RFC 8866) as far as a telephone call needs them. Pure.

Read: one audio stream over RTP/AVP or RTP/AVPF, or encrypted over RTP/SAVP or RTP/SAVPF, with PCMU, PCMA and
telephone-event, from an address of IPv4 or IPv6 (RFC 4566 5.7, RFC 5118); a host name instead of one of
IPv4 is for somebody else to look up.
The parser raises nothing but the `SdpError` tree, whatever it is given. What is written is in `sdp_writer`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from onhook.phone.errors import (
    NamedAddress,
    NoCommonCodec,
    NotEncrypted,
    SdpError,
    UnsupportedAddress,
)
from onhook.phone.sdp_attributes import rtcp_of, said_in, said_plainly
from onhook.phone.sdp_hosts import NOBODY as NOBODY
from onhook.phone.sdp_hosts import address_in, host
from onhook.phone.sdp_hosts import is_ipv6 as is_ipv6
from onhook.phone.sdp_types import PTIMES_MS as PTIMES_MS
from onhook.phone.sdp_types import USUAL_PTIME_MS as USUAL_PTIME_MS
from onhook.phone.sdp_types import Direction as Direction
from onhook.phone.sdp_types import Offer as Offer
from onhook.phone.sdp_types import RemoteMedia as RemoteMedia
from onhook.phone.sdp_types import SdpCodec as SdpCodec
from onhook.phone.srtp import crypto
from onhook.phone.srtp.crypto import Crypto
from onhook.phone.srtp.negotiation import IN_THE_CLEAR, UNUSABLE, Policy

MAX_SDP_BYTES = 8 * 1024
"""A longer description is refused."""
MAX_LINES = 300
MAX_STREAMS = 16
MAX_FORMATS = 64

TRANSPORTS = ("RTP/AVP", "RTP/AVPF")
"""What audio may come over (RFC 3551, RFC 4585); feedback is asked for by none of ours."""
SECURE_TRANSPORTS = ("RTP/SAVP", "RTP/SAVPF")
"""The same, encrypted (RFC 3711, RFC 5124)."""


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


_PORT = re.compile(r"(\d{1,5})(?:/\d{1,3})?", re.ASCII)
_MAX_PLAIN_BYTES = 900  # which are not too many lines in any case
_PLAIN = re.compile(  # session lines but c= and a=; one m= line; and its attributes
    rb"v=0\r?\n(?:[^acmv\0\r\n]=[\x01-\x09\x0b\x0c\x0e-\x7f]*\r?\n)*"
    rb"c=IN IP4 ([0-9.]{7,15})\r?\n(?:[^acmv\0\r\n]=[\x01-\x09\x0b\x0c\x0e-\x7f]*\r?\n)*"
    rb"m=(audio (\d{1,5}) RTP/AVP((?: \d{1,3})+))\r?\n"
    rb"((?:a=[\x01-\x09\x0b\x0c\x0e-\x7f]*\r?\n)*)"
)
_NO_AUDIO = RemoteMedia(NOBODY, 0, tuple(SdpCodec), direction=Direction.INACTIVE)


def parse(body: bytes, addresses: Mapping[str, str] | None = None, srtp: Policy = "off") -> Offer:
    """Read an offer or an answer. `addresses` are those of host names that were looked up, or empty.

    Of several streams of audio the first that is of use is taken; with `prefer` the first that is encrypted,
    if there is one. Raises `SdpError` when it is no session description, `NoCommonCodec` when it has no audio
    stream for us, `NotEncrypted` when that has not the encryption that it has to have, `UnsupportedAddress`
    when the audio is at no single host, and `NamedAddress` when that has to be looked up.

    What nearly every phone says is read by one expression; whatever does not look so is read line by line, to
    the same result (`parse_any`).
    """
    return (None if srtp == "require" else _plain(body)) or parse_any(body, addresses, srtp)


def _plain(body: bytes) -> Offer | None:
    """One stream of audio in the clear, at an address of IPv4; None if there is more to a description."""
    found = _PLAIN.fullmatch(body) if len(body) <= _MAX_PLAIN_BYTES else None
    if found is None or b"crypto:" in body:
        return None
    connection, stream, port, formats, attributes = found.groups()
    said = said_plainly(formats, attributes)
    try:
        ip = host(connection.decode(), None)
    except UnsupportedAddress:
        return None
    if said is None or formats.count(b" ") > MAX_FORMATS or not 0 < int(port) < 65536:
        return None
    media = RemoteMedia(
        ip,
        int(port),
        said.codecs,
        said.dtmf,
        said.ptime_ms,
        said.direction or Direction.SENDRECV,
        None,
        said.numbered(),
        rtcp_of(said.rtcp, ip) if said.rtcp else None,
        said.rtcp_mux,
        said.comfort_noise,
        maxptime_ms=said.maxptime_ms,
    )
    return Offer(media, (stream.decode().strip(),), 0)


def parse_any(
    body: bytes, addresses: Mapping[str, str] | None = None, srtp: Policy = "off"
) -> Offer:
    """As `parse`, whatever is in it."""
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
    said = said_in(formats, section.attributes)
    if not said.types:
        raise NoCommonCodec("neither PCMU nor PCMA offered")
    above = said_in((), session.attributes)
    connection = section.connection or session.connection
    ip = address_in(connection, addresses)
    return RemoteMedia(
        ip=ip,
        port=port,
        codecs=said.codecs,
        dtmf_payload_type=said.dtmf,
        ptime_ms=said.ptime_ms or above.ptime_ms,
        maxptime_ms=said.maxptime_ms or above.maxptime_ms,
        direction=said.direction or above.direction or Direction.SENDRECV,
        payload_types=said.numbered(),
        rtcp=rtcp_of(said.rtcp, ip) if said.rtcp else None,
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
