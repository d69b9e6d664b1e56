"""Session descriptions of ours (RFC 8866): an answer, or an offer. Pure.

An answer takes one audio stream of the offer, over the same transport and under the same payload types, and
refuses every other one (RFC 3264 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from onhook.phone.sdp import (
    NOBODY,
    SECURE_TRANSPORTS,
    TRANSPORTS,
    USUAL_PTIME_MS,
    Direction,
    Offer,
    RemoteMedia,
    SdpCodec,
    is_ipv6,
    media_line,
)
from onhook.phone.sdp_attributes import COMFORT_NOISE
from onhook.phone.srtp.crypto import Crypto

DTMF_PAYLOAD_TYPE = 101
"""The payload type for telephone-event in our own offers."""


class Extras(NamedTuple):
    """What is only agreed to where the peer offers it: RTCP on the port of the audio (RFC 5761), and
    comfort noise for silence (RFC 3389)."""

    rtcp_mux: bool = False
    comfort_noise: bool = False

    @classmethod
    def of(cls, media: RemoteMedia) -> "Extras":
        """Those that are in a description."""
        return cls(media.rtcp_mux, media.comfort_noise)


@dataclass(frozen=True, slots=True)
class Encryption:
    """The keys that we offer or answer with (RFC 4568), none in the clear; `secure`: RTP/SAVP, unless the m=
    line is the peer's."""

    cryptos: tuple[Crypto, ...] = ()
    secure: bool = False


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Our side of the session, numeric address and port; `version` counts up with each change. `ptime_ms` is
    the packet time that we ask for."""

    ip: str
    port: int
    session_id: int
    version: int = 1
    ptime_ms: int = USUAL_PTIME_MS


NO_EXTRAS = Extras()
IN_THE_CLEAR = Encryption()


def write_answer(
    offer: Offer,
    codec: SdpCodec,
    local: LocalMedia,
    direction: Direction | None = None,
    encryption: Encryption = IN_THE_CLEAR,
) -> bytes:
    """The answer: takes one stream of the offer with one codec, and refuses the others."""
    media = offer.media
    if offer.closed:
        return _joined(_head(local) + [f"m={_refused(stream)}" for stream in offer.streams])
    wanted = direction or _answered_direction(media)
    types = {codec: media.payload_types.get(codec, int(codec))}
    streams = _streams(
        offer, local, types, media.dtmf_payload_type, wanted, Extras.of(media), encryption
    )
    return _joined(_head(local) + streams)


def write_offer(
    local: LocalMedia,
    types: Mapping[SdpCodec, int] | None = None,
    dtmf_payload_type: int | None = DTMF_PAYLOAD_TYPE,
    before: Offer | None = None,
    extras: Extras = NO_EXTRAS,
    encryption: Encryption = IN_THE_CLEAR,
) -> bytes:
    """An offer of one audio stream, with all codecs or with those that `types` gives payload types.

    `before` is what the peer offered last: what is offered afterwards has the same m= lines (RFC 3264 8);
    `extras` are those that are in use.
    """
    types = types or {codec: int(codec) for codec in SdpCodec}
    streams = _streams(
        before, local, types, dtmf_payload_type, Direction.SENDRECV, extras, encryption
    )
    return _joined(_head(local) + streams)


def _streams(
    offer: Offer | None,
    local: LocalMedia,
    types: Mapping[SdpCodec, int],
    dtmf_payload_type: int | None,
    direction: Direction,
    extras: Extras,
    encryption: Encryption,
) -> list[str]:
    """The m= lines of an offer, ours in the place of the one that was taken, the others refused."""
    own = SECURE_TRANSPORTS[0] if encryption.secure else TRANSPORTS[0]
    transport = offer.transport if offer else own
    formats, lines = _stream(
        tuple(types.items()), dtmf_payload_type, local.ptime_ms, direction, extras
    )
    keys = [f"a={line.written()}" for line in encryption.cryptos]
    ours = [f"m=audio {local.port} {transport} {formats}", *keys, lines]
    if offer is None or len(offer.streams) == 1:
        return ours
    refused = [f"m={_refused(stream)}" for stream in offer.streams]
    return [*refused[: offer.taken], *ours, *refused[offer.taken + 1 :]]


def _answered_direction(media: RemoteMedia) -> Direction:
    if media.ip == NOBODY and media.direction is Direction.SENDRECV:
        return Direction.RECVONLY  # the old way to hold: it does not listen (RFC 3264 8.4)
    return media.direction.mirrored


def _refused(stream: str) -> str:
    kind, _, protocol, formats = media_line(stream)
    return f"{kind} 0 {protocol} {' '.join(formats)}"


def _head(local: LocalMedia) -> list[str]:
    family = "IP6" if is_ipv6(local.ip) else "IP4"
    return [
        "v=0",
        f"o=onhook {local.session_id} {local.version} IN {family} {local.ip}",
        "s=-",
        f"c=IN {family} {local.ip}",
        "t=0 0",
    ]


@lru_cache(maxsize=256)
def _stream(
    types: tuple[tuple[SdpCodec, int], ...],
    dtmf_payload_type: int | None,
    ptime_ms: int,
    direction: Direction,
    extras: Extras,
) -> tuple[str, str]:
    """The formats of our m= line, and the attributes below it: the same in nearly all calls."""
    formats = [str(number) for _, number in types]
    lines = [f"a=rtpmap:{number} {codec.name}/8000" for codec, number in types]
    if extras.comfort_noise:
        formats.append(str(COMFORT_NOISE))
        lines.append(f"a=rtpmap:{COMFORT_NOISE} CN/8000")
    if dtmf_payload_type is not None:
        formats.append(str(dtmf_payload_type))
        lines.append(f"a=rtpmap:{dtmf_payload_type} telephone-event/8000")
        lines.append(f"a=fmtp:{dtmf_payload_type} 0-15")
    mux = ["a=rtcp-mux"] if extras.rtcp_mux else []
    lines += [f"a=ptime:{ptime_ms}", *mux, f"a={direction.value}"]
    return " ".join(formats), "\r\n".join(lines)


def _joined(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("ascii", "replace")
