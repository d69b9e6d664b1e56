"""Where SIP listens, as an operator writes it; for the settings, and for `phone`. Pure.

A listener hears one family: `[::]` takes IPv6 only, whatever the system's default is, and a machine that is
to be called over both has a listener for each. So an address that somebody was heard from is always in its
own form, networks of trusted peers mean what they say, and no message leaves by a mapped address.
"""

from dataclasses import dataclass
from ipaddress import ip_address

_FORM = (
    "expected an address in digits and a port, such as 0.0.0.0:5060 or [::]:5060, or several with "
    "their transports, such as udp:0.0.0.0:5060,tls:[::]:5061"
)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """`host` is numeric, without brackets. `transport` is `udp`, `tcp` or `tls`; empty is UDP and TCP."""

    host: str
    port: int
    transport: str = ""

    @property
    def place(self) -> str:
        """Host and port; the host in brackets if it needs them."""
        return f"{f'[{self.host}]' if self.is_ipv6 else self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.transport}:{self.place}" if self.transport else self.place

    @property
    def is_ipv6(self) -> bool:
        """Whether it is heard by IPv6 peers, and by nobody else."""
        return ":" in self.host

    @property
    def is_wildcard(self) -> bool:
        """Whether it has all addresses of its family."""
        return self.host in ("0.0.0.0", "::")


def listen_addresses(text: str) -> tuple[ListenAddress, ...]:
    """Read addresses separated by commas. ValueError says what is wrong, and how they are written."""
    found = tuple(_address(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ValueError(f"{_FORM}, got {text!r}")
    fixed = [each for each in found if each.port]
    for each in fixed:
        taken = {(one, each.host, each.port) for one in _transports(each)}
        others = [one for one in fixed if one is not each]
        if any((one, o.host, o.port) in taken for o in others for one in _transports(o)):
            raise ValueError(f"{each} is given twice in {text!r}")
    return found


def _transports(address: ListenAddress) -> tuple[str, ...]:
    """The kinds of sockets that it takes: TLS is a stream like TCP."""
    return {"": ("udp", "tcp"), "udp": ("udp",)}.get(address.transport, ("tcp",))


def _address(text: str) -> ListenAddress:
    transport, colon, rest = text.partition(":")
    transport = transport.lower()
    if not colon or transport not in ("udp", "tcp", "tls"):
        transport, rest = "", text
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{_FORM}, got {text!r}")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        numeric = ip_address(host[1:-1] if bracketed else host or "0.0.0.0")
    except ValueError:
        raise ValueError(f"{_FORM}, got {text!r}") from None
    if bracketed != (numeric.version == 6):
        raise ValueError(f"an IPv6 address stands in brackets, and no other; got {text!r}")
    return ListenAddress(str(numeric), int(port), transport)
