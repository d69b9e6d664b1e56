"""SDP as the test phone reads and writes it (RFC 4566, RFC 3264): one audio stream.

Errors: SdpTextError (a ValueError) for everything that cannot be read.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onhook.testing.sip_text import Address
from onhook.testing.srtp import CryptoText

EVENTS = "telephone-event"
PAYLOAD_TYPES: Mapping[str, int] = {  # RFC 3551 table 4; the dynamic ones as phones choose them
    "PCMU": 0,
    "GSM": 3,
    "G722": 9,
    "PCMA": 8,
    "G729": 18,
    "opus": 111,
    EVENTS: 101,
}
_STATIC_NAMES = {0: "PCMU", 3: "GSM", 8: "PCMA", 9: "G722", 18: "G729"}
_CLOCKS = {"opus": "48000/2"}
_RTPMAP = re.compile(r"rtpmap:(\d{1,3}) ([^/ ]+)/(\d{1,6})(?:/\d+)?")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


class SdpTextError(ValueError):
    """A body that is not a session description with one usable audio stream."""


@dataclass(frozen=True, slots=True)
class AudioDescription:
    """What an SDP says about its first audio stream."""

    address: Address
    payload_types: Mapping[int, str]
    """The name of each payload type, in the order of the m= line; unknown ones are left out."""
    direction: str = "sendrecv"
    transport: str = "RTP/AVP"
    cryptos: tuple[CryptoText, ...] = field(default=(), repr=False)
    """The keys in it (RFC 4568)."""

    def codec_of(self, wanted: Sequence[str]) -> tuple[int, str] | None:
        """Return number and name of the first payload type whose codec is among `wanted`."""
        for number, name in self.payload_types.items():
            if name in wanted:
                return number, name
        return None

    @property
    def events_type(self) -> int | None:
        """Return the payload type of RFC 4733 telephone-events, None when there is none."""
        return next((n for n, name in self.payload_types.items() if name == EVENTS), None)


def write(
    address: Address,
    codecs: Sequence[str],
    payload_types: Mapping[str, int],
    *,
    session_id: int,
    version: int = 1,
    direction: str = "sendrecv",
    ptime_ms: int = 20,
    transport: str = "RTP/AVP",
    cryptos: Sequence[str] = (),
) -> bytes:
    """Write an offer or an answer with one audio stream; `cryptos` are whole lines of its keys.

    `codecs` are names in order of preference, `telephone-event` among them if wanted; each must
    have its number in `payload_types` (KeyError otherwise).
    """
    host, port = address
    where = f"IN IP6 {host}" if ":" in host else f"IN IP4 {host}"
    numbers = [payload_types[name] for name in codecs]
    lines = [
        "v=0",
        f"o=- {session_id} {version} {where}",
        "s=-",
        f"c={where}",
        "t=0 0",
        f"m=audio {port} {transport} {' '.join(map(str, numbers))}",
        *cryptos,
        *(f"a=rtpmap:{payload_types[name]} {name}/{_CLOCKS.get(name, '8000')}" for name in codecs),
    ]
    if EVENTS in codecs:
        lines.append(f"a=fmtp:{payload_types[EVENTS]} 0-15")
    lines += [f"a=ptime:{ptime_ms}", f"a={direction}", ""]
    return "\r\n".join(lines).encode()


def parse(body: bytes) -> AudioDescription:
    """Read the first audio stream of an SDP; raises SdpTextError and nothing else.

    A stream refused with port 0 counts as unusable (RFC 3264 6).
    """
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError as error:
        raise SdpTextError("not UTF-8") from error
    session, audio = _sections(lines)
    found = re.fullmatch(r"audio (\d{1,5})(?:/\d+)? (RTP/S?AVPF?)((?: \d{1,3})+)", audio[0])
    if found is None:
        raise SdpTextError("an m=audio line that is not plain RTP")
    host = _connection(audio) or _connection(session)
    port = int(found[1])
    if host is None or not 0 < port < 65536:
        raise SdpTextError("no address, or a port that refuses the stream")
    names = _STATIC_NAMES | _rtpmaps(audio)
    types = {number: names[number] for number in map(int, found[3].split()) if number in names}
    return AudioDescription(
        (host, port),
        types,
        _direction(audio) or _direction(session) or "sendrecv",
        found[2],
        tuple(key for line in audio if (key := CryptoText.parse(line.strip()))),
    )


def _sections(lines: list[str]) -> tuple[list[str], list[str]]:
    """Separate the session's lines from those of the first audio stream (its m= line first)."""
    starts = [i for i, line in enumerate(lines) if line.startswith("m=")]
    if not lines or lines[0] != "v=0":
        raise SdpTextError("does not start with v=0")
    for at, start in enumerate(starts):
        if lines[start].startswith("m=audio "):
            end = starts[at + 1] if at + 1 < len(starts) else len(lines)
            return lines[: starts[0]], [lines[start][2:], *lines[start + 1 : end]]
    raise SdpTextError("no audio stream")


def _connection(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith(("c=IN IP4 ", "c=IN IP6 ")):
            try:
                address = ipaddress.ip_address(line[9:].strip())
            except ValueError as error:
                raise SdpTextError("a c= line without a numeric address") from error
            if address.version != int(line[7]):
                raise SdpTextError("a c= line with an address of another family")
            return str(address)
    return None


def _rtpmaps(lines: list[str]) -> dict[int, str]:
    maps = (_RTPMAP.fullmatch(line[2:].strip()) for line in lines if line.startswith("a=rtpmap:"))
    known = {name.lower(): name for name in PAYLOAD_TYPES}
    return {int(m[1]): known.get(m[2].lower(), m[2]) for m in maps if m is not None}


def _direction(lines: list[str]) -> str | None:
    return next((line[2:] for line in lines if line[:2] == "a=" and line[2:] in _DIRECTIONS), None)
