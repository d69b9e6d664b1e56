"""How a host is written, with its port or without. Pure; every check raises ValueError, as in `checks`."""

import re
from ipaddress import ip_address
from typing import NamedTuple

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


class HostPort(NamedTuple):
    """A host (numeric without brackets, or a name), its port if one was said, and the transport that a
    URI named, empty if none did."""

    host: str
    port: int | None = None
    transport: str = ""


def check_host(host: str) -> None:
    """A host name, or a numeric address without brackets; what ends with a number has to be an address."""
    if is_numeric(host):
        if "%" in host:
            raise ValueError("is an address without a zone")
    elif not host.rstrip(".").rpartition(".")[2][:1].isalpha() or not _NAME.fullmatch(host):
        raise ValueError("is an IPv4 or IPv6 address, or a host name")


def check_port(port: int) -> None:
    """One that can be sent to."""
    if not 0 < port < 65536:
        raise ValueError("has a port from 1 to 65535")


def plain_host_port(text: str) -> HostPort:
    """The same, but no URI."""
    return HostPort(*host_and_port(text))


def host_and_port(text: str) -> tuple[str, int | None]:
    """What stands before and behind the colon."""
    if is_numeric(text):
        return text, None
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    host = host if colon else text
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host or not is_numeric(host):
            raise ValueError("has an IPv6 address between its brackets")
    elif ":" in host:
        raise ValueError("has an IPv6 address in brackets where a port follows")
    check_host(host)
    if not colon:
        return host, None
    if not _PORT.fullmatch(port):
        raise ValueError("has a port from 1 to 65535")
    check_port(int(port))
    return host, int(port)


def is_numeric(host: str) -> bool:
    """Whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
