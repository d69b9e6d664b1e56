"""One attempt to deliver one notification."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from onhook.notification import Notification
from onhook.notify.attempt import Attempt, AttemptOutcome
from onhook.notify.errors import SecretUnusable
from onhook.notify.message import HttpMessage, build
from onhook.notify.replies import PostResult
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import AppSecrets
from onhook.urls import UrlRefused, WebUrl

GONE = 410
"""The status with which a receiver says that it wants no more (RFC 9110, section 15.5.11)."""


class Poster(Protocol):
    """Sends one request: `onhook.notify.client.WebClient`, or a double of it."""

    async def post(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> PostResult:
        """Send a POST; never raises for what another machine does."""
        ...


SecretsOf: TypeAlias = Callable[[str], Awaitable[AppSecrets | None]]
"""Looks up an application's secrets by `app_id`; None if there is no such application any more."""


class Result(NamedTuple):
    """What an attempt came to, ready to be recorded."""

    attempt: Attempt
    outcome: AttemptOutcome
    next_at: float | None
    """When it is tried again (monotonic); None unless it failed."""
    began_at: float
    """When the attempt began (monotonic)."""
    not_before: float = 0.0
    """Until when the receiver asked to be left alone (monotonic); 0 if it did not."""
    barred: bool = False
    """Its address may not be called."""


class AttemptPlan(NamedTuple):
    """Which attempt it is: the `number`th in all, after which `scheduled` of the schedule have been made.

    Times are monotonic.
    """

    number: int
    scheduled: int
    first_at: float | None
    """When the first one was made; None if this is it."""
    due_at: float | None
    """Of one that is beside the schedule: when the schedule goes on. None for one of the schedule."""
    try_s: float
    """How long the request may take."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Makes attempts. `clock` gives Unix time, `monotonic` measures how long something takes."""

    client: Poster
    secrets_of: SecretsOf
    schedule: RetrySchedule
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    async def attempt(self, notification: Notification, plan: AttemptPlan) -> Result:
        """Make an attempt. What the receiver does, and a notification that cannot be sent, end up in the
        result; raises only what `secrets_of` raises."""
        secrets = await self.secrets_of(notification.app_id)
        at, started = self.clock(), self.monotonic()
        reply, final = await self._send(notification, secrets, at, plan.try_s)
        now, asked_s = self.monotonic(), reply.retry_after_s
        tried = Attempt(
            plan.number,
            at,
            reply.status,
            _explain(reply),
            duration_ms=(now - started) * 1000,
            scheduled=plan.scheduled,
            not_before=0.0 if asked_s is None else self.clock() + asked_s,
        )
        if reply.status is not None and 200 <= reply.status < 300:
            return Result(tried, AttemptOutcome.DELIVERED, None, started)
        next_at = self._next_at(plan, started, now, asked_s)
        if final or reply.status == GONE or next_at is None:
            return Result(tried, AttemptOutcome.GIVEN_UP, None, started)
        not_before = 0.0 if asked_s is None else now + asked_s
        return Result(tried, AttemptOutcome.FAILED, next_at, started, not_before, reply.barred)

    def _next_at(
        self, plan: AttemptPlan, started: float, now: float, asked_s: float | None
    ) -> float | None:
        first = started if plan.first_at is None else plan.first_at
        if plan.due_at is not None:
            return self.schedule.postponed(plan.due_at, first, now, asked_s)
        return self.schedule.next_at(plan.scheduled, first, now, asked_s)

    async def _send(
        self, notification: Notification, secrets: AppSecrets | None, at: float, try_s: float
    ) -> tuple[PostResult, bool]:
        """Return the reply, and whether trying again would be in vain."""
        if secrets is None:
            return PostResult(None, error="the application does not exist any more"), True
        try:
            message: HttpMessage = build(notification, secrets, int(at))
        except (UrlRefused, SecretUnusable) as error:
            return PostResult(None, error=str(error)), True
        return await self.client.post(message.url, message.headers, message.body, try_s), False


def _explain(reply: PostResult) -> str | None:
    if reply.status is not None and 300 <= reply.status < 400:
        return "the server redirects, and redirects are not followed"
    return reply.error
