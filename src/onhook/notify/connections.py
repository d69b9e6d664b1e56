"""Connections to customers' servers: to an address that was checked, and nowhere else.

The host of a URL is resolved and judged by us (`resolver`) for every request, and what is connected to is an
address. Connections are kept by (scheme, name, port, address): a reused one leads to an address that has just
passed the policy, and for https to a server that had a certificate for this very name.
"""

import asyncio
import ssl
from typing import Final

import structlog

from onhook.notify.connection import Connection
from onhook.notify.errors import ClientClosed, NoReply, NotConnected
from onhook.notify.kept_connections import KeptConnections
from onhook.notify.replies import describe_connect_error
from onhook.notify.resolver import AddressResolver
from onhook.urls import WebUrl

log = structlog.get_logger()

_NEXT_ADDRESS_AFTER_S: Final = 3.0  # a silent address must not use up the time of the others
_GOODBYE_S: Final = 1.0


class Connections:
    """All that one client has. Use it on one event loop, and `close` it."""

    def __init__(self, resolver: AddressResolver, tls: ssl.SSLContext) -> None:
        self.kept = KeptConnections()
        """Those that wait for another request."""
        self.open: set[Connection] = set()
        """All of them."""
        self._resolver = resolver
        self._tls = tls
        self._closed = False

    def close(self) -> None:
        """Close all of them. Requests under way end with an error, and so do new ones."""
        self._closed = True
        self.kept.close()
        for connection in list(self.open):
            connection.abort()

    async def send(self, url: WebUrl, request: bytes) -> Connection:
        """Send to the first allowed address that accepts a connection, and read the head of the reply.

        `let_go` of what it returns. Raises `NoReply`, `NotResolved`, `AddressRefused`.
        """
        *others, last = await self._resolver.resolve(url)
        for address in others:
            # Only a failure to connect leads to the next address; a certificate that is not
            # accepted does not: it is the customer's to repair.
            try:
                return await self._send(url, address, request, _NEXT_ADDRESS_AFTER_S)
            except NotConnected as error:
                if not error.elsewhere:
                    raise
        return await self._send(url, last, request, None)

    def let_go(self, connection: Connection) -> None:
        """Keep the connection if the whole reply was read, and both sides want to keep it."""
        if connection.reply.ended and not self._closed:
            self.kept.put(connection)
        else:
            connection.abort()

    async def _send(
        self, url: WebUrl, address: str, request: bytes, connect_s: float | None
    ) -> Connection:
        """Send, and once more on a new connection if a kept one turned out to be closed, or spoilt.

        A server may close an idle connection in the moment in which we use it (RFC 9112, section 9.3.1), and
        the rest of a reply that was longer than it said is no reply to this request. Sending again is
        allowed since receivers can tell duplicates by `webhook-id`. Once a reply has begun, it is the reply.
        """
        if self._closed:
            raise ClientClosed("the client is closed")
        key = (url.scheme, url.host, url.port, address)
        kept = self.kept.take(key)
        if kept is not None:
            try:
                return await _ask(kept, request)
            except NoReply:
                if kept.reply.begun:
                    raise
                log.debug("stale_connection_replaced")
        return await _ask(await self._connect(url, address, key, connect_s), request)

    async def _connect(
        self,
        url: WebUrl,
        address: str,
        key: tuple[str, str, int, str],
        connect_s: float | None,
    ) -> Connection:
        secure = url.scheme == "https"
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(key, self._forget),
                    address,
                    url.port,
                    ssl=self._tls if secure else None,
                    server_hostname=url.host if secure else None,
                    ssl_shutdown_timeout=_GOODBYE_S if secure else None,
                )
        except (OSError, ssl.CertificateError) as error:
            here = isinstance(error, ssl.SSLError | ssl.CertificateError)
            raise NotConnected(describe_connect_error(error), elsewhere=not here) from error
        if self._closed:
            connection.abort()
            raise ClientClosed("the client is closed")
        if connection.open:
            self.open.add(connection)
        return connection

    def _forget(self, connection: Connection) -> None:
        self.open.discard(connection)
        self.kept.forget(connection)


async def _ask(connection: Connection, request: bytes) -> Connection:
    try:
        await connection.ask(request)
    except BaseException:
        connection.abort()
        raise
    return connection
