"""The HTTP client for customers' URLs: it connects to the address that was checked, and nowhere else.

The host of a URL is resolved and judged by us (`resolver`), and the HTTP library is given the address
in place of the name, so it has nothing left to look up; the name goes into the Host header and, for
https, into the certificate check. Connections are pooled by (address, port, name): a reused one leads
to an address that passed the policy, under the same name.

No redirect of a notification is followed; those of a download are, each to an address that was checked
like the first. No proxy or .netrc is taken from the environment, and no cookie is kept.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
import structlog
from yarl import URL

from onhook.notify.addresses import IPAddress
from onhook.notify.downloads import CONDITIONS, receive, subset
from onhook.notify.errors import AddressRefused, DownloadFailed, DownloadRefused
from onhook.notify.failures import TRANSPORT_ERRORS, describe
from onhook.notify.message import USER_AGENT
from onhook.notify.redirects import MAX_REDIRECTS, next_url
from onhook.notify.replies import DownloadedFile, PostResult
from onhook.notify.resolver import AddressResolver
from onhook.notify.schedule import parse_http_date, parse_retry_after
from onhook.notify.wire import MAX_HEADER_BYTES, BoundedConnector
from onhook.urls import WebUrl

log = structlog.get_logger()

MAX_REPLY_BYTES = 64 * 1024
"""How much of the reply to a notification is read; then the connection is closed instead of reused."""

_READ_REPLY_S = 1.0  # the status is known by then; a slow body must not hold up the lane
_KEEP_IDLE_S = 15.0
_NEXT_ADDRESS_AFTER_S = 3.0  # a silent address must not use up the time of the others
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)  # deadlines are ours
_NEXT_ADDRESS_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=_NEXT_ADDRESS_AFTER_S)
_MAX_DOWNLOADS = 32  # bodies held in memory at once

_REPLY_HEADERS = ("content-type", "date", "location", "retry-after", "server")


class WebClient:
    """Sends notifications and fetches files. Use it in `async with`, or `open` and `close` it.

    `clock` gives Unix time, for a date in the Retry-After of a reply that is not dated itself.
    """

    def __init__(
        self,
        resolver: AddressResolver,
        tls: ssl.SSLContext,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resolver = resolver
        self._tls = tls
        self._clock = clock
        self._pooled: aiohttp.ClientSession | None = None
        self._unpooled: aiohttp.ClientSession | None = None
        self._downloads = asyncio.Semaphore(_MAX_DOWNLOADS)

    async def open(self) -> None:
        """Prepare the connection pool; needs the running loop."""
        self._pooled = self._session(
            BoundedConnector(
                limit=0, ssl=self._tls, use_dns_cache=False, keepalive_timeout=_KEEP_IDLE_S
            )
        )
        self._unpooled = self._session(
            BoundedConnector(limit=0, ssl=self._tls, use_dns_cache=False, force_close=True)
        )

    async def close(self) -> None:
        """Close all connections. Requests under way end with an error."""
        sessions = (self._pooled, self._unpooled)
        self._pooled = self._unpooled = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def __aenter__(self) -> Self:
        await self.open()
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
            async with asyncio.timeout(deadline_s):
                response = await self._send_to_any("POST", url, headers, body)
        except AddressRefused as error:
            return PostResult(None, error=describe(error, deadline_s), barred=True)
        except TRANSPORT_ERRORS as error:
            return PostResult(None, error=describe(error, deadline_s))
        await _discard_body(response)
        return PostResult(
            response.status,
            subset(response, _REPLY_HEADERS),
            self._asked_for(response),
        )

    def _asked_for(self, response: aiohttp.ClientResponse) -> float | None:
        """What Retry-After asks for. A date is one of the server's clock, and so is that of the reply."""
        sent_at = parse_http_date(response.headers.get("Date"))
        now = self._clock() if sent_at is None else sent_at
        return parse_retry_after(response.headers.get("Retry-After"), now)

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
        except TRANSPORT_ERRORS as error:
            raise DownloadFailed(describe(error, deadline_s)) from error

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
            response = await self._send_to_any("GET", url, sent, None)
            try:
                target = next_url(url, response.status, response.headers.get("Location"))
                if target is None:
                    return await receive(response, url, limit_bytes, sent)
            finally:
                _let_go(response)
            url = target
        raise DownloadFailed(f"the server redirects it more than {MAX_REDIRECTS} times", 302)

    def _session(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trace_configs=[trace],
        )

    async def _send_to_any(
        self, method: str, url: WebUrl, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        """Send to the first allowed address that accepts a connection."""
        *others, last = await self._resolver.resolve(url)
        for address in others:
            # Only a failure to connect leads to the next address; a certificate that is not
            # accepted does not: it is the customer's to repair.
            try:
                return await self._send_fresh_if_stale(
                    method, url, address, headers, body, hurried=True
                )
            except aiohttp.ClientConnectorError as error:
                if isinstance(error, aiohttp.ClientSSLError):
                    raise
            except aiohttp.ConnectionTimeoutError:
                pass
        return await self._send_fresh_if_stale(method, url, last, headers, body, hurried=False)

    async def _send_fresh_if_stale(
        self,
        method: str,
        url: WebUrl,
        address: IPAddress,
        headers: Mapping[str, str],
        body: bytes | None,
        hurried: bool,
    ) -> aiohttp.ClientResponse:
        """Send, and once more on a fresh connection if a reused one turned out to be closed, or spoilt.

        A server may close an idle connection in the moment in which we use it (RFC 9112, section 9.3.1), and
        the rest of a reply that was longer than it said is no reply to this request. Sending again is
        allowed since receivers can tell duplicates by `webhook-id`.
        """
        if self._pooled is None or self._unpooled is None:
            raise aiohttp.ClientConnectionError("the client is closed")
        trace = SimpleNamespace(reused=False)
        try:
            return await _send(self._pooled, method, url, address, headers, body, hurried, trace)
        except (aiohttp.ClientConnectionError, aiohttp.ClientResponseError) as error:
            never_sent = isinstance(error, aiohttp.ClientConnectorError | TimeoutError)
            if not trace.reused or never_sent:
                raise
        log.debug("stale_connection_replaced")
        return await _send(self._unpooled, method, url, address, headers, body, hurried, trace)


async def _send(
    session: aiohttp.ClientSession,
    method: str,
    url: WebUrl,
    address: IPAddress,
    headers: Mapping[str, str],
    body: bytes | None,
    hurried: bool,
    trace: SimpleNamespace,
) -> aiohttp.ClientResponse:
    return await session.request(
        method,
        _pinned(url, address),
        headers={**headers, "Host": url.host_header},
        data=body,
        # With plain http this only keeps the pools of two names at one address apart.
        server_hostname=url.host,
        allow_redirects=False,
        timeout=_NEXT_ADDRESS_TIMEOUT if hurried else _NO_TIMEOUT,
        trace_request_ctx=trace,
    )


def _pinned(url: WebUrl, address: IPAddress) -> URL:
    """The URL with the address in place of the name; the target is not touched."""
    host = f"[{address}]" if address.version == 6 else str(address)
    return URL.build(scheme=url.scheme, host=host, port=url.port, path=url.target, encoded=True)


async def _note_reuse(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True


async def _discard_body(response: aiohttp.ClientResponse) -> None:
    """Read a small body to its end, so that the connection can be used again; else close it."""
    try:
        async with asyncio.timeout(_READ_REPLY_S):
            left = MAX_REPLY_BYTES
            while left > 0:
                chunk = await response.content.read(left)
                if not chunk:
                    return
                left -= len(chunk)
    except TRANSPORT_ERRORS:
        pass  # the status was read; that is what counts
    finally:
        _let_go(response)


def _let_go(response: aiohttp.ClientResponse) -> None:
    """Close the connection, unless the body was read to its end and the connection is pooled."""
    if not response.content.at_eof() or response.content.exception() is not None:
        response.close()
