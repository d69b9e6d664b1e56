"""Where messages go: an address is a host, a port and a transport, and says which listener of ours it is
reached from, where that matters. Pure.

As tuples all of them are a host and a port, so whoever asks only for these need not know the transport.
"""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, Self

Address = tuple[str, int]
"""Host and port of a peer; numeric (IPv4, or IPv6 without brackets) where something is sent. Reached over
UDP, unless it is a `TcpAddress` or a `TlsAddress`."""


Sockaddr = tuple[str, int] | tuple[str, int, int, int]
"""An address as sockets give it, IPv4 or IPv6."""


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

    back: int = 0
    """The port to connect to when the connection that this peer made to us is gone; 0 is the usual one."""


class TlsFiles(NamedTuple):
    """Paths of PEM files for connections that we make, each empty for none."""

    ca_file: str = ""
    """Whom to trust instead of the system's roots."""
    certificate: str = ""
    """Ours, which a server may ask for."""
    key: str = ""
    """The key of it; it may stand in the same file."""


NO_FILES = TlsFiles()


class TlsAddress(TcpAddress):
    """An address that is reached over TLS. It equals no address of another transport.

    `name` is what the certificate of the server has to say (RFC 5922 7): a host name, a numeric address or
    a SIP domain. Empty, it is the `host`. It says nothing about a peer that connected to us.
    """

    name: str = ""
    files: TlsFiles = NO_FILES

    def __new__(cls, host: str, port: int, name: str = "", files: TlsFiles = NO_FILES) -> Self:
        """An address, as a tuple of two."""
        made = super().__new__(cls, host, port)
        made.name = name
        made.files = files
        return made

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TlsAddress)
            and tuple(self) == tuple(other)
            and self.name == other.name
            and self.files == other.files
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((*self, self.name, self.files))

    def __repr__(self) -> str:
        return f"TlsAddress(host={self.host!r}, port={self.port}, name={self.name!r})"


Flow = tuple[str, str, int, str, str, TlsFiles]


def flow_of(address: Address) -> Flow:
    """What tells the ways to a peer apart, so that each connection is one.

    A peer that connected to us is known by the listener it came to, and needs no name.
    """
    local = local_of(address)
    name, files = (
        (address.name, address.files)
        if isinstance(address, TlsAddress) and not local
        else ("", NO_FILES)
    )
    return transport_of(address), address[0], address[1], local, name, files


def over(
    transport: str,
    host: str,
    port: int,
    *,
    name: str = "",
    files: TlsFiles = NO_FILES,
    local: str = "",
) -> Address:
    """The address that is reached over a transport, `udp`, `tcp` or `tls`; ValueError for any other."""
    if transport == "tls":
        return TlsAddress(host, port, name, files).heard_by(local)
    if transport == "tcp":
        return TcpAddress(host, port).heard_by(local)
    if transport != "udp":
        raise ValueError(f"there is no transport {transport!r}; it is udp, tcp or tls")
    return UdpAddress(host, port).heard_by(local) if local else (host, port)


def default_port(transport: str) -> int:
    """RFC 3261 19.1.2."""
    return 5061 if transport == "tls" else 5060


def bracketed(host: str) -> str:
    """A host as it stands in a URI or in Via: an IPv6 address in brackets, and without its link."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def transport_of(address: Address) -> str:
    """The transport as Via names it (RFC 3261 20.42)."""
    if type(address) is tuple:
        return "UDP"
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
    if isinstance(address, TlsAddress):
        name = address.name or address.host
        return TlsAddress(host, port, name, address.files).heard_by(address.local)
    return over(transport_of(address).lower(), host, port, local=local_of(address))


def vouched(address: Address, known: Address) -> Address:
    """The same address. Over TLS, should a connection to it have to be made, its certificate has to say what
    that of a `known` one says, and the same files are used; unless that was settled already."""
    if not isinstance(address, TlsAddress) or not isinstance(known, TlsAddress) or address.name:
        return address
    made = TlsAddress(*address, known.name, known.files)
    made.back = address.back
    return made.heard_by(address.local)


def numeric(sockaddr: Sockaddr) -> Address:
    """Host and port of a socket's address; a link-local host says on which link (RFC 4007 11)."""
    host = sockaddr[0].partition("%")[0]
    scope = sockaddr[3] if len(sockaddr) == 4 else 0
    return (f"{host}%{scope}" if scope else host), sockaddr[1]


def network_of(host: str) -> str:
    """Whose an address is, as far as it says so: one of IPv4 by itself, of IPv6 the first half, in which one
    customer of a network has as many as it likes (RFC 4291 2.5.4)."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def listed(address: Address) -> list[object]:
    """An address as JSON can hold it: host and port, the transport where it is not UDP, and where there are
    any, the name of its certificate, the listener, and the files of its TLS."""
    if type(address) is tuple:
        return [*address]
    tls = (address.name, address.files) if isinstance(address, TlsAddress) else ("", NO_FILES)
    back = str(address.back or "") if isinstance(address, TcpAddress) else ""
    more = [transport_of(address).lower(), tls[0], local_of(address), *tls[1], back]
    while more and more[-1] in ("", "udp"):
        more.pop()
    return [*address, *more]


def unlisted(data: object, *, names: bool = False) -> Address:
    """The reverse of `listed`; ValueError for anything else, host names included unless they are let."""
    match data:
        case [str(host), int(port), *more] if 0 < port < 65536 and len(more) <= 7:
            texts = [text for text in more if isinstance(text, str)]
            if len(texts) == len(more) and texts[:1] in ([], ["udp"], ["tcp"], ["tls"]):
                host = _checked(host, names=names)
                transport, name, local, *files = ((texts or ["udp"]) + [""] * 6)[:7]
                made = over(
                    transport, host, port, name=name, local=local, files=TlsFiles(*files[:3])
                )
                if isinstance(made, TcpAddress):
                    made.back = int(files[3] or 0)
                return made
    raise ValueError("not an address in a record")


def _checked(host: str, *, names: bool) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        if names:
            return host
        raise
