"""One attempt to deliver one notification."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from onhook.notify.message import HttpMessage, build
from onhook.notify.notification import AppSecrets, Attempt, Notification, Outcome
from onhook.notify.replies import Reply
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import SecretUnusable
from onhook.notify.urls import UrlRefused, WebUrl

GONE = 410
"""The status with which a receiver says that it wants no more (RFC 9110, section 15.5.11)."""


class Poster(Protocol):
    """Sends one request: `onhook.notify.client.WebClient`, or a double of it."""

    async def post(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> Reply:
        """Send a POST; never raises for what another machine does."""
        ...


SecretsOf: TypeAlias = Callable[[str], Awaitable[AppSecrets | None]]
"""Looks up an application's secrets by `app_id`; None if there is no such application any more."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to, ready to be recorded."""

    attempt: Attempt
    outcome: Outcome
    next_at: float | None
    """When it is tried again (monotonic); None unless it failed."""
    began_at: float
    """When the attempt began (monotonic)."""
    retry_after_s: float | None = None
    """What the receiver asked for."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Makes attempts. `clock` gives Unix time, `monotonic` measures how long something takes."""

    client: Poster
    secrets_of: SecretsOf
    schedule: RetrySchedule
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    async def attempt(
        self, notification: Notification, number: int, first_at: float | None, try_s: float
    ) -> Result:
        """Make attempt `number`, with `try_s` for the request.

        `first_at` is when the first one was made (`monotonic`), None if this is it. What the receiver
        does, and a notification that cannot be sent, end up in the result; raises only what
        `secrets_of` raises.
        """
        secrets = await self.secrets_of(notification.app_id)
        at, started = self.clock(), self.monotonic()
        reply, final = await self._send(notification, secrets, at, try_s)
        now = self.monotonic()
        tried = Attempt(number, at, reply.status, _explain(reply), (now - started) * 1000)
        if reply.status is not None and 200 <= reply.status < 300:
            return Result(tried, Outcome.DELIVERED, None, started)
        first = started if first_at is None else first_at
        next_at = self.schedule.next_at(number, first, now, reply.retry_after_s)
        if final or reply.status == GONE or next_at is None:
            return Result(tried, Outcome.GIVEN_UP, None, started)
        return Result(tried, Outcome.FAILED, next_at, started, reply.retry_after_s)

    async def _send(
        self, notification: Notification, secrets: AppSecrets | None, at: float, try_s: float
    ) -> tuple[Reply, bool]:
        """Return the reply, and whether trying again would be in vain."""
        if secrets is None:
            return Reply(None, error="the application does not exist any more"), True
        try:
            message: HttpMessage = build(notification, secrets, int(at))
        except (UrlRefused, SecretUnusable) as error:
            return Reply(None, error=str(error)), True
        return await self.client.post(message.url, message.headers, message.body, try_s), False


def _explain(reply: Reply) -> str | None:
    if reply.status is not None and 300 <= reply.status < 400:
        return "the server redirects, and redirects are not followed"
    return reply.error
