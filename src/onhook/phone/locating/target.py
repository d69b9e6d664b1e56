"""What is to be found: a host, and the port and the transport where somebody said them. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from onhook.phone.addresses import (
    NO_FILES,
    Address,
    TlsAddress,
    TlsFiles,
    over,
    transport_of,
)
from onhook.phone.trunk import Transport, Trunk, default_port


@dataclass(frozen=True, slots=True)
class Target:
    """A host, numeric (IPv6 without brackets) or by name. A port or a transport that is None was not said,
    so it is RFC 3263 that decides."""

    host: str
    port: int | None = None
    transport: Transport | None = None
    files: TlsFiles = NO_FILES
    """What connections over TLS are made with."""

    @property
    def is_numeric(self) -> bool:
        """Whether no name has to be looked up."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    def at(self, host: str, port: int | None = None, transport: Transport | None = None) -> Address:
        """The address of a server of this target.

        Over TLS its certificate has to say the target's name, not that of an SRV record: a name server can
        be lied to (RFC 5922 7.1, RFC 3263 8).
        """
        by = transport or self.transport or "udp"
        where = port or self.port or default_port(by)
        return over(by, host, where, name=self.host, files=self.files)


def of_trunk(trunk: Trunk) -> Target:
    """The target of a trunk: its outbound proxy where it has one."""
    hop = trunk.next_hop
    return Target(hop.host, hop.port, _transport(hop.transport), trunk.tls_files)


def of_address(address: Address) -> Target:
    """The target of an address whose host may be a name: its port and its transport were said."""
    files = address.files if isinstance(address, TlsAddress) else NO_FILES
    return Target(address[0], address[1], _transport(transport_of(address).lower()), files)


def _transport(text: str) -> Transport | None:
    known: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
    return known.get(text)
