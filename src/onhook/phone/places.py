"""Where peers reach us: the host and port that Via and Contact say to each of them."""

import functools

from onhook.phone.addresses import (
    TcpAddress,
    bracketed,
    default_port,
    local_of,
    transport_of,
    transport_parameter,
)
from onhook.phone.message import Address
from onhook.phone.neighbours import Neighbours
from onhook.phone.sockets import Sockets
from onhook.phone.tcp import TcpTransport

_CACHED = 1024
"""Peers for which it is remembered how they reach us."""


class Places:
    """What our listeners and routes come to for a peer; remembered until one of them changes."""

    def __init__(self, neighbours: Neighbours, sockets: Sockets, tcp: TcpTransport) -> None:
        self._neighbours = neighbours
        self._sockets = sockets
        self._tcp = tcp
        self._place = functools.lru_cache(maxsize=_CACHED)(self._found_place)
        neighbours.on_change.append(self.forget)

    def forget(self) -> None:
        """Listeners or addresses are others than before."""
        self._place.cache_clear()

    def contact_for(self, peer: Address) -> str:
        """Our Contact value for this peer."""
        if type(peer) is tuple:  # over UDP
            return f"<sip:{self.sent_by(peer)}>"
        return f"<sip:{self.reached_at(peer)}{transport_parameter(peer)}>"

    def reached_at(self, peer: Address) -> str:
        """Our host and port in a Contact for this peer: where we listen; or where nobody listens to its
        transport, our end of the connection with it, by which a peer finds that again. The connection is
        made, if there is none."""
        place, transport = self.sent_by(peer), transport_of(peer)
        if not isinstance(peer, TcpAddress) or self._sockets.listener_for(
            peer[0], transport, local_of(peer)
        ):
            return place
        port = self._tcp.local_port(peer)
        return f"{place.rpartition(':')[0]}:{port}" if port else place

    def sent_by(self, peer: Address) -> str:
        """Our host and port as this peer can reach them; the trunk's name need not be known yet.

        This is what Via says; SDP names the same host.
        """
        transport, local = transport_of(peer), local_of(peer)
        try:
            return self._place(peer[0], transport, local)
        except OSError:  # no route: what is sent will be lost, but a name it must have
            host, port = self._listener_towards(peer[0], transport, local)
            return self._written(peer[0], transport, host, port)

    def _found_place(self, peer: str, transport: str, local: str) -> str:
        """As `sent_by`; OSError when there is no route."""
        bound, port = self._listener_towards(peer, transport, local)
        host = self._neighbours.host_towards(peer, bound)
        return self._written(peer, transport, host, port)

    def _listener_towards(self, peer: str, transport: str, local: str) -> tuple[str, int]:
        """Where the listener is bound that a peer is talked to from."""
        listener = self._sockets.listener_for(peer, transport, local)
        if listener is None:
            return self._sockets.address[0], default_port(transport.lower())
        return listener.host, listener.port

    def _written(self, peer: str, transport: str, host: str, port: int) -> str:
        if transport != "TLS":
            port = self._neighbours.port_towards(peer, port)
        return f"{bracketed(host)}:{port}"
