"""Downloads with an HTTP client that is loaded by the first who needs it: most servers never do.

The library takes 10 MB, and a quarter of a second to load; it is loaded in a thread, beside the calls.
"""

import asyncio
import importlib
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from onhook.flights import Flights
from onhook.notify.replies import DownloadedFile
from onhook.notify.resolver import AddressResolver
from onhook.urls import WebUrl

if TYPE_CHECKING:
    from onhook.notify.client import WebClient

_CLIENT = "onhook.notify.client"


class Downloader(Protocol):
    """Fetches files: `onhook.notify.client.WebClient`, or `LateClient`."""

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


class LateClient:
    """A `Downloader`; close it when done."""

    def __init__(self, resolver: AddressResolver, tls: ssl.SSLContext) -> None:
        self._resolver = resolver
        self._tls = tls
        self._opening: Flights[WebClient] = Flights()
        self._client: WebClient | None = None

    async def download(
        self,
        url: WebUrl,
        limit_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        conditional: Callable[[WebUrl], bool] = lambda _: True,
    ) -> DownloadedFile:
        """GET a file, as `WebClient` does; loading the library does not count against the deadline."""
        client = self._client or await self._opening.join(None, self._open)
        return await client.download(url, limit_bytes, deadline_s, headers, conditional)

    async def close(self) -> None:
        """Close all connections. Requests under way end with an error."""
        await self._opening.close()
        if self._client is not None:
            await self._client.close()

    async def _open(self) -> "WebClient":
        await asyncio.to_thread(importlib.import_module, _CLIENT)
        from onhook.notify.client import WebClient

        client = WebClient(self._resolver, self._tls)
        await client.open()
        self._client = client
        return client
