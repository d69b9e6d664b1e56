"""Where a call of ours goes and whom it names: trunks and caller ids. Pure."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from onhook import numbers

Transport = Literal["udp", "tcp"]

_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?"
                   r"(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*", re.ASCII)  # fmt: skip
_USER = re.compile(r"[A-Za-z0-9+*#._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way out: `host` is a numeric IPv4 address or a name that is looked up when it is dialled.

    With a `username` challenges are answered (RFC 3261 22). ValueError for what cannot be dialled.
    """

    host: str
    port: int = 5060
    transport: Transport = "udp"
    username: str = ""
    password: str = field(default="", repr=False)
    audio_from_anywhere: bool = False
    """Its audio may come from an address that neither SDP nor signalling names."""

    def __post_init__(self) -> None:
        numeric = is_numeric(self.host)
        if not numeric and not _NAME.fullmatch(self.host):
            raise ValueError("the host of a trunk is an IPv4 address or a host name")
        if numeric and ":" in self.host:
            raise ValueError("trunks are reached over IPv4")
        if not 0 < self.port < 65536:
            raise ValueError("the port of a trunk is between 1 and 65535")
        if self.transport not in ("udp", "tcp"):
            raise ValueError("the transport of a trunk is udp or tcp")
        if not (self.username.isprintable() and self.password.isprintable()):
            raise ValueError("user name and password of a trunk are printable")


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


def is_numeric(host: str) -> bool:
    """Whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
