"""The HTTP client for customers' URLs. Whom it connects to is decided in `connections`.

No redirect of a notification is followed; those of a download are, each to an address that was checked
like the first. No proxy or .netrc is taken from the environment, and no cookie is kept.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from onhook.notify.connection import Connection
from onhook.notify.connections import Connections
from onhook.notify.downloads import CONDITIONS, receive
from onhook.notify.errors import (
    AddressRefused,
    DownloadFailed,
    DownloadRefused,
    NoReply,
    NotResolved,
    RequestUnusable,
)
from onhook.notify.message import USER_AGENT
from onhook.notify.redirects import MAX_REDIRECTS, next_url
from onhook.notify.replies import DownloadedFile, PostResult
from onhook.notify.request_writer import written
from onhook.notify.resolver import AddressResolver
from onhook.notify.schedule import parse_http_date, parse_retry_after
from onhook.urls import WebUrl

MAX_REPLY_BYTES: Final = 64 * 1024
"""How much of the reply to a notification is read; then the connection is closed instead of reused."""

_READ_REPLY_S: Final = 1.0  # the status is known by then; a slow body must not hold up the lane
_MAX_DOWNLOADS: Final = 32  # bodies held in memory at once

_FAILURES: Final = (NoReply, NotResolved, RequestUnusable, TimeoutError)
_REPLY_HEADERS: Final[tuple[str, ...]] = (
    "content-type",
    "date",
    "location",
    "retry-after",
    "server",
)


class WebClient:
    """Sends notifications and fetches files. Use it in `async with`, or `close` it.

    `clock` gives Unix time, for a date in the Retry-After of a reply that is not dated itself.
    """

    def __init__(
        self,
        resolver: AddressResolver,
        tls: ssl.SSLContext,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._connections = Connections(resolver, tls)
        self._downloads = asyncio.Semaphore(_MAX_DOWNLOADS)

    async def close(self) -> None:
        """Close all connections. Requests under way end with an error."""
        self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def post(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> PostResult:
        """POST `body`, with `deadline_s` for everything from the lookup to the reply's head.

        Never raises for what another machine does: see `PostResult`. Once a whole reply head has been read,
        its status counts, whatever happens to the body, which is thrown away.
        """
        try:
            request = written("POST", url, headers, body)
            async with asyncio.timeout(deadline_s):
                connection = await self._connections.send(url, request)
        except AddressRefused as error:
            return PostResult(None, error=error.detail, barred=True)
        except _FAILURES as error:
            return PostResult(None, error=_sentence(error, deadline_s))
        try:
            return self._result(connection)
        finally:
            if not connection.reply.ended:
                await _discard_body(connection)
            self._connections.let_go(connection)

    async def download(
        self,
        url: WebUrl,
        limit_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        conditional: Callable[[WebUrl], bool] = lambda _: True,
    ) -> DownloadedFile:
        """GET a file of at most `limit_bytes`, with `deadline_s` for all of it.

        Up to `MAX_REDIRECTS` are followed; `conditional` tells of each address whether it is asked
        with the conditions among `headers`. Raises `DownloadRefused` (an address), `DownloadTooLarge`,
        `DownloadFailed` (everything else, any status but 200 included). A 304 is returned if a
        condition was asked.
        """
        try:
            async with asyncio.timeout(deadline_s), self._downloads:
                return await self._follow(url, limit_bytes, headers or {}, conditional)
        except AddressRefused as error:
            raise DownloadRefused(error.detail) from error
        except _FAILURES as error:
            raise DownloadFailed(_sentence(error, deadline_s)) from error

    async def _follow(
        self,
        url: WebUrl,
        limit_bytes: int,
        headers: Mapping[str, str],
        conditional: Callable[[WebUrl], bool],
    ) -> DownloadedFile:
        for _ in range(MAX_REDIRECTS + 1):
            sent = {"User-Agent": USER_AGENT, **headers}
            if not conditional(url):
                sent = {name: text for name, text in sent.items() if name.lower() not in CONDITIONS}
            request = written("GET", url, sent, None)
            connection = await self._connections.send(url, request)
            try:
                status, fields = connection.reply.status, connection.reply.fields()
                assert status is not None  # its head was read
                target = next_url(url, status, fields.get("location", [None])[0])
                if target is None:
                    return await receive(connection, status, fields, url, limit_bytes, sent)
            finally:
                self._connections.let_go(connection)
            url = target
        raise DownloadFailed(f"the server redirects it more than {MAX_REDIRECTS} times", 302)

    def _result(self, connection: Connection) -> PostResult:
        """What is read off the head of the reply. Of a delivery nobody asks for more than its status."""
        status = connection.reply.status
        if status is not None and 200 <= status < 300:
            return PostResult(status)
        fields = {name: values[0] for name, values in connection.reply.fields().items()}
        # A date is one of the server's clock, and so is that of the reply.
        sent_at = parse_http_date(fields.get("date"))
        now = self._clock() if sent_at is None else sent_at
        asked_s = parse_retry_after(fields.get("retry-after"), now)
        shown = {name: fields[name] for name in _REPLY_HEADERS if name in fields}
        return PostResult(status, shown, asked_s)


async def _discard_body(connection: Connection) -> None:
    """Read a small body to its end, so that the connection can be used again."""
    left = MAX_REPLY_BYTES
    try:
        async with asyncio.timeout(_READ_REPLY_S):
            while left > 0:
                pieces = await connection.read()
                if not pieces:
                    return
                left -= sum(map(len, pieces))
    except (NoReply, TimeoutError):
        pass  # the status was read; that is what counts


def _sentence(error: Exception, deadline_s: float) -> str:
    """Say why there was no reply; never with the URL or an address."""
    if isinstance(error, NoReply | NotResolved | RequestUnusable):
        return error.detail
    return f"no reply within {deadline_s:g} s"
