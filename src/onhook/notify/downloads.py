"""The body of a download, held to its limit while it arrives."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp

from onhook.notify.encodings import Inflater, coding_of
from onhook.notify.errors import DownloadFailed, DownloadTooLarge
from onhook.notify.replies import DownloadedFile
from onhook.urls import WebUrl

CONDITIONS = frozenset({"if-modified-since", "if-none-match"})
"""Request headers that may be answered with 304."""

_FILE_HEADERS = ("content-length", "content-type", "date", "etag", "last-modified")
_CHUNK_BYTES = 64 * 1024


async def receive(
    response: aiohttp.ClientResponse,
    url: WebUrl,
    limit_bytes: int,
    request_headers: Mapping[str, str],
) -> DownloadedFile:
    """What the reply of `url` to a request with these headers brings. Raises leaves of `DownloadError`."""
    headers = subset(response, _FILE_HEADERS)
    conditional = any(name.lower() in CONDITIONS for name in request_headers)
    if response.status == 304 and conditional:
        return DownloadedFile(304, headers, b"", url)
    if response.status != 200:
        raise DownloadFailed(f"the server answered {response.status}", response.status)
    return DownloadedFile(200, headers, await _body(response, limit_bytes), url)


async def _body(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    transfer = response.headers.get("Transfer-Encoding", "chunked").strip().lower()
    if transfer != "chunked":
        raise DownloadFailed("the server sent an encoded body, which was not asked for", 200)
    coding = coding_of(",".join(response.headers.getall("Content-Encoding", [])))
    if response.content_length is not None and response.content_length > limit_bytes:
        raise _too_large(limit_bytes)
    pieces = _plain(response) if coding is None else _decoded(response, coding, limit_bytes)
    body = bytearray()
    async for piece in pieces:
        if len(body) + len(piece) > limit_bytes:
            raise _too_large(limit_bytes)
        body += piece
    return bytes(body)


async def _plain(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    while chunk := await response.content.read(_CHUNK_BYTES):
        yield chunk


async def _decoded(
    response: aiohttp.ClientResponse, coding: str, limit_bytes: int
) -> AsyncIterator[bytes]:
    inflater = Inflater(coding)
    left = limit_bytes
    async for chunk in _plain(response):
        left -= len(chunk)
        if left < 0:
            raise _too_large(limit_bytes)
        for piece in inflater.feed(chunk):
            yield piece
            await asyncio.sleep(0)  # a body that expands must not hold up calls
    inflater.finish()


def _too_large(limit_bytes: int) -> DownloadTooLarge:
    return DownloadTooLarge(f"the file is larger than {limit_bytes} bytes")


def subset(response: aiohttp.ClientResponse, names: tuple[str, ...]) -> dict[str, str]:
    """Those headers of a reply that came, by the names given."""
    return {name: response.headers[name] for name in names if name in response.headers}
