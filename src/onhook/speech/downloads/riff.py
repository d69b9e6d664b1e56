"""Where the sound of a wav is, whatever its sizes say (Microsoft RIFF; EBU Tech 3306 for RF64, BW64).

A writer that never went back left 0 in them, or what stands for unknown; one that was cut off promised
more than there is. Then the sound goes on to the end of the file, but for chunks that close it.
"""

import re
import struct
from dataclasses import dataclass
from itertools import islice
from typing import Final

from onhook.speech.downloads.mpeg import after_tags

_FORMS: Final = (b"RIFF", b"RF64", b"BW64")
_CHUNK: Final = struct.Struct("<4sI")
_UNKNOWN: Final = 0xFFFFFFFF
_UNKNOWN_FROM: Final = (
    0x7FFF0000  # pipes put the largest number there, signed or not, less a header
)
_CLOSING: Final = re.compile(rb"LIST|id3 |ID3 |bext|fact|cue |iXML|_PMX|JUNK|junk|smpl|afsp|PEAK")
_SEARCHED_BYTES: Final = 64 * 1024  # at the end, for chunks that close the file
_MAX_CHUNKS: Final = 1000
_MAX_CLOSING: Final = 20  # places that are tried, and chunks that close a file

_EXTENSIBLE: Final = 0xFFFE
_PCM: Final = (0x1, 0x3, 0x6, 0x7)  # integers, floats, A-law and mu-law: all sounds of any length
MPEG_LAYER_III: Final = 0x55


@dataclass(frozen=True, slots=True)
class Wave:
    """What a wav is made of."""

    codec: int
    """The format tag (RFC 2361)."""
    form: bytes
    """The content of its `fmt ` chunk."""
    sound: bytes
    """The content of its `data` chunk."""
    ends_unknown: bool
    """Whether the file does not tell where the sound ends: the last bytes may be none of it."""
    is_plain: bool
    """Whether every reader finds the same in it."""

    def plain(self) -> bytes:
        """The wav as a writer that knew its sizes would have written it."""
        chunks = b"".join((_chunk(b"fmt ", self.form), _chunk(b"data", self.sound)))
        return b"".join((b"RIFF", struct.pack("<I", 4 + len(chunks)), b"WAVE", chunks))


def begins(body: bytes) -> int | None:
    """Where in `body` a wav begins: at once, or behind blanks or a tag; None for what is no wav."""
    at = after_tags(body, 0)
    return at if body[at : at + 4] in _FORMS and body[at + 8 : at + 12] == b"WAVE" else None


def read(body: bytes) -> Wave | None:
    """The parts of a wav; None for what has no sound, or does not say what it is."""
    start = begins(body)
    if start is None:
        return None
    form, long_size = b"", None
    at = start + 12
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK.size > len(body):
            return None
        name, size = _CHUNK.unpack_from(body, at)
        at += _CHUNK.size
        if name == b"data":
            told = long_size if size == _UNKNOWN and long_size else size
            is_plain = start == 0 and body[:4] == b"RIFF"
            return _wave(form, body, at, told, is_plain) if len(form) >= 16 else None
        if name == b"fmt ":
            form = body[at : at + size]
        elif name == b"ds64" and size >= 16:
            (long_size,) = struct.unpack_from("<8xQ", body[at : at + 16].ljust(16, b"\0"))
        at += size + size % 2
    return None


def _wave(form: bytes, body: bytes, at: int, size: int, is_plain: bool) -> Wave:
    codec, block = struct.unpack_from("<H10xH", form)
    if codec == _EXTENSIBLE and len(form) >= 26:
        (codec,) = struct.unpack_from("<H", form, 24)
    if 0 < size <= len(body) - at or (size == 0 and _closes(body, at)):
        return Wave(codec, form, body[at : at + size], False, is_plain)
    end, ends_unknown = _end_of_sound(body, at), size == 0 or size >= _UNKNOWN_FROM
    if block and (ends_unknown or codec in _PCM):  # the others can begin with a part of a block
        end -= (end - at) % block
    return Wave(codec, form, body[at:end], ends_unknown, False)


def _end_of_sound(body: bytes, at: int) -> int:
    """Where the chunks begin that close the file, or its end."""
    places = _CLOSING.finditer(body, max(at, len(body) - _SEARCHED_BYTES))
    for found in islice(places, _MAX_CLOSING):
        if _closes(body, found.start(), _MAX_CLOSING):
            return found.start()
    return len(body)


def _closes(body: bytes, at: int, limit: int = _MAX_CHUNKS) -> bool:
    """Whether from `at` on there are whole chunks, at most `limit`, to the end of the file."""
    for _ in range(limit):
        if at in (
            len(body),
            len(body) + 1,
        ):  # the last one may lack what fills it up to an even size
            return True
        if at + _CHUNK.size > len(body):
            return False
        name, size = _CHUNK.unpack_from(body, at)
        if not (name.isascii() and name.decode().isprintable()):
            return False
        at += _CHUNK.size + size + size % 2
    return False


def _chunk(name: bytes, content: bytes) -> bytes:
    return b"".join((_CHUNK.pack(name, len(content)), content, bytes(len(content) % 2)))
