"""Where messages go: an address is a host, a port and a transport, and says which listener of ours it is
reached from, where that matters. Pure.

As tuples all of them are a host and a port, so whoever asks only for these need not know the transport.
"""

from ipaddress import ip_address
from typing import NamedTuple, Self

Address = tuple[str, int]
"""Host and port of a peer; numeric (IPv4, or IPv6 without brackets) where something is sent. Reached over
UDP, unless it is a `TcpAddress` or a `TlsAddress`."""


class _HostAndPort(NamedTuple):
    host: str
    port: int


class BoundAddress(_HostAndPort):
    """What the addresses of all transports have in common: which listener of ours they are reached from."""

    local: str = ""
    """Host and port of the listener of ours that it was heard by; empty: any that fits."""

    def heard_by(self, local: str) -> Self:
        """The same address, which sent something to this listener."""
        self.local = local
        return self


class UdpAddress(BoundAddress):
    """An address that is reached over UDP."""


class TcpAddress(BoundAddress):
    """An address that is reached over a connection: TCP, unless it is a `TlsAddress`.

    As a tuple it equals the same address over UDP.
    """


class TlsAddress(TcpAddress):
    """An address that is reached over TLS. It equals no address of another transport.

    `name` is what the certificate of the server has to say (RFC 5922 7): a host name, a numeric address or
    a SIP domain. Empty, it is the `host`. It says nothing about a peer that connected to us.
    """

    name: str = ""

    def __new__(cls, host: str, port: int, name: str = "") -> Self:
        """An address, as a tuple of two."""
        made = super().__new__(cls, host, port)
        made.name = name
        return made

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TlsAddress)
            and tuple(self) == tuple(other)
            and (self.name == other.name)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((*self, self.name))

    def __repr__(self) -> str:
        return f"TlsAddress(host={self.host!r}, port={self.port}, name={self.name!r})"


def over(transport: str, host: str, port: int, *, name: str = "", local: str = "") -> Address:
    """The address that is reached over a transport, `udp`, `tcp` or `tls`; ValueError for any other."""
    if transport == "tls":
        return TlsAddress(host, port, name).heard_by(local)
    if transport == "tcp":
        return TcpAddress(host, port).heard_by(local)
    if transport != "udp":
        raise ValueError(f"there is no transport {transport!r}; it is udp, tcp or tls")
    return UdpAddress(host, port).heard_by(local) if local else (host, port)


def transport_of(address: Address) -> str:
    """The transport as Via names it (RFC 3261 20.42)."""
    if isinstance(address, TlsAddress):
        return "TLS"
    return "TCP" if isinstance(address, TcpAddress) else "UDP"


def transport_parameter(address: Address) -> str:
    """What a URI of ours says of the transport (RFC 3261 19.1.1); nothing over UDP.

    `transport=tls` is what servers write, though RFC 3261 26.2.2 would have it as `sips:`.
    """
    transport = transport_of(address).lower()
    return "" if transport == "udp" else f";transport={transport}"


def local_of(address: Address) -> str:
    """The listener of ours that an address is bound to; empty for any."""
    return address.local if isinstance(address, BoundAddress) else ""


def like(address: Address, host: str, port: int | None = None) -> Address:
    """The same transport, listener and, unless told, port at another host.

    Of TLS the certificate has to say the same: an address of that host's name was looked up.
    """
    port = address[1] if port is None else port
    name = (address.name or address.host) if isinstance(address, TlsAddress) else ""
    return over(transport_of(address).lower(), host, port, name=name, local=local_of(address))


def listed(address: Address) -> list[object]:
    """An address as JSON can hold it: host and port; the transport where it is not UDP; and the name of its
    certificate and the listener, where there are any."""
    transport = transport_of(address).lower()
    name = address.name if isinstance(address, TlsAddress) else ""
    more = [transport, name, local_of(address)]
    while more and more[-1] in ("", "udp"):
        more.pop()
    return [*address, *more]


def unlisted(data: object, *, names: bool = False) -> Address:
    """The reverse of `listed`; ValueError for anything else, host names included unless they are let."""
    match data:
        case [str(host), int(port), *more] if 0 < port < 65536 and len(more) <= 3:
            texts = [text for text in more if isinstance(text, str)]
            if len(texts) == len(more) and texts[:1] in ([], ["udp"], ["tcp"], ["tls"]):
                transport, name, local = [*texts, *("udp", "", "")[len(texts) :]]
                return over(transport, _checked(host, names=names), port, name=name, local=local)
    raise ValueError("not an address in a record")


def _checked(host: str, *, names: bool) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        if names:
            return host
        raise
