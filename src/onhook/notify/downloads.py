"""The body of a download, held to its limit while it arrives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from onhook.notify.connection import Connection
from onhook.notify.encodings import Inflater, coding_of
from onhook.notify.errors import DownloadFailed, DownloadTooLarge
from onhook.notify.replies import DownloadedFile
from onhook.urls import WebUrl

CONDITIONS = frozenset({"if-modified-since", "if-none-match"})
"""Request headers that may be answered with 304."""

Fields: TypeAlias = Mapping[str, Sequence[str]]
"""Header fields of a reply: by name in lower case, the values in their order."""

_MAX_DIGITS = 20  # of a length that is believed; what comes is counted anyway
_FILE_HEADERS = ("content-length", "content-type", "date", "etag", "last-modified")


class Downloader(Protocol):
    """Fetches files: `onhook.notify.client.WebClient`, or a double of it."""

    async def download(
        self,
        url: WebUrl,
        limit_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        conditional: Callable[[WebUrl], bool] = ...,
    ) -> DownloadedFile:
        """As `WebClient.download` says."""
        ...


async def receive(
    connection: Connection,
    status: int,
    fields: Fields,
    url: WebUrl,
    limit_bytes: int,
    request_headers: Mapping[str, str],
) -> DownloadedFile:
    """What the reply of `url` to a request with these headers brings. Raises leaves of `DownloadError`, and
    `NoReply`."""
    headers = {name: fields[name][0] for name in _FILE_HEADERS if name in fields}
    conditional = any(name.lower() in CONDITIONS for name in request_headers)
    if status == 304 and conditional:
        return DownloadedFile(304, headers, b"", url)
    if status != 200:
        raise DownloadFailed(f"the server answered {status}", status)
    return DownloadedFile(200, headers, await _body(connection, fields, limit_bytes), url)


async def _body(connection: Connection, fields: Fields, limit_bytes: int) -> bytes:
    transfer = fields.get("transfer-encoding", ("chunked",))
    if len(transfer) > 1 or transfer[0].lower() != "chunked":
        raise DownloadFailed("the server sent an encoded body, which was not asked for", 200)
    coding = coding_of(",".join(fields.get("content-encoding", ())))
    length = fields.get("content-length", ("",))[0]
    if length.isdecimal() and len(length) <= _MAX_DIGITS and int(length) > limit_bytes:
        raise _too_large(limit_bytes)
    pieces = _plain(connection) if coding is None else _decoded(connection, coding, limit_bytes)
    body = bytearray()
    async for piece in pieces:
        if len(body) + len(piece) > limit_bytes:
            raise _too_large(limit_bytes)
        body += piece
    return bytes(body)


async def _plain(connection: Connection) -> AsyncIterator[bytes]:
    while pieces := await connection.read():
        yield b"".join(pieces)


async def _decoded(connection: Connection, coding: str, limit_bytes: int) -> AsyncIterator[bytes]:
    inflater = Inflater(coding)
    left = limit_bytes
    async for chunk in _plain(connection):
        left -= len(chunk)
        if left < 0:
            raise _too_large(limit_bytes)
        for piece in inflater.feed(chunk):
            yield piece
            await asyncio.sleep(0)  # a body that expands must not hold up calls
    inflater.finish()


def _too_large(limit_bytes: int) -> DownloadTooLarge:
    return DownloadTooLarge(f"the file is larger than {limit_bytes} bytes")
