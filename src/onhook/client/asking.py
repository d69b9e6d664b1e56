"""What both clients do with a request: who asks, how often, and what a reply means."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from onhook.client.errors import NoReply, RateLimited, Refused, SessionEnded
from onhook.client.transport import (
    AiohttpTransport,
    AsyncTransport,
    Broken,
    Reply,
    Transport,
    UrllibTransport,
)
from onhook.client.values import Value, read, written

TIMEOUT_S: Final = 30.0
"""A request is answered when its message is ready, which may have to be spoken or downloaded first."""
_WAITS_S: Final = (0.1, 0.5)
"""Between tries. Each has the same idempotency key, so that nothing is carried out twice."""
_PATIENT_HTTP: Final = frozenset({502, 503, 504})
"""A proxy's word for: the server is not there just now."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which server is asked, and as which application."""

    url: str
    app_id: str
    access_token: str

    @classmethod
    def of(cls, url: str | None, app_id: str | None, access_token: str | None) -> Self:
        """What is given, else what stands in the environment: ONHOOK_API, APP_ID, ACCESS_TOKEN. Raises
        ValueError."""
        return cls(
            url=given("url", url, "ONHOOK_API").rstrip("/"),
            app_id=given("app_id", app_id, "APP_ID"),
            access_token=given("access_token", access_token, "ACCESS_TOKEN"),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, app_id={self.app_id!r})"


def given(name: str, value: str | None, variable: str) -> str:
    """A setting. Raises ValueError where neither the argument nor the variable has one."""
    found = value or os.environ.get(variable, "")
    if not found:
        raise ValueError(f"{name} is not given, and {variable} is not in the environment")
    return found


class _Asked:
    """One request, as it is sent."""

    def __init__(self, access: Access, path: str, params: Mapping[str, Value]) -> None:
        form = written(params)
        key = form.pop("idempotency_key", "") or str(uuid.uuid4())
        self.path = path
        self.url = f"{access.url}/open/{path}"
        self.headers = {"Idempotency-Key": key, "Accept": "application/json"}
        self.form = {"app_id": access.app_id, "access_token": access.access_token, **form}

    def answered(self, reply: Reply) -> Mapping[str, Any]:
        """What it was answered. Raises Refused and NoReply."""
        try:
            found = json.loads(reply.body)
            status = found["status"]
        except (ValueError, TypeError, KeyError):
            raise NoReply(
                f"{self.path}: HTTP {reply.http_status}, and no reply of this API: {reply.body[:100]!r}"
            ) from None
        if status == "success_ok":
            answer: Mapping[str, Any] = found
            return answer
        detail = str(found.get("detail", ""))
        if status == "error_session_ended":
            raise SessionEnded(status, detail, self.path)
        if status == "error_rate_limit_exceeded":
            wait_s = float(reply.headers.get("retry-after", "1"))
            raise RateLimited(status, detail, self.path, wait_s)
        raise Refused(status, detail, self.path)


class SyncAsking:
    """What `Client` is made of. Use it in `with`, or call `close`. Threads may share one.

    `url` is that of the server, such as http://127.0.0.1:8080. What is not given stands in the environment:
    ONHOOK_API, APP_ID, ACCESS_TOKEN.
    """

    def __init__(
        self,
        url: str | None = None,
        app_id: str | None = None,
        access_token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: Transport | None = None,
    ) -> None:
        """Raises ValueError where something is missing."""
        self.access = Access.of(url, app_id, access_token)
        self._timeout_s = timeout_s
        self._transport: Transport = transport or UrllibTransport()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def _ask(self, path: str, params: Mapping[str, Value]) -> Mapping[str, Any]:
        asked = _Asked(self.access, path, params)
        for wait_s in (*_WAITS_S, None):
            try:
                reply = self._transport.post(asked.url, asked.headers, asked.form, self._timeout_s)
            except Broken as error:
                if wait_s is None:
                    raise NoReply(f"{path}: {error}") from error
            else:
                if wait_s is None or reply.http_status not in _PATIENT_HTTP:
                    return asked.answered(reply)
            time.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    def _read(self, kind: type[T], path: str, params: Mapping[str, Value]) -> T:
        return read(kind, self._ask(path, params))


class AsyncAsking:
    """What `AsyncClient` is made of. Use it in `async with`, or call `close`. Tasks may share one.

    `url` is that of the server, such as http://127.0.0.1:8080. What is not given stands in the environment:
    ONHOOK_API, APP_ID, ACCESS_TOKEN.
    """

    def __init__(
        self,
        url: str | None = None,
        app_id: str | None = None,
        access_token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: AsyncTransport | None = None,
    ) -> None:
        """Raises ValueError where something is missing."""
        self.access = Access.of(url, app_id, access_token)
        self._timeout_s = timeout_s
        self._transport: AsyncTransport = transport or AiohttpTransport()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def _ask(self, path: str, params: Mapping[str, Value]) -> Mapping[str, Any]:
        asked = _Asked(self.access, path, params)
        for wait_s in (*_WAITS_S, None):
            try:
                reply = await self._transport.post(
                    asked.url, asked.headers, asked.form, self._timeout_s
                )
            except Broken as error:
                if wait_s is None:
                    raise NoReply(f"{path}: {error}") from error
            else:
                if wait_s is None or reply.http_status not in _PATIENT_HTTP:
                    return asked.answered(reply)
            await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def _read(self, kind: type[T], path: str, params: Mapping[str, Value]) -> T:
        return read(kind, await self._ask(path, params))
