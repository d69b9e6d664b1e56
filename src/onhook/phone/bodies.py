"""What kind of body a message has, and what kind it wants (RFC 3261 20.1, 20.15, RFC 5621). Pure."""

from __future__ import annotations

from onhook.phone import grammar
from onhook.phone.message import Request

SDP = "application/sdp"


def media_type(value: str) -> str:
    """A media type or range in lower case, without parameters and blanks."""
    return "".join(value.partition(";")[0].split()).lower()


def accepts_sdp(request: Request) -> bool:
    """Whether the answer may be a session description; without Accept it may (RFC 3261 20.1)."""
    if "accept" not in request.headers:
        return True
    try:
        qualities = {media_type(each): _quality(each) for each in request.values("accept")}
    except ValueError:
        return True
    ranges = (SDP, "application/*", "*/*")  # the most specific one counts (RFC 9110 12.5.1)
    return next((qualities[each] for each in ranges if each in qualities), 0.0) > 0


def _quality(value: str) -> float:
    """The `q` of a media range. ValueError if it cannot be read."""
    _, semicolon, rest = value.partition(";")
    return float(grammar.parameters(semicolon + rest).get("q", "1"))
