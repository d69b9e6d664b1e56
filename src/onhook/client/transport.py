"""How a request gets to the server: one method, so that a real one and a double are interchangeable."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Protocol
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, Request, build_opener

if TYPE_CHECKING:
    import aiohttp


class Broken(Exception):
    """There was no reply; its text says why. The request may have been carried out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    http_status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


class Transport(Protocol):
    """Sends a form by POST."""

    def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """The reply, whatever its status. Raises Broken. May be called by several threads at a time."""
        ...

    def close(self) -> None:
        """Closes its connections."""


class AsyncTransport(Protocol):
    """The same for asyncio."""

    async def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """The reply, whatever its status. Raises Broken."""
        ...

    async def close(self) -> None:
        """Closes its connections."""


class UrllibTransport:
    """By the standard library, a connection a request: threads share nothing."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPSHandler(context=ssl.create_default_context()))

    def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """Raises Broken."""
        request = Request(url, urlencode(form).encode(), dict(headers))
        try:
            with self._opener.open(request, timeout=timeout_s) as reply:
                return Reply(reply.status, _lowered(reply.headers.items()), reply.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, _lowered(error.headers.items()), error.read())
        except (OSError, HTTPException) as error:
            raise Broken(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """There is nothing to close."""


class AiohttpTransport:
    """By aiohttp, whose connections are kept and belong to the loop that is running."""

    def __init__(self) -> None:
        import aiohttp  # takes a while, which no call has

        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """Raises Broken."""
        import aiohttp

        limit = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._opened().post(
                url, headers=headers, data=form, timeout=limit, allow_redirects=False
            ) as reply:
                return Reply(reply.status, _lowered(reply.headers.items()), await reply.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Broken(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Closes its connections; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> "aiohttp.ClientSession":
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._session, self._loop = aiohttp.ClientSession(trust_env=True), loop
        return self._session


def _lowered(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers}
