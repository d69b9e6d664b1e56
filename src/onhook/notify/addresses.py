"""Which addresses a customer's URL may reach: the one place that decides.

A URL from outside is a wish to have this machine open a connection, and this machine stands where
the customer does not: beside the database, the cloud's metadata service, the SIP trunk. So an
address is called only if it is public, or if the operator's allow-list names it.

What is public is spelled out here from the IANA special-purpose registries (RFC 6890 and what came
after) rather than asked of `ipaddress`, whose `is_global` differs between Python releases. For IPv6
the rule is turned round: only 2000::/3, the space that is handed out to networks, can be public, and
ranges are taken out of it.

Some IPv6 addresses are an IPv4 address in disguise. Their IPv4 address has to pass as well, whatever
the allow-list says of the IPv6 range:

| form | example | the IPv6 range itself |
|---|---|---|
| IPv4-mapped (RFC 4291) | `::ffff:10.0.0.1` | is that IPv4 address |
| NAT64, well-known prefix (RFC 6052) | `64:ff9b::10.0.0.1` | public: how hosts without IPv4 see it |
| 6to4 (RFC 3056), Teredo (RFC 4380) | `2002:a00:1::` | refused: tunnels, no longer in use |
| IPv4-compatible, -translated | `::10.0.0.1`, `::ffff:0:10.0.0.1` | refused: obsolete, or local |
| ISATAP (RFC 5214) | `2001:db8::5efe:10.0.0.1` | as its prefix |

NAT64 with a prefix of the operator's own cannot be told from any other address; whoever runs it
keeps private ranges out of the translator (RFC 6052, section 3.1 asks for that).
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from onhook.notify.errors import AddressRefused

IPAddress: TypeAlias = IPv4Address | IPv6Address
"""An address of either family."""

IPNetwork: TypeAlias = IPv4Network | IPv6Network
"""A range of addresses of either family."""


_NOT_PUBLIC_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), rule)
    for network, rule in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "of this network (RFC 791)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "shared by a carrier's NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("168.63.129.16/32", "a cloud platform's own service"),  # Azure's, inside public space
        ("169.254.0.0/16", "link-local (RFC 3927)"),  # cloud metadata lives here
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "reserved for protocols (RFC 6890)"),
        ("192.0.2.0/24", "for documentation (RFC 5737)"),
        ("192.88.99.0/24", "a 6to4 relay (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "for documentation (RFC 5737)"),
        ("203.0.113.0/24", "for documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("255.255.255.255/32", "broadcast (RFC 919)"),
        ("240.0.0.0/4", "reserved (RFC 1112)"),
    )
)

_NOT_PUBLIC_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), rule)
    for network, rule in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback (RFC 4291)"),
        ("::ffff:0:0:0/96", "translated from IPv4 (RFC 7915)"),
        ("::/96", "IPv4-compatible (RFC 4291)"),
        ("64:ff9b:1::/48", "a local NAT64 (RFC 8215)"),
        ("100::/64", "discarded (RFC 6666)"),
        ("2001::/32", "a Teredo tunnel (RFC 4380)"),
        ("2001::/23", "reserved for protocols (RFC 2928)"),
        ("2001:db8::/32", "for documentation (RFC 3849)"),
        ("2002::/16", "a 6to4 tunnel (RFC 3056)"),
        ("3fff::/20", "for documentation (RFC 9637)"),
        ("5f00::/16", "a segment identifier (RFC 9602)"),
        ("fc00::/7", "private (RFC 4193)"),
        ("fe80::/10", "link-local (RFC 4291)"),
        ("fec0::/10", "site-local (RFC 3879)"),
        ("ff00::/8", "multicast (RFC 4291)"),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOW_32_BITS_ARE_IPV4 = (_NAT64, IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
_NOT_IPV4_AFTER_ALL = (IPv6Address("::"), IPv6Address("::1"))
_ISATAP_TAGS = (0x0000_5EFE, 0x0200_5EFE)


class AddressPolicy:
    """Decides by address alone. `allowed_networks` are the operator's exceptions.

    Raises `ValueError` for a network that is none, or that has host bits set (`10.0.0.1/8`):
    an exception to a rule of safety is not guessed at.
    """

    def __init__(self, allowed_networks: Iterable[str | IPNetwork] = ()) -> None:
        self._allowed = tuple(
            ip_network(network) if isinstance(network, str) else network
            for network in allowed_networks
        )

    def check(self, address: IPAddress | str) -> None:
        """Return if the address may be called, else raise `AddressRefused`."""
        ip = canonical(address)
        if isinstance(ip, IPv6Address) and ip.scope_id is not None:
            raise AddressRefused("the address names an interface of this machine")
        self._check_itself(ip)
        if isinstance(ip, IPv6Address):
            for embedded in embedded_ipv4(ip):
                self._check_embedded(embedded)

    def _check_itself(self, ip: IPAddress) -> None:
        rule = _rule_against(ip)
        if rule is not None and not self._is_named(ip):
            raise AddressRefused(f"the address is {rule}, and not on the list of allowed networks")

    def _check_embedded(self, ip: IPv4Address) -> None:
        rule = _rule_against(ip)
        if rule is not None and not self._is_named(ip):
            raise AddressRefused(f"the address embeds an IPv4 address that is {rule}")

    def _is_named(self, ip: IPAddress) -> bool:
        return any(ip.version == network.version and ip in network for network in self._allowed)


def canonical(address: IPAddress | str) -> IPAddress:
    """Parse an address, and unwrap an IPv4-mapped one: the kernel connects to the IPv4 address.

    Raises `AddressRefused` for text that is not an address.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        raise AddressRefused("it is not an address") from None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None and ip.scope_id is None:
        return ip.ipv4_mapped
    return ip


def embedded_ipv4(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """Every IPv4 address that an IPv6 address carries in a well-known place."""
    if ip in _NOT_IPV4_AFTER_ALL:
        return ()
    if ip.sixtofour is not None:
        return (ip.sixtofour,)
    if ip.teredo is not None:
        return ip.teredo
    value = int(ip)
    in_low_bits = any(ip in network for network in _LOW_32_BITS_ARE_IPV4)
    if in_low_bits or (value >> 32) & 0xFFFF_FFFF in _ISATAP_TAGS:
        return (IPv4Address(value & 0xFFFF_FFFF),)
    return ()


def _rule_against(ip: IPAddress) -> str | None:
    """Name the rule that makes an address not public, or None if it is public."""
    if isinstance(ip, IPv4Address):
        return next((rule for network, rule in _NOT_PUBLIC_V4 if ip in network), None)
    for network, rule in _NOT_PUBLIC_V6:
        if ip in network:
            return rule
    if ip in _GLOBAL_UNICAST or ip in _NAT64:
        return None
    return "not in the space of public addresses (RFC 4291)"
