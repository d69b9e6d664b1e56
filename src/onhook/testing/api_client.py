"""A client of the API, as thin as can be: parameters go out, the JSON object comes back."""

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp


class ApiReplyError(Exception):
    """The reply was not a JSON object; its text says what it was instead."""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """One reply of the API with what came around it."""

    http_status: int
    headers: dict[str, str]
    """By name in lower case."""
    json: dict[str, Any]

    @property
    def status(self) -> str:
        """The `status` of the reply, "" when it has none."""
        return str(self.json.get("status", ""))


class ApiClient:
    """Makes requests as one application; use it with `async with`, or call `close`.

    `base_url` is that of the server, such as http://127.0.0.1:8080. A path without a leading slash
    is below /open/: `await client.post("ivr/end/hangup", session=s)`. `app_id` and `access_token`
    go with every request; a parameter that is None is left out, these two included.
    """

    def __init__(
        self, base_url: str, app_id: str, access_token: str, *, timeout_s: float = 30.0
    ) -> None:
        self.base_url = base_url.rstrip("/")
        """The server."""
        self._identity = {"app_id": app_id, "access_token": access_token}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """Ask with the parameters in the query string; return the JSON object of the reply.

        Raises ApiReplyError for any other reply, aiohttp.ClientError and TimeoutError for none.
        """
        return (await self.request("GET", path, params)).json

    async def post(self, path: str, **params: object) -> dict[str, Any]:
        """Ask with the parameters in a form-encoded body; otherwise like `get`."""
        return (await self.request("POST", path, params)).json

    async def request(
        self,
        method: str,
        path: str,
        params: dict[str, object],
        *,
        headers: dict[str, str] | None = None,
    ) -> ApiReply:
        """Ask with any method (GET: query string; others: form body); return the whole reply."""
        given = {**self._identity, **params}
        fields = {name: str(value) for name, value in given.items() if value is not None}
        url = f"{self.base_url}{path}" if path.startswith("/") else f"{self.base_url}/open/{path}"
        where: dict[str, Any] = {"params": fields} if method == "GET" else {"data": fields}
        if self._session is None:  # made here: a session belongs to the loop that is running
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=False)
        async with self._session.request(
            method, url, headers=headers, allow_redirects=False, **where
        ) as reply:
            text = await reply.text(errors="replace")
            lowered = {name.lower(): value for name, value in reply.headers.items()}
            return ApiReply(reply.status, lowered, _object(reply.status, text))


def _object(http_status: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ApiReplyError(f"HTTP {http_status}, not JSON: {text[:200]!r}") from error
    if not isinstance(found, dict):
        raise ApiReplyError(f"HTTP {http_status}, JSON but no object: {text[:200]!r}")
    return found
