"""What kind of body a message has, where the session description in it is, and what kind it wants. Pure.

RFC 3261 20.1, 20.11, 20.15; multipart bodies as RFC 5621 3 and RFC 2046 5.1 have them. A part that we do
not know is passed over, unless it says that it has to be understood; a whole body that we do not know is
refused, unless it says that it need not be. Nothing is decoded: a part in base64 is one we do not know.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onhook.phone import grammar
from onhook.phone.errors import UnsupportedBody
from onhook.phone.message import Request, Response

SDP = "application/sdp"
READABLE = "application/sdp, multipart/mixed"
"""What a body may be, as Accept says it."""
MAX_PARTS = 20
"""A body in more parts than these, those within parts included, is refused."""
MAX_DEPTH = 3

_PLAIN = [SDP]
"""What nearly every Content-Type and Accept says."""
_IDENTITY = frozenset(("", "binary", "7bit", "8bit", "identity"))
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
_FOLD = re.compile(rb"\r\n[ \t]+")


@dataclass(frozen=True, slots=True)
class _Entity:
    """A body or a part of one. `kind` is its media type with the parameters."""

    kind: str
    disposition: str
    encoded: bool
    body: bytes

    @property
    def type(self) -> str:
        return media_type(self.kind)

    @property
    def handling(self) -> str:
        """What becomes of it if it is not understood: `required`, `optional`, or not said."""
        return _parameter(self.disposition, "handling").lower()


def media_type(value: str) -> str:
    """A media type or range in lower case, without parameters and blanks."""
    return "".join(value.partition(";")[0].split()).lower()


def is_optional(message: Request | Response) -> bool:
    """Whether a message's body need not be understood (RFC 3261 20.11)."""
    return _whole(message).handling == "optional"


def description_of(message: Request | Response) -> bytes:
    """The session description in a message's body; empty where there is none.

    Raises `UnsupportedBody` for a body that would have to be understood.
    """
    if not message.body:
        return b""
    if message.headers.get("content-type") == _PLAIN and "content-encoding" not in message.headers:
        return message.body
    whole = _whole(message)
    found = _find(whole, 0, [0])
    if found is None and whole.handling != "optional":
        raise UnsupportedBody("a body that is no session description", encoded=whole.encoded)
    return found or b""


def accepts_sdp(request: Request) -> bool:
    """Whether the answer may be a session description; without Accept it may (RFC 3261 20.1)."""
    if request.headers.get("accept", _PLAIN) == _PLAIN:
        return True
    try:
        qualities = {media_type(each): _quality(each) for each in request.values("accept")}
    except ValueError:
        return True
    ranges = (SDP, "application/*", "*/*")  # the most specific one counts (RFC 9110 12.5.1)
    return next((qualities[each] for each in ranges if each in qualities), 0.0) > 0


def _whole(message: Request | Response) -> _Entity:
    names = ("content-type", "content-disposition", "content-encoding")
    kind, disposition, encoding = (message.first(name) for name in names)
    return _Entity(kind, disposition, encoding.strip().lower() not in _IDENTITY, message.body)


def _find(entity: _Entity, depth: int, counted: list[int]) -> bytes | None:
    """The description in an entity, None if it has none; `counted` holds how many parts were seen."""
    if entity.encoded:
        return None
    if entity.type == SDP:
        return entity.body
    if not entity.type.startswith("multipart/") or depth == MAX_DEPTH:
        return None
    parts = _parts(entity, counted)
    if entity.type == "multipart/alternative":  # the last one that is understood (RFC 2046 5.1.4)
        parts = parts[::-1]
    seen = [(part, _find(part, depth + 1, counted)) for part in parts]
    if entity.type != "multipart/alternative":
        _check_required([part for part, found in seen if found is None])
    return next((found for _, found in seen if found is not None), None)


def _check_required(unknown: Sequence[_Entity]) -> None:
    """Raise `UnsupportedBody` if one of these parts has to be understood (RFC 5621 8.3)."""
    if any(part.handling == "required" for part in unknown):
        raise UnsupportedBody("a required part that is no session description")


def _parts(entity: _Entity, counted: list[int]) -> Sequence[_Entity]:
    boundary = _parameter(entity.kind, "boundary")
    if not _BOUNDARY.fullmatch(boundary):
        raise UnsupportedBody("a multipart body without a boundary")
    parts = [*_cut(entity.body, boundary.encode())]
    counted[0] += len(parts)
    if counted[0] > MAX_PARTS:
        raise UnsupportedBody("too many parts")
    return [_entity(part) for part in parts]


def _cut(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The parts between the delimiter lines; what comes before the first and after the last is no part."""
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 2)
    for piece in pieces:
        if piece.startswith(b"--"):
            return
        line, end, part = piece.partition(b"\r\n")
        if end and not line.strip(b" \t"):  # else it is another, longer boundary
            yield b"\r\n" + part


def _entity(part: bytes) -> _Entity:
    """A part; without a head it is text (RFC 2046 5.1)."""
    head, _, body = part.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in _FOLD.sub(b" ", head).split(b"\r\n"):
        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    kind = headers.get("content-type", headers.get("c", "text/plain"))
    codings = ("content-encoding", "e", "content-transfer-encoding")
    encoded = any(headers.get(name, "").lower() not in _IDENTITY for name in codings)
    return _Entity(kind, headers.get("content-disposition", ""), encoded, body)


def _quality(value: str) -> float:
    """The `q` of a media range. ValueError if it cannot be read."""
    return float(_parameters(value).get("q", "1"))


def _parameter(value: str, name: str) -> str:
    try:
        return _parameters(value).get(name, "")
    except ValueError:
        return ""


def _parameters(value: str) -> grammar.Parameters:
    _, semicolon, rest = value.partition(";")
    return grammar.parameters(semicolon + rest)
