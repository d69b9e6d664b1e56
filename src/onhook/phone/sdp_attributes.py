"""What the attributes of an audio stream say (RFC 8866 6). Pure.

Phones of one make say the same in every call, so what was read is remembered: of 256 streams, none of them
long, and no key.
"""

import contextlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from onhook.phone.errors import SdpError
from onhook.phone.sdp_hosts import NOBODY, host, is_ipv6
from onhook.phone.sdp_types import Direction, SdpCodec
from onhook.phone.srtp import crypto

COMFORT_NOISE = 13
"""The payload type of comfort noise (RFC 3389 4)."""

_RTPMAP = re.compile(r"rtpmap:(\d{1,3})[ \t]+([^ \t/]+)/(\d{1,6})(?:/(\d{1,2}))?[ \t]*", re.ASCII)
_PTIME = re.compile(r"(?:max)?ptime:[ \t]*(\d{1,4})(?:\.\d+)?[ \t]*", re.ASCII)
_RTCP = re.compile(r"rtcp:(\d{1,5})(?: IN IP[46] (\S+))?[ \t]*", re.ASCII)
_FORMAT = re.compile(r"\d{1,3}", re.ASCII)
_STATIC = {int(codec): f"{codec.name}/8000" for codec in SdpCodec}
_CODECS = {f"{codec.name}/8000": codec for codec in SdpCodec}
_DIRECTIONS = {direction.value: direction for direction in Direction}
_MAX_REMEMBERED_CHARS = 1024
"""Beyond this, all is read anew each time: what is remembered is bounded."""


class Said(NamedTuple):
    """What the attributes of a section say, of its formats and otherwise; `types` are the payload types of
    the codecs that we talk, in their author's order (RFC 3551 6); `rtcp` are the attributes of this name."""

    types: tuple[tuple[SdpCodec, int], ...]
    dtmf: int | None
    comfort_noise: bool
    ptime_ms: int | None
    maxptime_ms: int | None
    direction: Direction | None
    rtcp_mux: bool
    rtcp: tuple[str, ...]

    @property
    def codecs(self) -> tuple[SdpCodec, ...]:
        """Those that we talk, in their author's order."""
        return tuple([codec for codec, _ in self.types])

    def numbered(self) -> dict[SdpCodec, int]:
        """The payload types of codecs that are not under their static ones."""
        return {codec: number for codec, number in self.types if number != codec}


def said_in(formats: tuple[str, ...], attributes: Sequence[str]) -> Said:
    """What the attributes of a stream of these formats say; both are without `m=` and `a=`."""
    chars = sum(map(len, formats)) + sum(map(len, attributes))
    if chars > _MAX_REMEMBERED_CHARS or crypto.is_offered(attributes):
        return _read(formats, tuple(attributes))
    return _read_once(formats, tuple(attributes))


def _read(formats: tuple[str, ...], attributes: tuple[str, ...]) -> Said:
    encodings: dict[int, str] = {}
    direction: Direction | None = None
    times_ms: dict[str, int] = {}
    rtcp: list[str] = []
    for attribute in attributes:
        name = attribute.partition(":")[0]
        if name == "rtpmap":
            _read_encoding(attribute, encodings)
        elif name in ("ptime", "maxptime"):
            found = _PTIME.fullmatch(attribute)
            if found is not None and int(found[1]):
                times_ms.setdefault(name, int(found[1]))
        elif name == "rtcp":
            rtcp.append(attribute)
        elif direction is None:
            direction = _DIRECTIONS.get(attribute)
    numbers = [int(text) for text in formats if _FORMAT.fullmatch(text)]
    return Said(
        tuple(_codecs(numbers, encodings).items()),
        _dtmf(numbers, encodings),
        COMFORT_NOISE in numbers and encodings.get(COMFORT_NOISE, "CN/8000") == "CN/8000",
        times_ms.get("ptime"),
        times_ms.get("maxptime"),
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


@lru_cache(maxsize=256)
def said_plainly(formats: bytes, attributes: bytes) -> Said | None:
    """The same of what stands in a description, lines with `a=` each; None for no codec of ours."""
    numbers = tuple(formats.decode().split())
    lines = [line.strip() for line in attributes.decode().replace("\r", "\n").split("\n")]
    said = _read(numbers, tuple(line.removeprefix("a=").strip() for line in lines if line))
    return said if said.types else None


def rtcp_of(attributes: Sequence[str], ip: str) -> tuple[str, int] | None:
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
