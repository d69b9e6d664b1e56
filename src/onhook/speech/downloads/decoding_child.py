"""The process in which recordings are decoded: nothing that a file does to it reaches a call.

Started by `decoding`, and spoken to over its standard input and output:

    request   !BI   kind (its place in `FileKind`), bytes of the file; then the file
    reply     !BI   a `DecoderReply`, bytes that follow; then samples (16 bits, little-endian) or a sentence

The first reply, `READY`, comes unasked. It ends when its input does.
"""

import contextlib
import os
import resource
import signal
import struct
import sys
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final

from onhook.speech.downloads.audio import decode
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.errors import InvalidFileFormat, InvalidFileSize
from onhook.speech.level import levelled

HEADER: Final = struct.Struct("!BI")
KINDS: Final = tuple(FileKind)


class DecoderReply(IntEnum):
    """What the first byte of a reply says of the rest."""

    READY = 0
    SOUND = 1
    NO_FORMAT = 2
    TOO_LONG = 3


def main(memory_bytes: int, deadline_s: int) -> None:
    """Decode until the input ends. A file that takes too much of anything ends this process."""
    requests, replies = _moved()
    _load()
    _limit(memory_bytes)
    _reply(replies, DecoderReply.READY)
    while header := requests.read(HEADER.size):
        kind, size_bytes = HEADER.unpack(header)
        body = requests.read(size_bytes)
        if len(body) < size_bytes:
            return
        signal.alarm(deadline_s)  # also when nobody is left to see that this hangs
        _answer(replies, body, KINDS[kind])
        signal.alarm(0)
        del body


def _answer(replies: BinaryIO, body: bytes, kind: FileKind) -> None:
    try:
        pcm = levelled(decode(body, kind))
    except InvalidFileFormat as error:
        _reply(replies, DecoderReply.NO_FORMAT, error.detail.encode())
    except InvalidFileSize as error:
        _reply(replies, DecoderReply.TOO_LONG, error.detail.encode())
    else:
        _reply(replies, DecoderReply.SOUND, pcm.astype("<i2", copy=False).data.cast("B"))


def _reply(replies: BinaryIO, kind: DecoderReply, content: bytes | memoryview = b"") -> None:
    replies.write(HEADER.pack(kind, len(content)))
    replies.write(content)
    replies.flush()


def _moved() -> tuple[BinaryIO, BinaryIO]:
    """Input and output, moved to where no library that prints can find them."""
    ends = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return ends


def _load() -> None:
    """Everything that the first file would wait for: one frame of GSM takes most of the way."""
    import soxr  # noqa: F401

    levelled(decode(b"\xd0" + bytes(32), FileKind.GSM))


def _limit(memory_bytes: int) -> None:
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # they are meant for the server, which drains
        signal.signal(number, signal.SIG_IGN)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    for limit, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the server is gone
        main(int(sys.argv[1]), int(sys.argv[2]))
