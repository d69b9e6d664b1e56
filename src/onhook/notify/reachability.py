"""Whether a notify_url can be reached, which is asked before a request that carries it is accepted.

The host has to resolve to an address that may be called, and for https a TLS handshake with it has to
succeed. What was found good is remembered for a minute for each (scheme, host, port); what was not is
asked again, so that a customer who repairs something sees it at once.
"""

import asyncio
import ssl
import time
from collections.abc import Callable

from onhook.flights import Flights
from onhook.notify.errors import (
    AddressRefused,
    NotResolved,
    UnableToCompleteHandshake,
    UnableToResolve,
    Unreachable,
)
from onhook.notify.memory import TimedMemory
from onhook.notify.replies import describe_connect_error
from onhook.notify.resolver import AddressResolver
from onhook.urls import WebUrl

REMEMBER_S = 60.0
"""How long a host that was reached is not asked again."""

HANDSHAKE_DEADLINE_S = 5.0
"""How long connecting and the TLS handshake may take, over all addresses of a host."""

_REMEMBER_HOSTS = 10_000
_GOODBYE_S = 1.0


class Reachability:
    """Checks the hosts of notify_urls. `clock` gives monotonic seconds."""

    def __init__(
        self,
        resolver: AddressResolver,
        tls: ssl.SSLContext,
        *,
        deadline_s: float = HANDSHAKE_DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._tls = tls
        self._deadline_s = deadline_s
        self._reached: TimedMemory[tuple[str, str, int], bool] = TimedMemory(
            REMEMBER_S, _REMEMBER_HOSTS, clock
        )
        self._flights: Flights[Unreachable | None] = Flights()

    def known(self, url: WebUrl) -> bool:
        """Tell without waiting whether the URL's host was reached within the last minute."""
        return self._reached.get(url.origin) is not None

    async def resolve(self, url: WebUrl) -> None:
        """Return if the URL's host has an address that may be called, else raise `UnableToResolve`."""
        try:
            await self._resolver.resolve(url)
        except (NotResolved, AddressRefused) as error:
            raise UnableToResolve(error.detail) from error

    async def check(self, url: WebUrl) -> None:
        """Return if the URL's host can be reached, else raise `Unreachable`.

        Checks of one host at the same time share one lookup and one handshake.
        """
        if self.known(url):
            return
        failure = await self._flights.join(url.origin, lambda: self._probe(url))
        if failure is not None:
            raise type(failure)(failure.detail)

    async def _probe(self, url: WebUrl) -> Unreachable | None:
        try:
            addresses = await self._resolver.resolve(url)
        except (NotResolved, AddressRefused) as error:
            return UnableToResolve(error.detail)
        if url.scheme == "https":
            failure = await self._shake_hands(url, addresses)
            if failure is not None:
                return UnableToCompleteHandshake(failure)
        self._reached.put(url.origin, True)
        return None

    async def _shake_hands(self, url: WebUrl, addresses: tuple[str, ...]) -> str | None:
        """Return None after one address completed a handshake, else what the last one said."""
        failure = "the host was not reachable"
        # Each gets a fair part of the time, so that a silent address does not hide a good one.
        share_s = self._deadline_s / len(addresses)
        for address in addresses:
            try:
                async with asyncio.timeout(share_s):
                    await self._connect(url, address)
            except TimeoutError:
                failure = f"the TLS handshake was not complete within {self._deadline_s:g} s"
            except (OSError, ssl.CertificateError) as error:
                failure = describe_connect_error(error)
            else:
                return None
        return failure

    async def _connect(self, url: WebUrl, address: str) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            asyncio.Protocol,
            address,
            url.port,
            ssl=self._tls,
            server_hostname=url.host,
            ssl_shutdown_timeout=_GOODBYE_S,
        )
        # Closed properly: a reset right after the handshake looks like an attack in a server's log.
        transport.close()
