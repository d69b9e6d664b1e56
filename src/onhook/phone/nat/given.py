"""The address that peers outside are told, and who may know it, as an operator writes them. Pure.

As `--public-address` takes it: an address, a name, or `auto` for what a STUN server says, each with the SIP
port if the one outside is another; one for IPv4 and one for IPv6, with a comma between.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from onhook.phone.nat import stun
from onhook.phone.trunks import hosts

AUTO = "auto"
Version = Literal[4, 6]


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """One that is given: `host` is numeric, a name or `auto`; `port` is that of SIP outside, if another."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def version(self) -> Version | None:
        """The family of a numeric one; None for what has to be looked up."""
        try:
            return 6 if ip_address(self.host).version == 6 else 4
        except ValueError:
            return None


def public_addresses(text: str) -> tuple[PublicAddress, ...]:
    """Read addresses separated by commas. ValueError says what is wrong, and how one is written."""
    form = (
        f"expected an address, a name, or auto, with :PORT if SIP has another outside, got {text!r}"
    )
    found: list[PublicAddress] = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            where = hosts.plain_host_port(part)
        except ValueError:
            raise ValueError(form) from None
        found.append(PublicAddress(where.host, where.port))
    versions = [each.version for each in found]
    if len(set(versions)) < len(versions):
        raise ValueError(
            f"expected no more than one address for IPv4 and one for IPv6, got {text!r}"
        )
    return tuple(found)


def stun_server_of(text: str) -> tuple[str, int] | None:
    """Read `HOST` or `HOST:PORT`; None for an empty text. ValueError for anything else."""
    if not text:
        return None
    try:
        where = hosts.plain_host_port(text)
    except ValueError:
        where = None
    if where is None:
        raise ValueError(f"expected HOST or HOST:PORT, got {text!r}")
    return where.host, where.port or stun.PORT
