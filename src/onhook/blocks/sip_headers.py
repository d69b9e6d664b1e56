"""SIP headers of an application: ``sip_header_X-…`` and ``sip_header_User-to-User``. Pure.

An INVITE to us brings them to the application (:func:`told`); Dial, Transfer and Hangup put them on their
INVITE, BYE or rejection (:func:`read`). No other header can be read or set, since those are the
signalling's own. Values are the application's secrets: they stand in no log and in no refusal.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from onhook.blocks.declaration import Field
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import Refused, SipHeaders

PREFIX: Final = "sip_header_"
MOST: Final = 20
MOST_BYTES: Final = 4096
"""Of names and values together, in UTF-8."""
VALUE_MAX: Final = 512
"""Characters. A User-to-User of 128 octets (RFC 7433) has 256, and its parameters."""
_NAME_MAX = 64

_UUI = "User-to-User"
_NAME = r"[Xx]-[A-Za-z0-9_.-]{1,62}|User-to-User"
PATTERN: Final = f"{PREFIX}({_NAME})"
"""The names of such parameters, and of such fields of a notification."""
_HEADER = re.compile(_NAME, re.ASCII | re.IGNORECASE)

SIP_HEADERS = Param(
    "sip_header_X-…",
    Kind.SIP_HEADERS,
    "Headers of your own, one a parameter: `sip_header_X-Account` sends `X-Account`. Only names that begin "
    "with `X-` (letters, digits, dots, underscores, hyphens), and `sip_header_User-to-User` (RFC 7433); at "
    "most 20, 4096 bytes in all, a value 1 to 512 printable characters. Those that the operator gave the "
    "trunk stay as they are.",
    max_length=VALUE_MAX,
    pattern=PATTERN,
)
"""The parameters of a request."""

TOLD = Field(
    "sip_header_X-…",
    "A header of the INVITE: `sip_header_X-Account` is `X-Account`, name and value as they came. Those "
    "whose names begin with `X-`, and `sip_header_User-to-User`; at most 20, "
    "4096 bytes in all. Whoever calls can send them: believe them as far as you believe the trunk.",
    "for each such header of the INVITE",
    pattern=PATTERN,
)
"""The fields of a notification."""


def read(given: Mapping[str, str]) -> SipHeaders:
    """The headers that a request names, in its order. Raises :class:`Refused`, without a value in it."""
    found: dict[str, tuple[str, str]] = {}
    for name, text in given.items():
        if name[:1] not in "sS" or not name.lower().startswith(PREFIX) or not text:
            continue
        header = _named(name[len(PREFIX) :])
        if header.lower() in found:
            raise _refused(
                f"{PREFIX}{header} is given twice; the case of its letters means nothing"
            )
        found[header.lower()] = header, _checked(header, text)
    headers = tuple(found.values())
    if len(headers) > MOST or _size(headers) > MOST_BYTES:
        raise _refused(f"there are more than {MOST} sip_header_ parameters, or {MOST_BYTES} bytes")
    return headers


def told(headers: Iterable[tuple[str, str]]) -> SipHeaders:
    """The fields of a notification for the headers of an INVITE: what is to be told of, made safe.

    A header that came twice is one, its values separated by commas (RFC 3261 7.3.1), under the name that it
    had first: the case of its letters means nothing to SIP. What would be too much is left out whole.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        if len(name) <= _NAME_MAX and _HEADER.fullmatch(name):
            first, before = found.get(name.lower(), (_written(name), None))
            safe = _safe(value)
            found[name.lower()] = first, safe if before is None else f"{before}, {safe}"
    fields: list[tuple[str, str]] = []
    size = 0
    for name, value in found.values():
        size += _size([(name, value)])
        if len(fields) == MOST or size > MOST_BYTES:
            break
        fields.append((PREFIX + name, value))
    return tuple(fields)


def _written(name: str) -> str:
    return _UUI if name.lower() == _UUI.lower() else name


def _named(name: str) -> str:
    if len(name) > _NAME_MAX or not _HEADER.fullmatch(name):
        shown = "".join(char for char in name[:_NAME_MAX] if char.isprintable())
        raise _refused(f"{shown or 'nothing'} is no header that an application may send")
    return _written(name)


def _checked(header: str, text: str) -> str:
    value = text.strip(" ")
    if len(text) > VALUE_MAX:
        raise _refused(
            f"{PREFIX}{header} has {len(text)} characters, of which {VALUE_MAX} are allowed"
        )
    if not value or not value.isprintable():
        raise _refused(f"{PREFIX}{header} holds a control character, or nothing but blanks")
    return value


def _safe(value: str) -> str:
    """On one line, printable, and UTF-8: who sends bytes that are none gets them as question marks."""
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _size(headers: Iterable[tuple[str, str]]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in headers)


def _refused(why: str) -> Refused:
    return Refused(
        "error_invalid_sip_header",
        f"A SIP header cannot be sent: {why}. Use X-… or User-to-User with a printable value.",
    )
