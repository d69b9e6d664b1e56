"""What was agreed with the peer of a stream, as the plane takes it; and kept, so that the stream can be
opened again in another plane when this one dies."""

import string
from dataclasses import dataclass
from typing import Any, Final

from onhook import identifiers
from onhook.media._plane import ffi, lib
from onhook.media.errors import BadRemote
from onhook.media.g711 import Codec

_LETTERS: Final = f"{string.ascii_letters}{string.digits}-_"

PACKETS_MS = (10, 20, 30, 40, 60)
"""How much audio a packet may have that is sent."""


@dataclass(frozen=True, slots=True)
class Latching:
    """Where a peer's first packet may come from, besides the address in its SDP; the port is free.

    Whoever is heard first is taken for the peer, so anybody else could take a call's audio over.
    """

    signalling_ips: tuple[str, ...] = ()
    """The addresses that its signalling names, up to four, in digits: a NAT gives its audio the same
    one. Those with a zone mean nothing here."""
    anybody: bool = False
    """Any address: the audio comes from a machine of which nothing else tells."""


NOWHERE_ELSE = Latching()
"""The peer is where its SDP says."""


@dataclass(slots=True)
class Agreed:
    """All that it takes to open a stream again, but its keys."""

    remote: tuple[str, int]
    """The address in the peer's SDP."""
    format: dict[str, int]
    """As of `plane_format()`."""
    latching: Latching = NOWHERE_ELSE
    rtcp: tuple[str, int] | None = None
    rtcp_mux: bool = False
    ssrc: int = 0
    """By which it was sent last."""


def agreement(
    remote: tuple[str, int],
    codec: Codec,
    dtmf_payload_type: int | None,
    dtmf_from_peer: int | None = None,
    *,
    on_hold: bool = False,
    payload_type: int | None = None,
    comfort_noise: bool = False,
    sends_reports: bool = True,
    packet_ms: int = lib.PLANE_FRAME_MS,
    latching: Latching = NOWHERE_ELSE,
    remote_rtcp: tuple[str, int] | None = None,
    rtcp_mux: bool = False,
) -> Agreed:
    """What was agreed, in the words of `MediaPlane.open()`. Raises `ValueError`."""
    format = plane_format(
        codec,
        dtmf_payload_type,
        dtmf_from_peer,
        on_hold=on_hold,
        payload_type=payload_type,
        comfort_noise=comfort_noise,
        sends_reports=sends_reports,
        packet_ms=packet_ms,
    )
    return Agreed(remote, format, latching, remote_rtcp, rtcp_mux)


def beginning(agreed: Agreed) -> dict[str, int]:
    """Where a line of packets begins (RFC 3550 section 5.1): nowhere near the last one of this stream, and
    with another source, so that nothing is ever encrypted twice under one index of SRTP."""
    last = agreed.ssrc
    while agreed.ssrc == last:
        agreed.ssrc = identifiers.randbits(32)
    return {
        "ssrc": agreed.ssrc,
        "timestamp": identifiers.randbits(32),
        "sequence": identifiers.randbits(15),
    }


def peer_address(remote: tuple[str, int]) -> tuple[bytes, int]:
    """An address as the plane takes it. Raises `BadRemote`."""
    host, port = remote
    if not host.isascii() or "\0" in host or not 0 < port < 65536:
        raise BadRemote("not a unicast address in digits with a port")
    return host.encode("ascii"), port


def plane_rtcp(
    remote: tuple[str, int] | None, *, mux: bool, descriptor: int = -1
) -> tuple[Any, Any]:
    """Where reports go, under a name that is new in each call, and tells nothing (RFC 7022 4.2); and what has
    to outlive the command."""
    host, port = peer_address(remote) if remote is not None else (b"", 0)
    address = ffi.new("char[]", host)
    how = {
        "fd": descriptor,
        "mux": mux,
        "remote_ip": address if remote is not None else ffi.NULL,
        "remote_port": port,
        "cname": identifiers.token_text(_LETTERS, lib.PLANE_CNAME_BYTES).encode(),
    }
    return ffi.new("struct plane_rtcp *", how), address


def plane_latching(latching: Latching) -> tuple[dict[str, Any], list[Any]]:
    """Where a peer may be, as the plane takes it, and the memory that has to last until it did. Raises
    `BadRemote`."""
    ips = [ip for ip in latching.signalling_ips if "%" not in ip]
    hosts = [ffi.new("char[]", peer_address((ip, 1))[0]) for ip in ips]
    named = ffi.new("const char *[]", hosts)
    how = {"ips": named, "count": len(hosts), "anybody": latching.anybody}
    return how, [*hosts, named]


def plane_format(
    codec: Codec,
    dtmf_payload_type: int | None,
    dtmf_from_peer: int | None,
    *,
    on_hold: bool,
    payload_type: int | None = None,
    comfort_noise: bool = False,
    sends_reports: bool = True,
    packet_ms: int = lib.PLANE_FRAME_MS,
) -> dict[str, int]:
    """What was agreed, as the plane takes it. Raises `ValueError`."""
    types = (dtmf_payload_type, dtmf_payload_type if dtmf_from_peer is None else dtmf_from_peer)
    if any(one is not None and not 0 <= one <= 127 for one in (*types, payload_type)):
        raise ValueError("a payload type is 0 to 127")
    if packet_ms not in PACKETS_MS:
        raise ValueError(f"a packet has {PACKETS_MS} ms of audio, not {packet_ms}")
    to_peer, from_peer = (lib.PLANE_NO_EVENTS if one is None else one for one in types)
    return {
        "payload_type": int(codec),
        "event_payload_type": to_peer,
        "event_from_peer": from_peer,
        "on_hold": on_hold,
        "audio_type": 0 if payload_type in (None, int(codec)) else payload_type,
        "comfort_noise": comfort_noise,
        "no_rtcp": not sends_reports,
        "packet_ms": packet_ms,
    }
