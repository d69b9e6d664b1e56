"""What the fields of a trunk may hold. Pure; every check raises ValueError.

What it says begins with a verb: whoever asked puts the name of what was given before it.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from onhook import numbers
from onhook.phone.sdp import PTIMES_MS as PTIMES_MS
from onhook.phone.sdp import SdpCodec
from onhook.phone.trunks.hosts import (
    HostPort as HostPort,  # where a trunk is, among what it may hold
)
from onhook.phone.trunks.hosts import check_host as check_host
from onhook.phone.trunks.hosts import check_port as check_port
from onhook.phone.trunks.hosts import host_and_port
from onhook.phone.trunks.hosts import is_numeric as is_numeric
from onhook.phone.trunks.hosts import plain_host_port as plain_host_port

CHOICES: Mapping[str, tuple[str, ...]] = {
    "transport": ("udp", "tcp", "tls"),
    "srtp": ("off", "prefer", "require"),
    "called_from": ("request-uri", "to", "p-called-party-id"),
    "caller_from": ("from", "pai", "rpid", "ppi", "diversion"),
}
"""The fields that take one of a few words; the first is the default."""
CODECS = tuple(codec.name for codec in SdpCodec)
"""In the order in which we offer them."""
PRIVACY = ("id", "user", "header", "session", "critical")
"""What a Privacy header may ask for (RFC 3323 4.2, RFC 3325 9.3), beside `none`."""
MIN_SESSION_S = 90
"""The shortest session timer (RFC 4028 4)."""
MAX_SECONDS = 86_400
MAX_HEADERS = 20
MAX_HEADER_CHARS = 512
MAX_TEXT_CHARS = 200
"""Of a user name, a password, a file's name."""
MAX_INBOUND = 64

_OURS = frozenset((
    "accept", "allow", "authorization", "call-id", "contact", "content-encoding", "content-length",
    "content-type", "cseq", "expires", "from", "max-forwards", "min-se", "p-asserted-identity",
    "p-preferred-identity", "privacy", "proxy-authorization", "rack", "reason", "record-route",
    "require", "route", "rseq", "session-expires", "supported", "to", "unsupported", "user-agent",
    "via", "i", "m", "e", "l", "c", "f", "s", "k", "t", "v", "x",
))  # fmt: skip
"""The headers that we write, in lower case, and their compact forms."""
_TOKEN = re.compile(r"[A-Za-z0-9!%*_+`'~.-]{1,64}", re.ASCII)
_FROM_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,64}", re.ASCII)
_NATIONAL = re.compile(r"national:\+?([1-9][0-9]{0,2}|[A-Za-z]{2})", re.ASCII)
_SIP_URI = re.compile(
    r"(?P<scheme>sips?):(?P<at>[^@;?]*@)?(?P<where>[^;?@]+)(?P<params>(;[^;?]+)*)", re.I
)


class FieldRefused(ValueError):
    """A field of a trunk cannot be what was given; `why` begins with a verb."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"the {field} of a trunk {why}")
        self.field = field
        self.why = why


def check_choice(field: str, value: str) -> None:
    """One of the words of `CHOICES`."""
    if value not in CHOICES[field]:
        raise ValueError(f"is one of {', '.join(CHOICES[field])}")


def host_port(text: str) -> HostPort:
    """`HOST`, `HOST:PORT`, `[IPV6]:PORT`, or a SIP URI of these (RFC 3261 19.1.1)."""
    found = _SIP_URI.fullmatch(text)
    if found is None:
        return HostPort(*host_and_port(text))
    params = dict(part.lower().partition("=")[::2] for part in found["params"].split(";") if part)
    transport = "tls" if found["scheme"].lower() == "sips" else params.get("transport", "")
    if transport:
        check_choice("transport", transport)
    return HostPort(*host_and_port(found["where"]), transport)


def check_text(text: str) -> None:
    """Something that can be printed, and is not too long."""
    if len(text) > MAX_TEXT_CHARS or not text.isprintable():
        raise ValueError(f"is longer than {MAX_TEXT_CHARS} characters or cannot be printed")


def check_from_user(user: str) -> None:
    """The user part of a SIP URI (RFC 3261 25.1), as it stands in one."""
    if user and not _FROM_USER.fullmatch(user):
        raise ValueError(
            "consists of up to 64 letters, digits and _ . + - and what a SIP URI allows"
        )


def check_number_format(text: str) -> None:
    """`plus`, `e164`, or `national:CC` with a calling code or a country's two letters."""
    if text in ("plus", "e164"):
        return
    found = _NATIONAL.fullmatch(text)
    if found is None:
        raise ValueError("is plus, e164 or national:CC with a calling code, such as national:49")
    if numbers.country_of(found.group(1)) is None:
        raise ValueError(f"names no country: {found.group(1)}")


def check_codecs(codecs: Sequence[str]) -> None:
    """Some of `CODECS`, each once."""
    if any(codec not in CODECS for codec in codecs) or len(set(codecs)) < len(codecs):
        raise ValueError(f"is a list of {' and '.join(CODECS)}, each once")


def check_ptime(ptime: int) -> None:
    """One of `PTIMES_MS`; 0 is what the peer asks for."""
    if ptime and ptime not in PTIMES_MS:
        *few, most = map(str, PTIMES_MS)
        raise ValueError(f"is {', '.join(few)} or {most} ms, or 0 for what the peer asks for")


def check_session_timer(seconds: int) -> None:
    """RFC 4028 4; 0 is none."""
    if seconds and not MIN_SESSION_S <= seconds <= MAX_SECONDS:
        raise ValueError(f"is 0, or from {MIN_SESSION_S} to {MAX_SECONDS} seconds")


def check_period(seconds: int) -> None:
    """How often something is repeated; 0 is never."""
    if seconds and not 5 <= seconds <= MAX_SECONDS:
        raise ValueError(f"is 0, or from 5 to {MAX_SECONDS} seconds")


def check_privacy(text: str) -> None:
    """`none`, or some of `PRIVACY` with commas between."""
    words = text.split(",")
    if text != "none" and not (set(words) <= set(PRIVACY) and len(set(words)) == len(words)):
        raise ValueError(f"is none, or a list of {', '.join(PRIVACY)} with commas between")


def check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Headers that are not ours to write, with values that stay on their line."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"has more than {MAX_HEADERS} lines")
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError("is NAME: VALUE, such as X-Account: 7")
        if name.lower() in _OURS:
            raise ValueError(f"cannot be {name}, which Onhook writes itself")
        if not value or len(value) > MAX_HEADER_CHARS or not value.isprintable():
            raise ValueError(f"has a value of up to {MAX_HEADER_CHARS} printable characters")


def check_inbound(sources: Sequence[str]) -> None:
    """Networks, addresses and host names; `digest` is a name of its own."""
    if len(sources) > MAX_INBOUND:
        raise ValueError(f"has more than {MAX_INBOUND} entries")
    for source in sources:
        if "/" in source or is_numeric(source):
            try:
                ip_network(source)
            except ValueError:
                raise ValueError(
                    f"has a network that is none, {source[:80]}: no bit is set behind its length"
                ) from None
        else:
            check_host(source)
