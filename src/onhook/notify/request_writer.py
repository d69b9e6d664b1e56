"""A request as it travels: HTTP/1.1 in origin form (RFC 9112, section 3). Pure.

What comes from outside (a path, a query, the value of a header) is written as it is, so whatever would end a
line or begin another is refused here once more, however it was read before: a request is one request.
"""

from collections.abc import Mapping
from functools import lru_cache
from re import compile as pattern
from typing import Final

from onhook.notify.errors import RequestUnusable
from onhook.urls import WebUrl

_TOKEN: Final = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIRST: Final = "Accept-Encoding: identity"
_LAST: Final = "Accept: */*"


def written(method: str, url: WebUrl, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The whole request. Host, Accept, Accept-Encoding and Content-Length are added, and not among `headers`.

    Raises `RequestUnusable`.
    """
    target, host = url.target, url.host_header
    if not _is_visible(target) or not _is_visible(host):
        raise RequestUnusable("the URL has characters that cannot stand in a request")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", _FIRST]
    for name, value in headers.items():
        if not _is_token(name):
            raise RequestUnusable("the name of a header cannot stand in a request")
        lines.append(f"{name}: {value}")
    lines.append(_LAST)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\r") != breaks or text.count("\n") != breaks or "\0" in text:
        raise RequestUnusable("the value of a header cannot stand in a request")
    try:
        head = f"{text}\r\n\r\n".encode()
    except UnicodeEncodeError:
        raise RequestUnusable("the value of a header is no text") from None
    return head if body is None else head + body


def _is_visible(text: str) -> bool:
    """All of it is printable ASCII without blanks."""
    return text.isascii() and text.isprintable() and " " not in text and text != ""


@lru_cache(maxsize=256)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None
