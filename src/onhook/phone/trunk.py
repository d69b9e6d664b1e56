"""Where a call of ours goes and whom it names: trunks and caller ids. Pure."""

import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from onhook import numbers
from onhook.phone.addresses import TlsFiles
from onhook.phone.addresses import default_port as default_port
from onhook.phone.trunks import checks
from onhook.phone.trunks.checks import FieldRefused, HostPort, is_numeric

__all__ = ["ShownCaller", "Transport", "Trunk", "called_user", "is_numeric"]

Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "prefer", "require"]
SIP_PORT = 5060
"""Where SIP is, unless somebody says otherwise (RFC 3261 19.1.2)."""

CalledFrom = Literal["request-uri", "to", "p-called-party-id"]
CallerFrom = Literal["from", "pai", "rpid", "ppi", "diversion"]

_USER = re.compile(r"[A-Za-z0-9+*#._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A carrier, a PBX or a gateway: where calls go and come from, and how it wants to be talked to.

    FieldRefused, a ValueError, for what cannot be.
    """

    host: str
    """A numeric IPv4 or IPv6 address without brackets, or a name."""
    port: int | None = None
    """None is not said: RFC 3263 decides, and `sip_port` is where it ends."""
    transport: Transport = "udp"
    _: KW_ONLY
    name: str = ""
    """What the operator calls it; empty where nobody gave it a name."""
    outbound_proxy: str = ""
    """HOST, HOST:PORT or a SIP URI: where requests go instead of to `host`, as the first of their route."""
    username: str = ""
    """With one, challenges are answered (RFC 3261 22)."""
    auth_user: str = ""
    """Whom digest names; empty is `username`."""
    password: str = field(default="", repr=False)
    register: bool = False
    """Whether we register there (RFC 3261 10)."""
    from_user: str = ""
    """The user part of From, whoever calls; the caller stands in P-Asserted-Identity and
    P-Preferred-Identity then."""
    from_domain: str = ""
    """The host part of From and P-Asserted-Identity; empty is our own address."""
    srtp: Srtp = "off"
    """RFC 4568: `prefer` offers it to a peer that may do without, `require` takes no other call."""
    number_format: str = "plus"
    """How numbers are written, and read where they lack a country: `plus` +6531234567, `e164` 6531234567,
    `national:CC` as the country with that calling code dials."""
    called_from: CalledFrom = "request-uri"
    """Where a call to us says who is called."""
    caller_from: CallerFrom = "pai"
    """Where a call to us says who calls; without it there, From."""
    codecs: tuple[str, ...] = ()
    """Names of codecs (`PCMU`, `PCMA`) in order of preference; none is all, in ours."""
    ptime: int = 0
    """Milliseconds of audio in a packet that is sent, `checks.PTIMES_MS`; 0 is what the peer asks for."""
    session_timer: int = 1800
    """Seconds (RFC 4028); 0 is none that we ask for."""
    privacy: str = "none"
    """What every call asks for in Privacy (RFC 3323, 3325), with commas between; `none` leaves it to the
    caller id."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of our INVITEs, name and value."""
    ping_s: int = 0
    """Seconds between OPTIONS; 0 sends none."""
    keepalive_s: int = 25
    """Seconds between the CRLFs that keep a flow open (RFC 5626 4.4.1); 0 sends none."""
    ca_file: str = ""
    """A PEM file of whom to trust instead of the system's."""
    client_cert: str = ""
    """A PEM file with our certificate for TLS; `client_key` may be in the same file."""
    client_key: str = ""
    inbound: tuple[str, ...] = ()
    """Networks (CIDR), addresses and host names whose calls come by this trunk; with `digest` those of its
    user from anywhere, who prove to have the password."""
    audio_from_anywhere: bool = False
    """Its audio may come from an address that neither SDP nor signalling names."""
    service_route: tuple[str, ...] = ()
    """How its calls leave, as its registrar said last (RFC 3608): values of Route."""

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                _checked(name, check, value)
        for name in checks.CHOICES:
            _checked(
                name, lambda word, name=name: checks.check_choice(name, word), getattr(self, name)
            )
        if "digest" in self.inbound and not (self.username and self.password):
            raise FieldRefused("inbound", "with digest needs a username and a password")
        for name, needs in _NEEDS.items():
            if getattr(self, name) and not getattr(self, needs):
                raise FieldRefused(name, f"needs a {needs}")

    @property
    def next_hop(self) -> HostPort:
        """What is looked up and sent to, with a transport: the outbound proxy, or else the first of the way
        that the registrar said, or else the host."""
        own = HostPort(self.host, self.port, self.transport)
        if self.outbound_proxy:
            proxy = checks.host_port(self.outbound_proxy)
            return proxy._replace(transport=proxy.transport or self.transport)
        return _first_of(self.service_route, own) if self.service_route else own

    @property
    def digest_user(self) -> str:
        """Whom digest names (RFC 7616); empty: challenges are not answered."""
        return self.auth_user or self.username

    @property
    def tls_files(self) -> TlsFiles:
        """What a connection to it is made with over TLS."""
        return TlsFiles(self.ca_file, self.client_cert, self.client_key)

    @property
    def sip_port(self) -> int:
        """The port of `host`, said or not."""
        return self.port or default_port(self.transport)


def _first_of(routes: tuple[str, ...], own: HostPort) -> HostPort:
    """Where the first of some routes is; `own` if that cannot be read, or would leave TLS."""
    try:
        hop = checks.host_port(routes[0].partition("<")[2].partition(">")[0])
    except ValueError:
        return own
    if own.transport == "tls" and hop.transport not in ("", "tls"):
        return own
    return hop._replace(transport=hop.transport or own.transport)


def _check_proxy(text: str) -> None:
    if text:
        checks.host_port(text)


def _check_domain(text: str) -> None:
    if text:
        checks.check_host(text)


_CHECKS: dict[str, Callable[..., None]] = {
    "host": checks.check_host,
    "port": checks.check_port,
    "outbound_proxy": _check_proxy,
    "username": checks.check_text,
    "auth_user": checks.check_text,
    "password": checks.check_text,
    "from_user": checks.check_from_user,
    "from_domain": _check_domain,
    "number_format": checks.check_number_format,
    "codecs": checks.check_codecs,
    "ptime": checks.check_ptime,
    "session_timer": checks.check_session_timer,
    "privacy": checks.check_privacy,
    "headers": checks.check_headers,
    "ping_s": checks.check_period,
    "keepalive_s": checks.check_period,
    "ca_file": checks.check_text,
    "client_cert": checks.check_text,
    "client_key": checks.check_text,
    "inbound": checks.check_inbound,
}
_NEEDS = {
    "register": "username",
    "auth_user": "username",
    "password": "username",
    "client_key": "client_cert",
}


def _checked(name: str, check: Callable[..., None], value: object) -> None:
    try:
        check(value)
    except ValueError as error:
        raise FieldRefused(name, str(error)) from None


@dataclass(frozen=True, slots=True)
class ShownCaller:
    """Whom the callee sees: an E.164 number with its `+`, or nobody in particular when empty.

    `private`: the trunk is told the number, and asked to keep it from the callee (RFC 3323, 3325).
    """

    number: str
    private: bool = False

    def __post_init__(self) -> None:
        if self.number and not numbers.is_e164(self.number):
            raise ValueError("a caller id is a number in E.164, with its +")


def called_user(called: str) -> str:
    """The user part of the Request-URI for a number to dial; ValueError if it cannot be one."""
    if not _USER.fullmatch(called):
        raise ValueError("what is dialled consists of digits, letters and + * # . _ -")
    return called.replace("#", "%23")
