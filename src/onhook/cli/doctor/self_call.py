"""One real call to ourselves, through the address that peers are told: an INVITE, audio both ways, a BYE.

The called side stands where the server does: on its SIP port while no server runs, else on a port of its own
beside it, and then the server is asked by OPTIONS through the same address. Its audio is on a port of
--rtp-ports, and told as the server tells its own. The calling side is anybody. A router that does not lead
packets back to the network that they come from (no hairpin NAT) fails this check, and is no trouble for
carriers: the detail says so.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from onhook import __version__
from onhook.administration.trunk_probe import probe
from onhook.cli.doctor.addresses import FAR, Family, told
from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.doctor.listening import Listening, listeners
from onhook.cli.errors import CommandError
from onhook.media import Codec, Latching, MediaPlane, Stream, StreamListener, StreamStats
from onhook.media.errors import MediaError
from onhook.media.plane import PortReservation
from onhook.phone import IncomingCall, ShownCaller, SipEndpoint, Trunk
from onhook.phone.cause import SipCause
from onhook.phone.sdp import RemoteMedia

PATIENCE_S = 4.0
"""For the answer, and again for the audio."""
_LOOKED_EVERY_S = 0.05
_CALLED = "doctor"
_ANYBODY = (ip_network("0.0.0.0/0"), ip_network("::/0"))
_OWN_PORTS = range(61000, 64000)
_HAIRPIN = (
    "If this machine is behind a NAT, that router may not lead packets back inside (hairpin); carriers are "
    "not concerned then, and a call from outside shows it"
)


class _Side(StreamListener):
    """One side of the call: its stream, and whether it has heard the other one from where that may be."""

    latching = Latching()

    def __init__(self, plane: MediaPlane, port: PortReservation) -> None:
        self._plane = plane
        self.port = port
        self.heard = asyncio.Event()
        self.stream: Stream | None = None

    def open(self, media: RemoteMedia) -> None:
        """The other side is there."""
        if self.stream is None:
            self.stream = self._plane.open(
                self.port,
                remote=(media.ip, media.port),
                codec=Codec(media.codecs[0]),
                dtmf_payload_type=media.dtmf_payload_type,
                latching=self.latching,
                listener=self,
            )

    def rtp_started(self) -> None:
        self.heard.set()

    def digit(self, digit: str) -> None:
        pass

    def rtp_timeout(self) -> None:
        pass

    def closed(self, stats: StreamStats) -> None:
        pass


class _Caller(_Side):
    """The calling side (phone.OutgoingListener). It sends to the address that it was told and to no other."""

    def __init__(self, plane: MediaPlane, port: PortReservation) -> None:
        super().__init__(plane, port)
        loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[SipCause | None] = loop.create_future()
        self.over = asyncio.Event()

    async def hears(self) -> bool:
        """Whether something arrives in time; it comes straight, from an address inside of a NAT."""
        until_s = asyncio.get_running_loop().time() + PATIENCE_S
        while self.stream is not None and asyncio.get_running_loop().time() < until_s:
            stats = self.stream.stats_now
            if stats.received_packets or stats.foreign:
                return True
            await asyncio.sleep(_LOOKED_EVERY_S)
        return False

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        pass

    def answered(self, media: RemoteMedia) -> None:
        self.open(media)
        if not self.outcome.done():
            self.outcome.set_result(None)

    def failed(self, cause: SipCause) -> None:
        self.over.set()
        if not self.outcome.done():
            self.outcome.set_result(cause)

    def hung_up(self, cause: SipCause) -> None:
        self.over.set()

    def hangup_done(self, cause: SipCause) -> None:
        self.over.set()

    def media_moved(self, media: RemoteMedia) -> None:
        pass

    def session_lost(self, cause: SipCause) -> None:
        self.over.set()

    def dialog_changed(self) -> None:
        pass


class _Callee(_Side):
    """The called side (phone.CallListener). A NAT may have what it hears come from anywhere."""

    latching = Latching(anybody=True)

    def cancelled(self, cause: SipCause) -> None:
        pass

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        pass

    def no_ack(self) -> None:
        pass

    def hung_up(self, cause: SipCause) -> None:
        pass

    def hangup_done(self, cause: SipCause) -> None:
        pass

    def media_moved(self, media: RemoteMedia) -> None:
        pass

    def session_lost(self, cause: SipCause) -> None:
        pass

    def dialog_changed(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the called side listens, where it is called, and the address that it tells for its audio."""

    bind: tuple[str, int]
    called: tuple[str, int]
    audio: str


async def call(here: Installation) -> AsyncIterator[Finding]:
    """A call for each family on which SIP listens over UDP."""
    families: dict[Family, Listening] = {}
    for one in listeners(here.settings):
        if one.transport == "udp":
            families.setdefault(6 if ":" in one.host else 4, one)
    for family, one in families.items():
        name = f"call to itself IPv{family}"
        ip = told(here, family)
        if not ip:
            yield Finding(name, False, "no address of ours is known that could be called")
            continue
        port = here.outside.port_for(FAR[family], one.port)
        if here.running and port:
            yield await _asked(ip, port)
        yield Finding(name, *await _called(here, _way(here, one, (ip, port))))


def _way(here: Installation, one: Listening, public: tuple[str, int]) -> _Way:
    if here.running:
        near = one.host if not ip_address(one.host).is_unspecified else _loopback(one.host)
        return _Way((one.host, 0), (near, 0), public[0])
    return _Way((one.host, one.port), public, public[0])


def _loopback(host: str) -> str:
    return "::1" if ":" in host else "127.0.0.1"


async def _asked(ip: str, port: int) -> Finding:
    """The server that runs, at the address that peers are told."""
    name = f"server at {ip}:{port}"
    try:
        answer = await probe(Trunk(ip, port, name="doctor"), PATIENCE_S)
    except (CommandError, ValueError) as error:
        return Finding(name, False, str(error))
    if answer.status is None:
        return Finding(name, False, f"it does not answer by UDP: let UDP in on {port}. {_HAIRPIN}.")
    return Finding(name, True, f"it answers {answer.status} by UDP")


async def _called(here: Installation, way: _Way) -> tuple[bool, str]:
    try:
        async with _line(here, way) as (caller, callee):
            return await _what_came_of_it(way, caller, callee)
    except (OSError, MediaError, ValueError) as error:
        return False, f"no call could be placed from here: {error}"


async def _what_came_of_it(way: _Way, caller: _Caller, callee: _Callee) -> tuple[bool, str]:
    host, port = way.called
    try:
        cause = await asyncio.wait_for(asyncio.shield(caller.outcome), PATIENCE_S)
    except TimeoutError:
        return False, f"no answer from {host}:{port}: let UDP in there. {_HAIRPIN}."
    if cause is not None:
        return False, f"{host}:{port} refused it with {cause.status}: another server has that port"
    low_high = "the ports of --rtp-ports"
    if not await _within(callee.heard):
        return False, f"no audio arrives at {way.audio}: let UDP in on {low_high}. {_HAIRPIN}."
    if not await caller.hears():
        return False, f"audio that leaves from {low_high} does not arrive: let UDP out. {_HAIRPIN}."
    return True, f"answered at {host}, and audio arrives both ways through {way.audio}"


async def _within(event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), PATIENCE_S)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def _line(here: Installation, way: _Way) -> AsyncIterator[tuple[_Caller, _Callee]]:
    """The call, which is hung up in the end. Raises OSError, MediaError."""
    loop, (low, high) = asyncio.get_running_loop(), here.settings.rtp_ports
    own = _wildcard(way.audio)
    planes = (
        MediaPlane(host=way.bind[0], ports=range(low, high + 1)),
        MediaPlane(host=own, ports=_OWN_PORTS),
    )
    caller, callee = (
        _Caller(planes[1], planes[1].reserve()),
        _Callee(planes[0], planes[0].reserve()),
    )
    called = _endpoint(lambda arrived: _answer(arrived, callee, way.audio))
    calling = _endpoint(lambda _: None)
    try:
        for plane in planes:
            plane.start(loop)
        await called.start(*way.bind)
        await calling.start(own, 0)
        placed = calling.dial(
            _trunk(way, called.address[1]), _CALLED, ShownCaller(""),
            ip=calling.local_address_towards(way.audio), port=caller.port.port, listener=caller,
        )  # fmt: skip
        yield caller, callee
        placed.hangup()
        await _within(caller.over)
    finally:
        await calling.close()
        await called.close()
        for plane in planes:
            plane.close()


def _endpoint(on_call: object) -> SipEndpoint:
    return SipEndpoint(
        on_call=on_call,  # type: ignore[arg-type]
        trusted_peers=_ANYBODY,
        sends_audio_to=lambda ip: True,
        user_agent=f"Onhook/{__version__}",
    )


def _answer(arrived: IncomingCall, callee: _Callee, ip: str) -> _Callee | None:
    """200, and the stream is open before it leaves."""
    if arrived.offer is None or callee.stream is not None:
        return None
    arrived.listener = callee
    callee.open(arrived.offer)
    arrived.answer(ip=ip, port=callee.port.port)
    return callee


def _trunk(way: _Way, port: int) -> Trunk:
    return Trunk(way.called[0], way.called[1] or port, name="doctor")


def _wildcard(ip: str) -> str:
    return "::" if ":" in ip else "0.0.0.0"
