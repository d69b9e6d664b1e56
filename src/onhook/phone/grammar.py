"""Values of SIP header fields: lists, parameters, addresses, Via. Pure, and linear in time.

What a user agent echoes (Via, From, To, Record-Route) has to come back byte for byte, so values are kept as
they were written beside what was read of them. Parameter names are compared without regard to
case, as RFC 3261 7.3.1 asks. URIs are read in `uris`.

What nearly every message says is read by one expression; whatever does not look so is read step by step, to
the same result (`any_name_addr`, `any_parameters`, `any_list`).

Every function raises `ValueError`, and only that, for text that does not fit.
"""

import re
from typing import NamedTuple

from onhook.phone.uris import MAX_URI_CHARS

_SEPARATOR = re.compile(r'["<>,]')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(r';\s*([^\s;=,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*')
_DISPLAY_NAME = re.compile("[A-Za-z0-9.!%*_+`'~ \t\x80-\U0010ffff-]*")
_BLANK = re.compile(r"[ \t]*")
# A quote that does not end takes what it can as well: this is to be linear in time.
_QUOTED_OR_LINE_BREAK = re.compile(r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\r\n])*"?|\r\n')
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_URI = re.compile(r'[\s<>"]')
_ANY_URI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"]+', re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+", re.ASCII)
_VIA = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Z0-9-]+)[ \t]+"
    r"(\[[0-9A-F:.]+\]|[A-Z0-9._-]+)(?:[ \t]*:[ \t]*(\d{1,5}))?[ \t]*(;.*)?",
    re.ASCII | re.IGNORECASE,
)
_CSEQ = re.compile(r"(\d{1,10})[ \t]+([A-Za-z0-9.!%*_+`'~-]+)", re.ASCII)
_MAX_CSEQ = 2**31 - 1  # RFC 3261 8.1.1.5
# A display name that is a quoted string or tokens, a URI in brackets, and no parameter but a tag.
_PLAIN_NAME_ADDR = re.compile(
    r"""(?:"[^"\\]*"[ \t]*|[A-Za-z0-9.!%*_+`'~ \t-]*)"""
    r"""<([A-Za-z][A-Za-z0-9+.-]*:[^\s<>"]+)>(?:;tag=([!#-+\--:<-~]*))?""",
    re.ASCII,
)
_PLAIN_PARAMETERS = re.compile(r'(?:;[^\s;=,"]+(?:=[^\s;,"]*)?)+')

Parameters = dict[str, str]
"""Parameters by lower-case name; a flag such as `lr` has the empty string as its value."""


class NameAddr(NamedTuple):
    """A name-addr or addr-spec (RFC 3261 20.10): the URI as it was written, and the parameters."""

    uri: str
    parameters: Parameters


class Via(NamedTuple):
    """One Via value (RFC 3261 20.42). `port` is None where the sender named none."""

    transport: str
    host: str
    port: int | None
    parameters: Parameters

    @property
    def branch(self) -> str:
        """The transaction's identifier, or the empty string."""
        return self.parameters.get("branch", "")


def is_token(text: str) -> bool:
    """Whether `text` is a token of RFC 3261 25.1, as methods and header names are."""
    return _TOKEN.fullmatch(text) is not None


def is_printable(text: str) -> bool:
    """Whether all control characters of header lines are escaped, in quoted strings (RFC 3261 25.1)."""
    return not _CONTROL.search(_QUOTED_OR_LINE_BREAK.sub("", text))


def is_request_uri(text: str) -> bool:
    """Whether `text` can be a Request-URI: no blanks or brackets, and no headers (RFC 3261 19.1.1)."""
    if not text or _NOT_IN_URI.search(text):
        return False
    return not text.lower().startswith(("sip:", "sips:")) or "?" not in text.rpartition("@")[2]


def split_list(text: str) -> list[str]:
    """The values of a comma-separated header field, as written; quotes and <> protect commas."""
    if "," not in text:
        return [text.strip()]
    if '"' in text or "<" in text:
        return any_list(text)
    return [value for each in text.split(",") if (value := each.strip())]


def any_list(text: str) -> list[str]:
    """As `split_list`, whatever is in it."""
    values: list[str] = []
    start = position = 0
    in_brackets = False
    while found := _SEPARATOR.search(text, position):
        mark, position = found.group(), found.end()
        if mark == '"' and not in_brackets:
            quoted = _QUOTED.match(text, found.start())
            if quoted is None:
                raise ValueError("unbalanced quotes")
            position = quoted.end()
        elif mark == "<":
            in_brackets = True
        elif mark == ">":
            in_brackets = False
        elif mark == "," and not in_brackets:
            values.append(text[start : found.start()].strip())
            start = position
    values.append(text[start:].strip())
    return [value for value in values if value]


def parameters(text: str) -> Parameters:
    """Read `;name=value;flag`. The first of several equal names counts."""
    if not _PLAIN_PARAMETERS.fullmatch(text):
        return any_parameters(text)
    result: Parameters = {}
    for each in text[1:].split(";"):
        name, _, value = each.partition("=")
        result.setdefault(name.lower(), value)
    return result


def any_parameters(text: str) -> Parameters:
    """As `parameters`, with blanks and quoted values."""
    result: Parameters = {}
    position = 0
    while position < len(text):
        found = _PARAMETER.match(text, position)
        if found is None:
            raise ValueError("bad parameters")
        name, value = found.group(1).lower(), found.group(2) or ""
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        result.setdefault(name, value)
        position = found.end()
    return result


def name_addr(text: str, *, strict: bool = False) -> NameAddr:
    """Read one From, To, Contact, Route or Record-Route value.

    `strict` refuses display names that should be in quotes: they hold other ASCII than tokens do. Letters
    of other alphabets are let pass, for many exchanges write them so.
    """
    found = _PLAIN_NAME_ADDR.fullmatch(text) if len(text) <= MAX_URI_CHARS else None
    if found is None:
        return any_name_addr(text, strict=strict)
    uri, tag = found.groups()
    return NameAddr(uri, {} if tag is None else {"tag": tag})


def any_name_addr(text: str, *, strict: bool = False) -> NameAddr:
    """As `name_addr`, however it is written."""
    text = text.strip()
    quoted = _QUOTED.match(text)  # a quoted display name may hold any of the characters below
    if quoted is None and text.startswith('"'):
        raise ValueError("unbalanced quotes")
    text = text[quoted.end() :] if quoted else text
    opening = text.find("<")
    named = _BLANK if quoted else _DISPLAY_NAME
    if strict and opening > 0 and not named.fullmatch(text, 0, opening):
        raise ValueError("bad display name")
    if opening >= 0:
        closing = text.find(">", opening)
        if closing < 0:
            raise ValueError("no closing bracket")
        address, rest = text[opening + 1 : closing], text[closing + 1 :].strip()
    else:  # without brackets, parameters belong to the header field (RFC 3261 20.10)
        address, semicolon, rest = text.partition(";")
        address, rest = address.strip(), semicolon + rest
    if len(address) > MAX_URI_CHARS or not _ANY_URI.fullmatch(address):
        raise ValueError("bad URI")
    return NameAddr(address, parameters(rest) if rest else {})


def via(text: str) -> Via:
    """Read one value of Via (RFC 3261 20.42); the transport comes in capitals."""
    found = _VIA.fullmatch(text.strip())
    if found is None:
        raise ValueError("bad Via")
    transport, host, port, rest = found.groups()
    return Via(
        transport.upper(), host, int(port) if port else None, parameters(rest) if rest else {}
    )


def cseq(text: str) -> tuple[int, str]:
    """Read a CSeq value: the number and the method."""
    found = _CSEQ.fullmatch(text.strip())
    if found is None or int(found[1]) > _MAX_CSEQ:
        raise ValueError("bad CSeq")
    return int(found[1]), found[2]
