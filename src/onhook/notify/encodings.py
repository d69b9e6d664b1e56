"""What a server did to a file on its way, and how it is undone (RFC 9110, section 8.4.1).

We ask for identity. Some encode all the same, and object stores repeat what an uploader once wrote there
(`aws-chunked`), which says nothing of what is sent. So a name that is no coding is ignored; gzip and
deflate are decoded, piece by piece within the limit of the file, so that a bomb costs no more than a
file of that size; the other codings are refused.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from onhook.notify.errors import DownloadFailed

_DECODED: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_REFUSED: Final = frozenset({"br", "zstd", "compress", "x-compress"})
_PIECE_BYTES: Final = 64 * 1024
_MAX_MEMBERS: Final = 100  # of a gzip file: each of them costs time, however short it is
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"


def coding_of(header: str) -> str | None:
    """The coding that has to be undone, from the value of Content-Encoding; None if there is none.

    Raises `DownloadFailed` for one that is not decoded here, and for several on top of one another.
    """
    names = [name.strip().lower() for name in header.split(",")]
    codings = [name for name in names if name in _DECODED or name in _REFUSED]
    if len(codings) > 1 or not _REFUSED.isdisjoint(codings):
        sent = ", ".join(codings)
        raise DownloadFailed(f"the server sent a body encoded with {sent}, not asked for", 200)
    return _DECODED[codings[0]] if codings else None


class Inflater:
    """Undoes a coding. `feed` it what arrives, then `finish`; both raise `DownloadFailed`."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflate = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._waiting = b""  # of deflate: too little to tell which of two it is
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` comes to, in pieces; whoever has enough need not take all of them."""
        if self._inflate is None:
            self._waiting += data
            if len(self._waiting) < 2:
                return
            data, self._inflate = self._waiting, zlib.decompressobj(_wbits(self._waiting))
        while True:
            try:
                piece = self._inflate.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise self._broken() from None
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail or self._next_member()
            if not data and len(piece) < _PIECE_BYTES:  # else more may be waiting within
                return

    def finish(self) -> None:
        """All has arrived. Raises `DownloadFailed` if that is not the end of what was encoded."""
        if self._inflate is None or not self._inflate.eof:
            raise self._broken()

    def _next_member(self) -> bytes:
        """What follows, if it is one more gzip file: they may be put together (RFC 1952, section 2.2)."""
        assert self._inflate is not None
        rest = self._inflate.unused_data
        if self._coding != "gzip" or not rest.startswith(_GZIP_MAGIC):
            return b""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise self._broken()
        self._inflate = zlib.decompressobj(_GZIP)
        return rest

    def _broken(self) -> DownloadFailed:
        detail = f"the server says that the body is encoded with {self._coding}, but it is not, or not whole"
        return DownloadFailed(detail, 200)


def _wbits(data: bytes) -> int:
    """With the header of zlib, as the standard has it, or without, as some servers send it."""
    is_zlib = data[0] & 0xF == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
