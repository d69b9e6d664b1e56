"""Who called whom: the called number of the Request-URI and the caller's identity. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from onhook.phone import grammar
from onhook.phone.message import Request

_SEPARATORS = re.compile(r"[\s().-]")
_GLOBAL = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
_WITHHELD = frozenset(("id", "user", "header", "full"))
_USER = re.compile(r"sips?:([^@\s<>\"]*)@", re.ASCII | re.IGNORECASE)
_TEL = re.compile(r"tel:([0-9A-Fa-f*#+().-]+)", re.ASCII | re.IGNORECASE)


def called_user(uri: str) -> str:
    """The user part of a SIP URI: decoded, without password and parameters, `+` kept.

    Raises ValueError when the URI cannot be read or the user part is not printable.
    """
    try:
        user = (grammar.sip_uri(uri).user or "").partition(";")[0]
    except ValueError as error:
        raise ValueError("Bad Request-URI") from error
    if not (user.isprintable() and user.isascii()):
        raise ValueError("Bad Request-URI")
    return user


def caller_user(request: Request) -> str:
    """The user part of the asserted identity (RFC 3325), else of From; empty when withheld.

    It is as the trunk wrote it, without visual separators: whether `91234567` lacks a country code is
    for whoever knows the trunk to say.
    """
    if _withheld(request):
        return ""
    for uri in _identities(request):
        found = _USER.match(uri) or _TEL.match(uri)
        if found is None:
            continue
        user = unquote(found.group(1)).partition(";")[0].partition(":")[0]
        if user.lower() == "anonymous" or not (user.isascii() and user.isprintable()):
            return ""
        if user:
            bare = _SEPARATORS.sub("", user)
            return bare if bare.strip("+").isdigit() else user[:128]
    return ""


def e164(user: str) -> str:
    """`user` if it is a global number with its `+`, else the empty string."""
    return user if _GLOBAL.fullmatch(user) else ""


def _identities(request: Request) -> Iterator[str]:
    if "p-asserted-identity" in request.headers:
        try:
            for value in request.values("p-asserted-identity"):
                yield grammar.name_addr(value).uri
        except ValueError:
            return  # an identity that cannot be read is no reason to believe From instead
    yield request.sender.uri


def _withheld(request: Request) -> bool:
    """RFC 3323 4.2: the caller asked for privacy."""
    wanted = request.first("privacy").lower().replace(",", ";").split(";")
    return any(word.strip() in _WITHHELD for word in wanted)
