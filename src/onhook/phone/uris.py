"""SIP and SIPS URIs (RFC 3261 19.1 and 25.1). Pure, and linear in time: the grammar does not go back into
what it has taken.

One with headers (`?`) is none for our purposes: nothing of ours may be built from them (19.1.5).
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

MAX_URI_CHARS = 512
"""Longer URIs are refused: no telephone needs one, and the grammar should not have to chew it."""

_ESCAPED = "%[0-9A-Fa-f]{2}"
_USER = f"(?:[A-Za-z0-9_.!~*'()/&=+$,;?-]++|{_ESCAPED})++"
_PASSWORD = f"(?:[A-Za-z0-9_.!~*'()/&=+$,-]++|{_ESCAPED})++"
_LABEL = "[A-Za-z0-9_]++(?:-++[A-Za-z0-9_]++)*+"
_TOP_LABEL = "[A-Za-z][A-Za-z0-9_]*+(?:-++[A-Za-z0-9_]++)*+"
_IPV4 = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_GROUPS = "[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*"
_IPV6 = rf"\[(?:{_GROUPS}(?:::(?:{_GROUPS})?)?|::(?:{_GROUPS})?)(?::{_IPV4})?\]"
_HOST = rf"{_IPV4}|(?:{_LABEL}\.)*{_TOP_LABEL}\.?|{_IPV6}"
_PARAMETER = rf"(?:[A-Za-z0-9_.!~*'()/\[\]:&+$-]++|{_ESCAPED})++"
_URI = re.compile(
    rf"(?i:(sips?)):(?:({_USER})(?::{_PASSWORD})?@)?({_HOST})(?::(\d+))?"
    rf"((?:;{_PARAMETER}(?:={_PARAMETER})?)*)",
    re.ASCII,
)


class SipUri(NamedTuple):
    """A URI that was read. `scheme` is `sip` or `sips`, `user` without its password and percent-decoded, None
    where there is none; `host` as it is written, an IPv6 address in its brackets. `parameters` are by
    lower-case name, percent-decoded; a flag such as `lr` has the empty string as its value."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    parameters: dict[str, str]


def sip_uri(text: str) -> SipUri:
    """Read a SIP or SIPS URI; ValueError for anything else.

    Underscores in the host are let pass, although RFC 3261 25.1 has none: container networks name
    their hosts so, and we never look a name up.
    """
    found = _URI.fullmatch(text) if len(text) <= MAX_URI_CHARS else None
    if found is None:
        raise ValueError("not a SIP URI")
    scheme, user, host, port, parameters = found.groups()
    return SipUri(
        scheme.lower(),
        unquote(user) if user and "%" in user else user,
        host,
        int(port) if port else None,
        _parameters(parameters) if parameters else {},
    )


def _parameters(text: str) -> dict[str, str]:
    """Of several with the same name the last counts."""
    pairs = (each.partition("=") for each in text[1:].split(";"))
    return {unquote(name).lower(): unquote(value) for name, _, value in pairs}
