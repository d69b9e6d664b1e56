"""Where a session description says that its audio is: the c= line (RFC 8866 5.7). Pure."""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from onhook.phone.errors import NamedAddress, SdpError, UnsupportedAddress

MAX_HOST_CHARS = 253
"""RFC 1035 2.3.4; a longer name is none."""
NOBODY = "0.0.0.0"
"""The address of a peer that does not listen at present (RFC 3264 8.4); also where it wrote `::`."""

_MAX_NUMERIC_CHARS = 64
_NO_HOSTS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",  # RFC 6890; broadcast is the last
        "ff00::/8", "fe80::/10",  # RFC 4291; a link-local one means nothing without its interface
    )
)  # fmt: skip
_LABEL = "[A-Z0-9_](?:[A-Z0-9_-]{0,61}[A-Z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!\d+\.?$){_LABEL}\.?", re.ASCII | re.IGNORECASE)


def address_in(connection: str, addresses: Mapping[str, str]) -> str:
    """The address in a c= line, without `c=`; `addresses` are those of names. Raises `SdpError`."""
    words = connection.split()
    if not words:
        raise SdpError("no c= line")
    if len(words) != 3:
        raise SdpError("bad c= line")
    if words[0] != "IN":
        raise UnsupportedAddress("media address is not of the internet", 300)
    if words[1] not in ("IP4", "IP6"):
        raise UnsupportedAddress("media address is neither IPv4 nor IPv6")
    ip = host(words[2], addresses if words[1] == "IP4" else None)
    if words[1] == "IP4" and is_ipv6(ip):
        raise UnsupportedAddress("media address is not of the family that it says")
    return ip


def is_ipv6(ip: str) -> bool:
    """The family of an address in digits."""
    return ":" in ip


def host(text: str, addresses: Mapping[str, str] | None) -> str:
    """The numeric address of a host, that of a name if it was looked up; without `addresses` it is none.

    An IPv4 address in the form of IPv6 (RFC 4291 2.5.5.2) is that IPv4 address.
    """
    if addresses is not None and _is_name(text):
        if text not in addresses:
            raise NamedAddress(text)
        text = addresses[text]
    if len(text) > _MAX_NUMERIC_CHARS:
        raise UnsupportedAddress("media address leads nowhere")
    return _numeric(text)


def _is_name(text: str) -> bool:
    digits = text.isascii() and text.replace(".", "").isdigit()
    return not digits and len(text) <= MAX_HOST_CHARS and _NAME.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _numeric(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise UnsupportedAddress("media address leads nowhere") from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise UnsupportedAddress("media address has a zone")
        address = address.ipv4_mapped or address
    if int(address) == 0:
        return NOBODY
    if any(address in network for network in _NO_HOSTS):
        raise UnsupportedAddress("media address is not a single host")
    return str(address)
