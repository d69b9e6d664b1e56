"""An endpoint's lower half: transports, transactions, and what is written to the peers.

Callbacks, and no task for a message: a request is read, matched and answered before the next one
is taken from the socket.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network

import structlog

from onhook import identifiers
from onhook.listeners import ListenAddress
from onhook.phone.addresses import (
    TcpAddress,
    local_of,
)
from onhook.phone.binding import BoundListener
from onhook.phone.echo import readable_via
from onhook.phone.errors import BadRequest, Unanswerable
from onhook.phone.flows import CallFlows, KeptFlows
from onhook.phone.handover import Handover
from onhook.phone.layer import TransactionLayer
from onhook.phone.message import MAX_DATAGRAM_BYTES, Address, Request, parse
from onhook.phone.nat.public_address import OutsideView
from onhook.phone.neighbours import Neighbours
from onhook.phone.once_a_minute import OnceAMinute
from onhook.phone.places import Places
from onhook.phone.reply import bad_request
from onhook.phone.requests import OwnRequests
from onhook.phone.routing import return_address
from onhook.phone.sockets import Sockets
from onhook.phone.tcp import TcpTransport
from onhook.phone.timers import Clock, SipTimers, TimerHandle
from onhook.phone.tls.contexts import ServerCertificate
from onhook.phone.transactions import TxEvent
from onhook.phone.transport import address_towards
from onhook.phone.waiting import Waiting

log = structlog.get_logger()

OnMessage = Callable[[str, bytes, Address], None]
"""Sees every message: "in" or "out", the bytes, the peer's address. For traces; must be quick."""

_SHORTER = (
    "It is dropped. Let its sender leave out headers, codecs or candidates that nobody needs here."
)

_REQUESTS = {method: f"requests.{method}" for method in (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "REGISTER",
)}  # fmt: skip
_RESPONSES = {ord(digit): f"responses.{digit}xx" for digit in "123456"}


class MessagePath(ABC):
    """What every message passes through (a TransactionUser; what a call needs of its endpoint)."""

    def __init__(
        self,
        *,
        trusted_peers: Sequence[IPv4Network | IPv6Network],
        contact_host: str | None,
        outside: OutsideView | None,
        user_agent: str,
        timers: SipTimers | None,
        clock: Clock | None,
        on_message: OnMessage | None,
        max_lingering: int,
    ) -> None:
        self.user_agent = user_agent
        self._max_lingering = max_lingering
        self.on_message = on_message
        self._neighbours = Neighbours(trusted_peers, contact_host, outside)
        self._timers = timers or SipTimers()
        self._clock = clock
        self._layer: TransactionLayer | None = None
        tcp = TcpTransport(
            self._received,
            on_refused=lambda peer: self._disconnected(peer, TxEvent.UNREACHABLE),
            on_lost=lambda peer: self._disconnected(peer, TxEvent.LOST),
            trusts=self._neighbours.trusts,
            is_used=self._is_used,
        )
        self._tcp = tcp
        self._sockets = Sockets(self._received, tcp, self._neighbours.trusts)
        self.handover = Handover(self._sockets, tcp, lambda: bool(self._layer and self._layer.owes))
        self.flows = KeptFlows(self._sockets.send, tcp.keepalives, lambda: self._running_clock)
        self.call_flows = CallFlows(self.flows)
        """Those that stay open though no call needs them."""
        self._counters: Counter[str] = Counter()
        self._places = Places(self._neighbours, self._sockets, tcp)
        self._too_large = OnceAMinute()
        self.requests = OwnRequests(lambda: self.transactions, self._send, self.sent_by, user_agent)
        """What we ask of peers, and where that leaves from."""
        self.waiting: set[Waiting] = set()

    @property
    def address(self) -> Address:
        """The address that the first listener is bound to, once started."""
        return self._sockets.address

    @property
    def listeners(self) -> tuple[ListenAddress, ...]:
        """Where we listen, each with its transport and the port that it got."""
        return self._sockets.listeners

    def rank(self, host: str) -> int | None:
        """How gladly a numeric host is sent to, the least first; None if no listener has its family."""
        if all(each.is_ipv6 != (":" in host) for each in self.listeners):
            return None
        try:
            address_towards(host)
        except OSError:  # no route now
            return 1
        return 0

    def local_address_towards(self, peer: str) -> str:
        """The address of ours that `peer` (numeric) is told; OSError when there is no route."""
        is_ipv6 = ":" in peer
        fitting = (each.host for each in self.listeners if each.is_ipv6 == is_ipv6)
        return self._neighbours.host_towards(peer, next(fitting, self.address[0]))

    @abstractmethod
    def requested(self, request: Request) -> None:
        """A request that belongs to no transaction."""

    @abstractmethod
    def acknowledged(self, request: Request) -> None:
        """An ACK for a 2xx, which is a transaction of its own (RFC 3261 17.1.1.3)."""

    @abstractmethod
    def is_used(self, peer: TcpAddress) -> bool:
        """Whether a dialog needs the connection with a peer."""

    async def stand_at(
        self, bound: Sequence[BoundListener], certificate: ServerCertificate | None = None
    ) -> None:
        """Take sockets that are bound, and do not read them: what arrives waits in the kernel.

        They are the endpoint's from now on; calls can be adopted, dialled and hung up.
        """
        clock = self._clock = self._running_clock
        self._layer = TransactionLayer(
            self._send, self, clock, self._timers, max_lingering=self._max_lingering
        )
        await self._sockets.open(bound, clock, certificate)
        self._neighbours.bound = self.address[0]
        self._places.forget()

    def _stop(self) -> None:
        """Ends all transactions without a word to the peers."""
        self.flows.close()
        for each in [*self.waiting]:
            each.drop()
        if self._layer is not None:
            self._layer.close()
            self._layer = None

    @property
    def _running_clock(self) -> Clock:
        return self._clock or asyncio.get_running_loop()

    @property
    def transactions(self) -> TransactionLayer:
        """What is answered, and asked, until nobody repeats it any more; RuntimeError before the start."""
        if self._layer is None:
            raise RuntimeError("the endpoint is not started, or closed")
        return self._layer

    # For the calls.

    def contact_for(self, peer: Address) -> str:
        """Our Contact value for this peer."""
        return self._places.contact_for(peer)

    def reached_at(self, peer: Address) -> str:
        """Our host and port in a Contact for this peer; see `Places`."""
        return self._places.reached_at(peer)

    def sent_by(self, peer: Address) -> str:
        """Our host and port as this peer can reach them, which Via says; see `Places`."""
        return self._places.sent_by(peer)

    @property
    def t1_s(self) -> float:
        """T1 (RFC 3261 17.1.1.1)."""
        return self._timers.t1_s

    def later(self, delay_s: float, callback: Callable[[], None]) -> TimerHandle:
        """Call back after so many seconds."""
        return self._running_clock.call_later(delay_s, callback)

    def no_connection_because(self, peer: Address) -> str:
        """Why a peer could not be reached, in words for an operator."""
        return self._tcp.failure_of(peer) or "no connection"

    def unreached_because(self, peer: Address) -> str:
        """Why what is sent to a numeric address cannot arrive, as far as we know; empty if it may."""
        if isinstance(peer, TcpAddress):
            return self._tcp.failure_of(peer)
        return {None: "no listener of ours has the family of its address", 1: "no route"}.get(
            self.rank(peer[0]), ""
        )

    def now(self) -> float:
        """Seconds of the clock by which everything waits."""
        return self._running_clock.time()

    # Messages.

    def _received(self, data: bytes, source: Address) -> None:
        try:
            self._read(data, source)
        except Exception:  # the root of everything that a datagram sets off
            log.exception("sip_message_failed")

    def _read(self, data: bytes, source: Address) -> None:
        if self._layer is None:
            return
        if self.on_message is not None:
            self.on_message("in", data, source)
        if len(data) <= 4 and not data.strip(b"\r\n\x00"):
            self._counters["keepalives"] += 1  # RFC 5626 4.4.1
            return
        if len(data) > MAX_DATAGRAM_BYTES:
            _tell_too_large(self._neighbours, self._too_large, source[0])
        try:
            message = parse(data, source)
        except BadRequest as error:
            self._counters["malformed"] += 1
            answer = _answer_to(error, source) if self._neighbours.trusts(source[0]) else None
            if answer is not None:
                self._send(*answer)
            return
        except Unanswerable:
            self._counters["malformed"] += 1
            return
        if isinstance(message, Request):
            self._counters[_REQUESTS.get(message.method, "requests.other")] += 1
        self._layer.receive(message)

    def _send(self, data: bytes, destination: Address) -> None:
        if self.on_message is not None:
            self.on_message("out", data, destination)
        if data.startswith(b"SIP/2.0 "):
            self._counters[_RESPONSES[data[8]]] += 1
        self._sockets.send(data, destination)

    def _is_used(self, peer: TcpAddress) -> bool:
        return self.is_used(peer) or self.transactions.is_used(peer) or self.flows.holds(peer)

    def _disconnected(self, peer: Address, event: TxEvent) -> None:
        try:
            if self._layer is not None:
                if event is TxEvent.UNREACHABLE and not local_of(peer):
                    self.requests.has_no_tcp(peer)
                self._layer.disconnected(peer, event)
                self.flows.lost(peer)
        except Exception:  # the root of what a lost connection sets off
            log.exception("sip_disconnect_failed")


def _tell_too_large(neighbours: Neighbours, told: OnceAMinute, host: str) -> None:
    if neighbours.trusts(host) and told.is_news(host):
        log.info("sip_message_too_large", peer=host, most=MAX_DATAGRAM_BYTES, hint=_SHORTER)


def _answer_to(error: BadRequest, source: Address) -> tuple[bytes, Address] | None:
    """The 400 for a request that cannot be read, and where it goes; None if there is no answering it."""
    if error.method == "ACK":
        return None
    try:
        data = bad_request(error, source, identifiers.token_hex(8))
    except Unanswerable:
        return None
    top = readable_via(error.headers)
    return data, return_address(top, source) if top else source
