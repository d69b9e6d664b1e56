"""The frames of an mp3, whatever stands around and between them (ISO/IEC 11172-3 and 13818-3, layer III).

Players look for frames; a decoder that believes what stands in front of them stops too soon or does not
begin. So a file is taken apart here: tags, blanks, half a frame and other junk are passed over, and
what was put together of several files is cut where one ends. Each stream that comes out of it is for a
decoder of its own, with a header that tells the true number of its frames: by the header of an encoder
(Xing, Info, LAME) if that is what it says, which also tells how much silence the encoder added, else by
one that is made.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from onhook.speech.errors import InvalidFileFormat

SEARCHED_BYTES: Final = 64 * 1024
"""How far behind the tags the first frame may be."""

MAX_STREAMS: Final = 1000
"""Files that may have been put together: each of them costs a decoder."""

# Eleven bits of sync, a version that exists, layer III; then a bit rate and a rate that exist.
_HEADER: Final = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef].", re.DOTALL)
_MPEG1, _MPEG25 = 3, 0  # the version's two bits; 2 is MPEG-2
_MONO: Final = 3
_NO_RATE: Final = 3
_RATES_HZ: Final = (
    44_100,
    48_000,
    32_000,
)  # of MPEG-1; half of it in MPEG-2, a quarter in MPEG-2.5
_KBPS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_CHAIN: Final = 3  # frames in a row that are no chance
_MAX_FALSE: Final = 50_000  # what looks like a frame and is none: then the rest is no sound
_MADE_BYTES: Final = 200  # a frame that a header fits into
_MAX_TAGS: Final = 50  # one after another
_HAS_COUNT: Final = 1
_TAGS: Final = (b"ID3", b"TAG", b"APETAGEX")
# Possessive: what could be given back is remembered, byte for byte, in a hundred times the size of the file.
_BLANK: Final = re.compile(rb"[\0\t\n\r ]*+(?:\xef\xbb\xbf[\0\t\n\r ]*+){0,50}")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the header of a frame says."""

    kind: tuple[int, int, bool]
    """Version, rate and whether it has one channel: they are the same in all of a stream."""
    size: int
    """Bytes, with the header."""
    lasts_s: float

    @property
    def info_at(self) -> int:
        """Where, in the frame, an encoder's header would be: behind what would be side information."""
        version, _, mono = self.kind
        long, short = (32, 17) if version == _MPEG1 else (17, 9)
        return 4 + (short if mono else long)


@dataclass(slots=True)
class _Stream:
    """Frames of one kind, and the header that an encoder put before them."""

    first: bytes
    """The header of a frame."""
    kind: tuple[int, int, bool]
    info: bytes | None
    parts: list[memoryview] = field(default_factory=list)

    def whole(self) -> bytes:
        """The stream for a decoder."""
        told, frames = self.info, len(self.parts)
        if told is None or _count(told) not in (frames, frames + 1):
            told = _made_info(self.first, frames)
        return b"".join((told, *self.parts))


def has_frames(body: bytes) -> bool:
    """Whether `body` is an mp3: where one begins stands a tag, or a frame within `SEARCHED_BYTES`."""
    return body[:3] == b"ID3" or _Search(body).first() is not None


def streams(body: bytes, enough_s: float) -> list[bytes]:
    """What `body` was put together of: mostly one. If no frame is found, it is left to the decoder.

    Of what comes after `enough_s` seconds nothing is looked at. Raises `InvalidFileFormat` for more
    than `MAX_STREAMS`.
    """
    found: list[_Stream] = []
    view = memoryview(body)
    for at, frame in _Search(body).frames():
        enough_s -= frame.lasts_s
        if enough_s < 0:
            break
        info = _encoders_header(body, at, frame)
        if info is not None or not found or found[-1].kind != frame.kind:
            if len(found) == MAX_STREAMS:
                raise InvalidFileFormat(
                    f"The .mp3 file of a <url> in msg is put together of more than {MAX_STREAMS}."
                )
            found.append(_Stream(body[at : at + 4], frame.kind, info))
        if info is None:
            found[-1].parts.append(view[at : at + frame.size])
    return [stream.whole() for stream in found if stream.parts] or [body]


class _Search:
    """The frames of `body`. What looks like one and is none is counted, and ends the search one day."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._false = 0

    def first(self) -> int | None:
        """Where the first frame is."""
        start = after_tags(self._body, 0)
        return self._next(start, start + SEARCHED_BYTES)

    def frames(self) -> Iterator[tuple[int, _Frame]]:
        """Every whole frame, and where it begins."""
        body, at, kind = self._body, self.first(), None
        while at is not None:
            frame = _frame(body, at)
            if frame is None or (frame.kind != kind and not self._is_chain(at)):
                at, kind = self._next(after_tags(body, at), len(body)), None
                continue
            if at + frame.size > len(body):
                return  # half a frame at the end
            yield at, frame
            at, kind = at + frame.size, frame.kind

    def _next(self, start: int, end: int) -> int | None:
        """Where frames begin, from `start` on and before `end`."""
        for found in _HEADER.finditer(self._body, start, min(end + 4, len(self._body))):
            if self._is_chain(found.start()):
                return found.start()
            self._false += 1
            if self._false > _MAX_FALSE:
                break
        return None

    def _is_chain(self, at: int) -> bool:
        """Whether `_CHAIN` frames of one kind follow one another from `at` on, or frames to the end."""
        kind = None
        for count in range(_CHAIN):
            frame = _frame(self._body, at)
            if frame is None or (kind is not None and frame.kind != kind):
                is_end = at == len(self._body) or self._body.startswith(_TAGS, at)
                return count > 0 and is_end
            kind = frame.kind
            at += frame.size
        return True


def _frame(body: bytes, at: int) -> _Frame | None:
    return _read(body[at : at + 4])


@lru_cache(maxsize=4096)  # of one file they are a few dozen, over and over
def _read(head: bytes) -> _Frame | None:
    if not _HEADER.fullmatch(head):
        return None
    version, rate = head[1] >> 3 & 3, head[2] >> 2 & 3
    if rate == _NO_RATE:
        return None
    rate_hz = _RATES_HZ[rate] >> (0 if version == _MPEG1 else 2 if version == _MPEG25 else 1)
    kbps = (_KBPS_1 if version == _MPEG1 else _KBPS_2)[head[2] >> 4]
    size = (144 if version == _MPEG1 else 72) * kbps * 1000 // rate_hz + (head[2] >> 1 & 1)
    lasts_s = (1152 if version == _MPEG1 else 576) / rate_hz
    return _Frame((version, rate_hz, head[3] >> 6 == _MONO), size, lasts_s)


def _encoders_header(body: bytes, at: int, frame: _Frame) -> bytes | None:
    """The frame, if an encoder wrote into it what the file is instead of sound."""
    info = at + frame.info_at
    if body[info : info + 4] in (b"Xing", b"Info") or body[at + 36 : at + 40] == b"VBRI":
        return body[at : at + frame.size]
    return None


def _count(info: bytes) -> int | None:
    """The number of frames that an encoder's header tells; None for one that tells none, and for VBRI,
    which no decoder here reads."""
    frame = _frame(info, 0)
    at = frame.info_at if frame is not None else len(info)
    if info[at : at + 4] not in (b"Xing", b"Info") or not info[at + 7] & _HAS_COUNT:
        return None
    return int.from_bytes(info[at + 8 : at + 12], "big")


def _made_info(first: bytes, frames: int) -> bytes:
    """A header that tells the number of frames, for a stream of frames such as `first`."""
    for bit_rate in range(1, len(_KBPS_1)):
        head = bytes((first[0], first[1] | 1, bit_rate << 4 | first[2] & 0xC, first[3]))
        frame = _frame(head, 0)
        if frame is not None and frame.size >= _MADE_BYTES:
            break
    else:
        raise AssertionError("a frame of the highest bit rate is larger")
    told = b"Info" + _HAS_COUNT.to_bytes(4, "big") + frames.to_bytes(4, "big")
    return (head.ljust(frame.info_at, b"\0") + told).ljust(frame.size, b"\0")


def after_tags(body: bytes, at: int) -> int:
    """Where the tags that begin at `at` end, ID3 in front and behind and APE, with what pads them."""
    for _ in range(_MAX_TAGS):
        after = _after_tag(body, _BLANK.match(body, at).end())  # type: ignore[union-attr]  # always
        if after == at or after >= len(body):
            break
        at = after
    return min(after, len(body))


def _after_tag(body: bytes, at: int) -> int:
    head = body[at : at + 32]
    if head[:3] == b"ID3" and len(head) >= 10:
        return at + 10 + _sync_safe(head[6:10]) + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return at + _ape_size(head)
    return at + 128 if head[:3] == b"TAG" else at


def _sync_safe(size: bytes) -> int:
    """Seven bits of each byte (ID3v2.4, section 6.2)."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(size)))


def _ape_size(head: bytes) -> int:
    """Bytes of an APE tag from here to its end: its header tells those behind the header."""
    is_header = head[23] & 0x20
    return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
