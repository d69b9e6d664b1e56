"""Reading a customer's URL, once and strictly. Pure: no lookup happens here.

Two readers that disagree about a URL are how a filter is walked around, so this one accepts little
and says why it refuses the rest. What is accepted is taken apart here and never parsed again: the
connection is made from the parts. Decided where RFC 3986, the WHATWG URL standard and resolvers differ:

- `http` and `https` only, in any case, followed by `//`.
- No control character, no blank of any script, no backslash, anywhere. Nothing is trimmed.
- No user information (`user:password@host`): it would end up in records and notifications.
- A host is an IPv4 address of four plain decimal numbers, an IPv6 address in brackets without a zone,
  or a name. Whatever else ends in a number (`2130706433`, `0x7f000001`, `0177.0.0.1`, `127.1`, `0`,
  `1.2.3.4.`) is refused: resolvers would read it as an address, differently from one another.
- A name is in letters, digits, hyphens and underscores (they occur), labels of at most 63
  characters, 253 in all; lower-cased. Names in other scripts become A-labels (UTS 46,
  non-transitional, IDNA 2008). A percent-encoded host is refused. One trailing dot is dropped, since
  certificates, Host headers and caches know the name without it.
- A port is 1 to 65535 in at most five decimal digits; an empty one (`http://host:/`) is the default.
- The fragment is dropped. Path and query go out byte for byte, dot segments and broken percent
  escapes included; only characters beyond ASCII are percent-encoded, as UTF-8, since a request line
  cannot carry them.
"""

import dataclasses
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeAlias
from urllib.parse import quote

import idna

MAX_LENGTH = 4000
"""Characters in a notify_url (the IVR API's limit)."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_NAME_LENGTH = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{0,5}")
_AUTHORITY_END = re.compile(r"[/?#]")


class UrlRefused(ValueError):
    """The text is not a URL that may be called; `detail` is a sentence for a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A URL taken apart. `str()` gives it back, without a fragment, in ASCII.

    Two are equal that lead to the same place, however they were written.
    """

    text: str = dataclasses.field(repr=False, compare=False)
    """As it was given: what is shown and stored."""
    scheme: str
    """`http` or `https`."""
    host: str
    """A lower-case name of A-labels, or an address without brackets."""
    port: int
    literal: IPv4Address | IPv6Address | None
    """The address, if the URL names one instead of a host name."""
    path: str
    """At least `/`."""
    query: str | None
    """What follows `?`; None if there is no `?`."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: whom one talks to, whatever the path."""
        return (self.scheme, self.host, self.port)

    @property
    def host_header(self) -> str:
        """The value of the Host header (RFC 9110, section 7.2): the default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """The request target in origin form (RFC 9112, section 3.2.1)."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    def with_query(self, query: str) -> "WebUrl":
        """Return the URL with another query, which has to be ASCII and without blanks."""
        text = f"{self.scheme}://{self.host_header}{self.path}?{query}"
        return WebUrl(
            text, self.scheme, self.host, self.port, self.literal, path=self.path, query=query
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target}"


@dataclass(frozen=True, slots=True)
class UnusableUrl:
    """A text that was stored as a URL and may not be called, now or any more; `detail` says why."""

    text: str = dataclasses.field(repr=False)
    detail: str


StoredUrl: TypeAlias = WebUrl | UnusableUrl
"""What was written as a URL: whoever only lists it needs its text alone."""


def stored(text: str) -> StoredUrl:
    """The URL that was written like this."""
    try:
        return parse(text)
    except UrlRefused as error:
        return UnusableUrl(text, error.detail)


def parse(url: str, max_length: int = MAX_LENGTH) -> WebUrl:
    """Take a URL apart; raises `UrlRefused`, and nothing else, for any other text.

    `max_length` counts the characters of the text as given.
    """
    if len(url) > max_length:
        raise UrlRefused(f"the URL is longer than {max_length} characters")
    return _taken_apart(url)


@lru_cache(maxsize=1024)  # an application names the same few URLs in every request
def _taken_apart(url: str) -> WebUrl:
    _refuse_characters(url)
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        raise UrlRefused("the URL has to start with http:// or https://")
    end = _AUTHORITY_END.search(rest)
    cut = end.start() if end else len(rest)
    authority, tail = rest[:cut], rest[cut:].partition("#")[0]
    host, literal, port = _parse_authority(authority, _DEFAULT_PORTS[scheme])
    path, mark, query = tail.partition("?")
    return WebUrl(
        text=url,
        scheme=scheme,
        host=host,
        port=port,
        literal=literal,
        path=_to_ascii(path) or "/",
        query=_to_ascii(query) if mark else None,
    )


def _refuse_characters(url: str) -> None:
    for character in url:
        if character == "\\":
            raise UrlRefused("the URL contains a backslash")
        if character.isspace():
            raise UrlRefused("the URL contains a blank or a line break")
        code = ord(character)
        if code < 0x20 or 0x7F <= code < 0xA0:
            raise UrlRefused("the URL contains a control character")
        if 0xD800 <= code < 0xE000:
            raise UrlRefused("the URL contains half a character")


def _to_ascii(text: str) -> str:
    """Percent-encode what is beyond ASCII, and leave every ASCII byte as it was."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else quote(c, safe="") for c in text)


def _parse_authority(
    authority: str, default_port: int
) -> tuple[str, IPv4Address | IPv6Address | None, int]:
    if "@" in authority:
        raise UrlRefused("the URL carries a user name or password; put a secret into the query")
    if authority.startswith("["):
        inside, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UrlRefused("the URL's IPv6 address is not closed by a bracket")
        address = _parse_ipv6(inside)
        return str(address), address, _parse_port(rest[1:], default_port)
    host, _, port = authority.partition(":")
    if ":" in port:
        raise UrlRefused("the URL has more than one colon after the host; IPv6 needs brackets")
    name, literal = _parse_name(host)
    return name, literal, _parse_port(port, default_port)


def _parse_port(text: str, default: int) -> int:
    if not _PORT.fullmatch(text):
        raise UrlRefused("the URL's port is not a number from 1 to 65535")
    if not text:
        return default
    port = int(text)
    if not 1 <= port <= 65535:
        raise UrlRefused("the URL's port is not a number from 1 to 65535")
    return port


def _parse_ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise UrlRefused("the URL's IPv6 address has a zone")
    try:
        return IPv6Address(text)
    except AddressValueError:
        raise UrlRefused("the URL's host is not an IPv6 address") from None


def _parse_name(text: str) -> tuple[str, IPv4Address | None]:
    """Normalise a name, or recognise an IPv4 address, after the mapping of UTS 46."""
    if not text:
        raise UrlRefused("the URL has no host")
    name = text.lower() if text.isascii() else _to_a_labels(text)
    labels = name.split(".")
    trailing_dot = labels[-1] == "" and len(labels) > 1
    if trailing_dot:
        labels.pop()
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        if trailing_dot:
            raise UrlRefused("the URL's host is neither a name nor an address in plain notation")
        return _parse_ipv4(name)
    name = ".".join(labels)
    if len(name) > _MAX_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("the URL's host is not a valid name")
    return name, None


def _parse_ipv4(text: str) -> tuple[str, IPv4Address]:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise UrlRefused(
            "the URL's host is neither a name nor an address in plain notation"
        ) from None
    return str(address), address


def _to_a_labels(host: str) -> str:
    # The length is checked first: the mapping is not linear in it.
    if len(host) > _MAX_NAME_LENGTH:
        raise UrlRefused("the URL's host is not a valid name")
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise UrlRefused("the URL's host is not a valid internationalised name") from None
