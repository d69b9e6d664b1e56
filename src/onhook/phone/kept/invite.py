"""A received INVITE as text, until it is answered. Pure."""

from onhook.phone.addresses import Address
from onhook.phone.errors import SipMessageError
from onhook.phone.kept.reading import KeptUnreadable
from onhook.phone.message import Request, parse

_SECRETS = frozenset(("authorization", "proxy-authorization"))


def text_of(invite: Request) -> str:
    """What it says, but for credentials, which were looked at."""
    lines = [
        f"{invite.names.get(name, name)}: {value}\r\n"
        for name, values in invite.headers.items()
        if name not in _SECRETS
        for value in values
    ]
    body = invite.body.decode("utf-8", "surrogateescape")
    return f"INVITE {invite.uri} SIP/2.0\r\n{''.join(lines)}\r\n{body}"


def invite_of(text: str, source: Address) -> Request:
    """The reverse, as it came from `source`. Raises `KeptUnreadable`."""
    try:
        read = parse(text.encode("utf-8", "surrogateescape"), source)
    except (SipMessageError, UnicodeError) as error:
        raise KeptUnreadable("no INVITE") from error
    if not isinstance(read, Request) or read.method != "INVITE":
        raise KeptUnreadable("no INVITE")
    return read
