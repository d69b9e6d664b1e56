"""How the text of each setting is read, and how its value is written down. No library but our own.

Each reader takes a text, or what a file has in its place, and leaves what it does not know to whoever checks
types. ValueError says what was expected.
"""

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from onhook.listeners import listen_addresses
from onhook.phone.nat.given import PublicAddress, public_addresses, stun_server_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""As browsers write one (RFC 6454, 6.2), in small letters."""


def address(value: object) -> object:
    """``HOST:PORT`` as a pair; an IPv6 host in brackets."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, got {value!r}")
    return host.strip("[]") or "0.0.0.0", int(port)


def sip_listeners(value: object) -> object:
    """Where SIP listens; the addresses of a file may be a list."""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return listen_addresses(value) if isinstance(value, str) else value


def port_range(value: object) -> object:
    """``LOW-HIGH``, both included, as a pair."""
    if not isinstance(value, str):
        return value
    low, dash, high = value.partition("-")
    if not dash or not (low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
        raise ValueError(f"expected LOW-HIGH, got {value!r}")
    if not 1024 <= int(low) < int(high) <= 65535:
        raise ValueError(f"expected 1024 <= LOW < HIGH <= 65535, got {value!r}")
    if int(low) + int(low) % 2 == int(high):
        raise ValueError(f"expected an even port and the one above it, got {value!r}")
    return int(low), int(high)


def networks(value: object) -> object:
    """Networks in CIDR, separated by commas; those of a file may be a list."""
    parts = comma_list(value)
    return tuple(map(_network, parts)) if isinstance(parts, list | tuple) else parts


def _network(value: object) -> object:
    """One network. ValueError says which value is none, and how one is written."""
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        whole = ipaddress.ip_network(value, strict=False)
    except ValueError:
        form = "expected networks such as 10.0.0.0/8 or 192.0.2.7/32, separated by commas"
        raise ValueError(f"{form}, got {value!r}") from None
    raise ValueError(f"{value!r} is an address within a network; expected the network, {whole}")


def name_servers(value: object) -> object:
    """``ADDRESS`` or ``ADDRESS:PORT``, separated by commas, as pairs; IPv6 with a port in brackets."""
    parts = comma_list(value)
    return tuple(map(_name_server, parts)) if isinstance(parts, list | tuple) else parts


def _name_server(value: object) -> object:
    """One name server, at port 53 unless told."""
    if not isinstance(value, str):
        return value
    try:
        return str(ipaddress.ip_address(value.strip("[]"))), 53
    except ValueError:
        host, _, port = value.rpartition(":")
    try:
        if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError:
        pass
    raise ValueError(f"expected addresses in digits such as 192.0.2.53, got {value!r}")


def outside_addresses(value: object) -> object:
    """Addresses, names or ``auto``, separated by commas; those of a file may be a list."""
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    return public_addresses(text) if isinstance(text, str) else text


def stun_server(value: object) -> object:
    """``HOST`` or ``HOST:PORT`` as a pair."""
    return stun_server_of(value) if isinstance(value, str) else value


def comma_list(value: object) -> object:
    """What stands between commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def number(value: object) -> object:
    """Text from the environment as the number that a choice of numbers compares it with."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(str(value)) if is_number else value


def web_address(value: object) -> object:
    """An ``http`` or ``https`` URL that paths can be put behind; empty for none."""
    if not isinstance(value, str) or not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"expected https://HOST or https://HOST/PATH, got {value!r}")
    return value.rstrip("/")


def country(value: object) -> object:
    """A country by its ISO 3166-1 or its calling code; empty for none."""
    if not isinstance(value, str | int) or value == "":
        return value
    from onhook import numbers

    found = numbers.country_of(str(value))
    if found is None:
        raise ValueError(f"expected a country such as SG, or its calling code, 65; got {value!r}")
    return found


def origins(value: object) -> object:
    """Origins separated by commas; ``*`` is every one."""
    listed = comma_list(value)
    return tuple(map(_origin, listed)) if isinstance(listed, tuple | list) else listed


def _origin(value: object) -> str:
    origin = str(value).lower()
    if origin != "*" and not _ORIGIN.fullmatch(origin):
        raise ValueError(f"expected https://HOST without a path, or *, got {value!r}")
    return origin


def plain(value: object) -> Any:
    """A value as its validator takes it from a file."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case PublicAddress():
            return str(value)
        case (str(host), int(port)):
            return [host, port]
        case tuple():
            return [plain(each) for each in value]
        case _ if hasattr(value, "get_secret_value"):
            return value.get_secret_value()
        case _:
            return str(value)
