"""Whom a certificate speaks for (RFC 5922 7, RFC 6125 6.4.3). Pure.

Two things differ from RFC 5922, as servers do: a `*` may stand for the first label of a host name, which
certificates of carriers need, and the common name is never looked at, which no authority writes alone.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

Certificate = Mapping[str, Any]
"""As `ssl.SSLSocket.getpeercert` gives it."""


def speaks_for(certificate: Certificate, name: str) -> bool:
    """Whether a certificate names a host, a numeric address or a SIP domain."""
    wanted = name.strip("[]").rstrip(".").lower()
    address = _address(wanted)
    if address:
        return any(_address(said) == address for kind, said in _named(certificate) if kind == "ip")
    return any(_matches(said, wanted, kind) for kind, said in _named(certificate) if kind != "ip")


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """What a certificate says that it is for, as it stands there."""
    return tuple(dict.fromkeys(said for _, said in _named(certificate)))


def _named(certificate: Certificate) -> Iterator[tuple[str, str]]:
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "DNS":
            yield "dns", value
        elif kind == "IP Address":
            yield "ip", value.strip()
        elif kind == "URI" and value[:4].lower() == "sip:" and "@" not in value:
            yield "uri", value[4:].partition(";")[0].partition("?")[0]


def _matches(said: str, wanted: str, kind: str) -> bool:
    said = said.rstrip(".").lower()
    first, dot, rest = wanted.partition(".")
    if kind == "dns" and first and dot and "." in rest and said.startswith("*."):
        return said[2:] == rest
    return said == wanted


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
