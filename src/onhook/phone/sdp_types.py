"""What a session description comes to: codecs, directions, the peer's audio, an offer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from onhook.phone.sdp_hosts import NOBODY
from onhook.phone.srtp.crypto import Agreed, Crypto

PTIMES_MS = (10, 20, 30, 40, 60)
"""How much audio, in milliseconds, a packet of ours may have."""
USUAL_PTIME_MS = 20
"""What is sent to whoever asks for nothing (RFC 3551 4.2), and what we ask for ourselves."""


class SdpCodec(IntEnum):
    """A codec that we talk; the value is its static RTP payload type (RFC 3551 6)."""

    __hash__ = int.__hash__  # Enum's own is slow
    PCMU = 0
    PCMA = 8


class Direction(Enum):
    """Who sends, as seen by the author of the description (RFC 3264 5.1)."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
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

    `codecs` are in the peer's order of preference, never empty; `dtmf_payload_type` is None when it knows no
    telephone-event; `ptime_ms` and `maxptime_ms` are the packet time that it asks for and the longest that it
    takes (RFC 8866 6.4, 6.5), None where it says nothing of them. `direction` is from the peer's side:
    SENDONLY means that it does not listen. `dtmf_from_peer` is set where the peer's own digits come under
    another number: each side is sent what it asked for (RFC 3264 5.1, 6.1), and an answer may ask for another
    number than the offer did. `payload_types` are those of the codecs that are not under their static ones.
    `rtcp` is where it takes RTCP, None for the port above that of the audio (RFC 3605); `rtcp_mux` that it
    takes it on the port of the audio (RFC 5761), and `comfort_noise` that it knows RFC 3389. `cryptos` are
    the keys that it offers (RFC 4568), as far as they can be used, and `srtp` those that were agreed: None in
    the clear. `said_ipv6`: an address of IPv4 was written as one of IPv6. `packet_ms` is how much audio a
    packet has that it is sent.
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
    packet_ms: int = USUAL_PTIME_MS
    maxptime_ms: int | None = None

    @property
    def payload_type(self) -> int:
        """The RTP payload type of the codec that is in use, the first."""
        return self.payload_types.get(self.codecs[0], int(self.codecs[0]))

    @property
    def wanted_ms(self) -> int:
        """How much audio it wants in a packet that it is sent: the longest of `PTIMES_MS` that is no more
        than it asks for, or takes."""
        asked_ms = min(self.ptime_ms or USUAL_PTIME_MS, self.maxptime_ms or PTIMES_MS[-1])
        if asked_ms in PTIMES_MS:
            return asked_ms
        return max((ms for ms in PTIMES_MS if ms < asked_ms), default=PTIMES_MS[0])

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
