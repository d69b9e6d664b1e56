"""Audio that goes one way only, noticed while a call goes on, and the likely cause of it.

Callers hang up such a call and blame whoever they called; the log of a server rarely says anything. So the
figures of a stream are looked at a few seconds after the answer and now and then afterwards, and what they
show is logged once for each leg, without numbers.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import structlog

from onhook.media.stream import StreamStats
from onhook.phone.sdp import Direction, RemoteMedia

log = structlog.get_logger()

LOOKED_AT_S = (4.0, 10.0, 20.0, 40.0)
"""Seconds after the answer; the last one again and again, from there on."""
SHORTEST_S = 2.0
"""A call that is over is looked at as well, unless it was shorter than this."""
_ENOUGH_SENT = 100
"""Packets: two seconds. Of fewer nothing follows."""
_ENOUGH_RTCP = 2
_NEARLY_ALL = 0.98


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one side hears nothing, in a word, and a sentence that says what to do."""

    name: str
    hint: str


PAYLOAD_TYPE = Cause(
    "payload_type",
    "The phone sends RTP of a payload type that was not agreed on, such as another codec. Restrict its "
    "codecs to PCMU and PCMA, or the trunk's by 'onhook trunk set NAME --codecs'.",
)
COMFORT_NOISE = Cause(
    "comfort_noise_only",
    "The phone sends nothing but comfort noise: it is muted, or takes everything for silence.",
)
UNEXPECTED_ADDRESS = Cause(
    "unexpected_address",
    "RTP comes from an address that neither its SDP nor its signalling names, and is not believed. If that "
    "is the carrier's media server, allow it with --rtp-latching any, of a trunk with 'onhook trunk set NAME "
    "--rtp-latching any'.",
)
ENCRYPTION = Cause(
    "encryption",
    "What the phone sends is not what was agreed on as SRTP: it is in the clear, or under another key. Look "
    "at its settings for SRTP, and at those of the trunk (--srtp).",
)
NO_PUBLIC_ADDRESS = Cause(
    "no_public_address",
    "The phone was told a private address of ours to send to, and is outside of that network: give the "
    "server its address with --public-address.",
)
PHONE_BEHIND_NAT = Cause(
    "phone_behind_nat",
    "The phone's SDP names a private address: it is behind a NAT, or its firewall lets no audio out. Have "
    "its operator or carrier use symmetric RTP, or open the way.",
)
FIREWALL = Cause(
    "firewall",
    "Nothing arrives on the port that the phone was told. Let UDP in on the ports of --rtp-ports, here and "
    "in whatever stands in front; if they are open, its own side sends nothing.",
)
NOT_RECEIVED = Cause(
    "phone_hears_nothing",
    "The phone's own reports (RTCP) say that nothing of what is sent to it arrives: a firewall or a NAT on "
    "its side drops it, or its SDP names a wrong address.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A leg as it is looked at: where its SDP says that it is, and which addresses signal for it; which of
    ours it was told; and the figures of its stream."""

    remote: RemoteMedia
    signalling: tuple[str, ...]
    told: str
    stats: StreamStats


def cause_of(seen: Seen) -> Cause | None:
    """Why one side hears nothing; None if both hear something, or that cannot be told."""
    silent = seen.remote.on_hold or seen.remote.direction is Direction.RECVONLY
    if seen.stats.sent_packets < _ENOUGH_SENT or silent:
        return None
    return _unheard(seen) if not seen.stats.audio_packets else _not_received(seen.stats)


def _unheard(seen: Seen) -> Cause:
    stats = seen.stats
    if stats.unauthentic:
        return ENCRYPTION
    if stats.other_packets:
        return PAYLOAD_TYPE
    if stats.noise_packets:
        return COMFORT_NOISE
    if stats.foreign:
        return UNEXPECTED_ADDRESS
    outside = any(map(_is_public, (seen.remote.ip, *seen.signalling)))
    if outside and not _is_public(seen.told):
        return NO_PUBLIC_ADDRESS
    if outside and not _is_public(seen.remote.ip):
        return PHONE_BEHIND_NAT
    return FIREWALL


def _not_received(stats: StreamStats) -> Cause | None:
    if stats.reports:
        enough = stats.reported_of >= _ENOUGH_SENT
        lost = enough and stats.reported_lost >= _NEARLY_ALL * stats.reported_of
        return NOT_RECEIVED if lost else None
    return NOT_RECEIVED if stats.rtcp_packets >= _ENOUGH_RTCP else None


def _is_public(ip: str) -> bool:
    try:
        return ip_address(ip.partition("%")[0]).is_global
    except ValueError:  # a name is somebody's who is outside
        return True


def log_one_way(cause: Cause, seen: Seen, *, leg: str, session: str) -> None:
    """What an operator is told."""
    stats = seen.stats
    log.warning(
        "one_way_audio",
        session=session,
        leg=leg,
        cause=cause.name,
        hint=cause.hint,
        remote=seen.remote.ip,
        told=seen.told,
        **({"unexpected": stats.foreign_ip} if stats.foreign_ip else {}),
        sent=stats.sent_packets,
        received=stats.received_packets,
        foreign=stats.foreign,
    )


def _nothing() -> Seen | None:
    return None


def _nobody(cause: Cause, seen: Seen) -> None:
    """Is told of what is over."""


class OneWayWatch:
    """Watches one leg from its answer on. ``look`` gives what it is like, None if there is nothing to be
    seen; ``on_found`` is called once, with the cause."""

    __slots__ = ("_answered_s", "_left", "_look", "_loop", "_on_found", "_timer")

    def __init__(
        self, look: Callable[[], Seen | None], on_found: Callable[[Cause, Seen], None]
    ) -> None:
        self._look = look
        self._on_found = on_found
        self._loop = asyncio.get_running_loop()
        self._left = list(LOOKED_AT_S)
        self._answered_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def answered(self) -> None:
        """From now on both sides should hear each other. Nothing the second time."""
        if self._answered_s is None:
            self._answered_s = self._loop.time()
            self._wait(self._left[0])

    def stop(self) -> None:
        """It is over, and still to be seen."""
        if self._timer is None or self._answered_s is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._loop.time() - self._answered_s >= SHORTEST_S:
            self._find()

    def release(self) -> None:
        """There is nothing to be seen any more: its owner refers to this watch."""
        self._look, self._on_found = _nothing, _nobody

    def _wait(self, for_s: float) -> None:
        self._timer = self._loop.call_later(for_s, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._find():
            return
        before_s = self._left.pop(0) if len(self._left) > 1 else 0.0
        self._wait(self._left[0] - before_s)

    def _find(self) -> bool:
        seen = self._look()
        cause = cause_of(seen) if seen is not None else None
        if seen is None or cause is None:
            return False
        self._on_found(cause, seen)
        return True
