"""Who called whom: the called number of the Request-URI and the caller's identity. Pure.

What a number means is not decided here: whether `91234567` lacks a country code is for whoever knows
the trunk to say.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from onhook.phone import grammar
from onhook.phone.message import Request
from onhook.phone.uris import sip_uri

MAX_CHARS = 128
"""A longer user part names nobody; a longer display name is cut."""

_WITHHELD = frozenset(("id", "user", "header", "full"))
_USER = re.compile(r"sips?:([^@\s<>\"]*)@([^\s<>\";?]*)", re.ASCII | re.IGNORECASE)
_TEL = re.compile(r"tel:([^\s<>\"?@]+)", re.ASCII | re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9().-]+)", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WITH_PRIVACY = frozenset(("remote-party-id", "diversion"))
_NOBODY = "anonymous"
_NOWHERE = "anonymous.invalid"


class PhoneUser(NamedTuple):
    """Whom a URI names.

    `text` is the user part of a SIP URI, or the number of a tel URI: percent-decoded, without password
    and parameters. `context` is the global prefix of its phone-context, `+65` (RFC 3966 5.1.5), or empty.
    """

    text: str
    context: str = ""


class Caller(NamedTuple):
    """Who calls. Both are empty when the caller is anonymous or asked for privacy.

    `users` are the asserted identities (RFC 3325), else whom From names. `name` is the display name
    of the same header, or else that of From.
    """

    users: tuple[PhoneUser, ...] = ()
    name: str = ""


def called_user(uri: str) -> PhoneUser:
    """Whom the Request-URI names; the text is empty where it names a host only.

    Raises ValueError when the URI cannot be read or the user part is not printable.
    """
    try:
        is_tel = uri[:4].lower() == "tel:"
        user = _of_tel(uri) if is_tel else (sip_uri(uri).user or "").partition(";")[0]
    except ValueError as error:
        raise ValueError("Bad Request-URI") from error
    if not (user.isprintable() and user.isascii()):
        raise ValueError("Bad Request-URI")
    return PhoneUser(user, _context(uri))


def addressed(request: Request) -> tuple[PhoneUser, ...]:
    """Whom a request was for before the Request-URI became our Contact: P-Called-Party-ID (RFC 7315 4.2),
    To."""
    if "p-called-party-id" not in request.headers:
        return _users([request.recipient.uri])
    try:
        named = [grammar.name_addr(value).uri for value in request.values("p-called-party-id")]
    except ValueError:
        named = []
    return _users([*named, request.recipient.uri])


def user_in(request: Request, header: str) -> PhoneUser | None:
    """Whom the first value of a header names; None if it is not there, or names nobody."""
    try:
        values = request.values(header)
        return _user(grammar.name_addr(values[0]).uri) if values else None
    except ValueError:
        return None


def caller_of(request: Request, header: str = "p-asserted-identity") -> Caller:
    """Who calls, by the identity in this header or else by From; nobody, when that is withheld.

    `header` is P-Asserted-Identity or P-Preferred-Identity (RFC 3325), Remote-Party-ID
    (draft-ietf-sip-privacy-04), Diversion (RFC 5806), whose topmost value is who forwarded the call last;
    or `from`.
    """
    if _withheld(request):
        return Caller()
    if header not in request.headers or header == "from":
        return _sender(request)
    try:
        asserted = _identities(request, header)
        uris = [grammar.name_addr(value).uri for value in asserted]
        if header in _WITH_PRIVACY and any(map(_is_private, asserted)):
            return Caller()
    except ValueError:
        return Caller()  # an identity that cannot be read is no reason to believe From instead
    if any(map(_is_anonymous, uris)):
        return Caller()
    sender = _sender(request)
    name = next(filter(None, map(display_name, asserted)), sender.name)
    return Caller(_users(uris) or sender.users, name)


def _sender(request: Request) -> Caller:
    """Whom From names."""
    uri = request.sender.uri
    if _is_anonymous(uri):
        return Caller()
    return Caller(_users([uri]), display_name(request.first("from")))


def custom_headers(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers that are neither ours nor the network's: those with X-, and User-to-User; as they came."""
    if not request.names and "user-to-user" not in request.headers:
        return ()
    return tuple(
        (request.names.get(name, name), value)
        for name, values in request.headers.items()
        if name.startswith("x-") or name == "user-to-user"
        for value in values
    )


def display_name(value: str) -> str:
    """The display name of a name-addr (RFC 3261 25.1), on one line and printable; empty without one.

    Senders older than UTF-8 write Latin-1.
    """
    quoted = _QUOTED.match(value.strip())
    name = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else value.partition("<")[0]
    if not quoted and "<" not in value:
        return ""
    data = name.encode("utf-8", "surrogateescape")
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        name = data.decode("latin-1")
    on_one_line = " ".join(name.split())
    return "".join(char for char in on_one_line if char.isprintable())[:MAX_CHARS]


def _identities(request: Request, header: str) -> list[str]:
    """The values of a header that say who calls."""
    values = [*request.values(header)]
    if header == "diversion":
        return values[:1]
    return [value for value in values if _parameter(value, "party") in ("", "calling")]


def _is_private(value: str) -> bool:
    """Whether a header that has a parameter for it asks for privacy."""
    return _parameter(value, "privacy") in ("full", "uri", "name")


def _parameter(value: str, name: str) -> str:
    return grammar.name_addr(value).parameters.get(name, "").lower()


def _users(uris: list[str]) -> tuple[PhoneUser, ...]:
    return tuple(user for uri in uris if (user := _user(uri)) is not None)


def _user(uri: str) -> PhoneUser | None:
    found = _USER.match(uri)
    text = _decoded(found.group(1)) if found else _of_tel(uri)
    if not text or len(text) > MAX_CHARS or not text.isprintable():
        return None
    return PhoneUser(text, _context(uri))


def _of_tel(uri: str) -> str:
    found = _TEL.fullmatch(uri)
    return _decoded(found.group(1)) if found else ""


def _decoded(user: str) -> str:
    """The user part of a SIP URI, percent-decoded, without parameters and password."""
    text = user.partition(";")[0].partition(":")[0]
    return unquote(text) if "%" in text else text


def _context(uri: str) -> str:
    found = _CONTEXT.search(uri) if ";" in uri else None
    return found.group(1) if found else ""


def _is_anonymous(uri: str) -> bool:
    """RFC 3323 4.1.1.3; many write the user alone."""
    found = _USER.match(uri)
    if found is None:
        return False
    return _decoded(found.group(1)).lower() == _NOBODY or found.group(2).lower() == _NOWHERE


def _withheld(request: Request) -> bool:
    """RFC 3323 4.2: the caller asked for privacy."""
    if "privacy" not in request.headers:
        return False
    wanted = request.first("privacy").lower().replace(",", ";").split(";")
    return any(word.strip() in _WITHHELD for word in wanted)
