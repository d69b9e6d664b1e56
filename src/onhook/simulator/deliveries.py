"""Notifications on their way to the application: they are really sent, and time stands still meanwhile."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from onhook.calls.deliveries import Attempts
from onhook.notify.attempt import Attempt, AttemptOutcome
from onhook.notify.delivery import Poster
from onhook.notify.handover import Tried
from onhook.notify.replies import PostResult
from onhook.simulator.virtual_loop import Stillness
from onhook.urls import WebUrl

_SHOWN: Final = ("call_state", "digits", "dial_status", "transfer_status", "tag", "debit")


@dataclass(frozen=True, slots=True)
class Told:
    """A notification as the application read it."""

    fields: Mapping[str, str]
    notification_id: str
    """Its ``webhook-id``: that of the same one, told again, is the same."""
    status: int | None
    """What the application answered; None for nothing."""

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def get(self, name: str, default: str = "") -> str:
        """A field, if it is there."""
        return self.fields.get(name, default)

    @property
    def delivered(self) -> bool:
        """Whether the application took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Trouble:
    """What is to go wrong with the next notifications."""

    replies: deque[int | None] = field(default_factory=deque)
    """With which statuses they are answered in place of the application; None is no answer at all."""
    late_s: deque[float] = field(default_factory=deque)
    """How long the application takes for them, seconds of the time that calls have."""

    def add(self, replies: Sequence[int | None], late_s: Sequence[float]) -> None:
        """More of it, behind what there is."""
        self.replies.extend(replies)
        self.late_s.extend(late_s)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.replies.clear()
        self.late_s.clear()


class Messenger:
    """Sends notifications (notify.delivery.Poster)."""

    def __init__(
        self, client: Poster, stillness: Stillness, tell: Callable[[str, str], None]
    ) -> None:
        """``tell`` hears, by session, what is said of each for the story."""
        self._client = client
        self._stillness = stillness
        self._tell = tell
        self.told: list[Told] = []
        """What was told, in this order."""
        self.trouble = Trouble()
        self._past: Set[str] = frozenset()

    def begin_anew(self, past: Set[str]) -> None:
        """Forgets what was told and what was to go wrong. What is still told of these sessions is told as it
        comes, and of no concern."""
        self._past = past
        self.trouble.clear()
        self.told.clear()

    async def post(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> PostResult:
        """Sends one, or has happen what was wished to go wrong."""
        fields, name = _fields(headers, body), _header(headers, "webhook-id")
        session = fields.get("session", "")
        if session in self._past:
            return await self._sent(url, headers, body, deadline_s)
        self._tell(session, f"is told of {_shown(fields)}")
        late_s = self.trouble.late_s.popleft() if self.trouble.late_s else 0.0
        if self.trouble.replies:
            result = _without_application(self.trouble.replies.popleft(), deadline_s)
            late_s = deadline_s if result.status is None else late_s
        else:
            result = await self._sent(url, headers, body, deadline_s)
        await asyncio.sleep(min(late_s, deadline_s))
        if late_s >= deadline_s:
            result = _without_application(None, deadline_s)
        if session in self._past:  # since then
            return result
        one = Told(fields, name, result.status)
        self.told.append(one)
        if not one.delivered:
            said = result.error if result.status is None else f"HTTP {result.status}"
            self._tell(session, f"answers that with {said}; it is told again later")
        return result

    async def _sent(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> PostResult:
        with self._stillness.held(f"a notification to {str(url).partition('?')[0]}"):
            return await self._client.post(url, headers, body, deadline_s)


def _without_application(status: int | None, deadline_s: float) -> PostResult:
    return PostResult(status, error=None if status else f"no reply within {deadline_s:g} s")


def _shown(fields: Mapping[str, str]) -> str:
    """A notification in a few words."""
    said = ", ".join(f"{name} {fields[name]}" for name in _SHOWN if fields.get(name))
    return f"{fields.get('ivr_block') or 'something'}: {said}"


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _fields(headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
    if "json" in _header(headers, "content-type"):
        return {name: str(value) for name, value in json.loads(body).items()}
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


class AttemptBook:
    """Records attempts (notify.outbox.OutboxStore)."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool,
    ) -> None:
        """Writes one."""
        tried = Tried(notification_id, attempt, outcome, next_at, awaited)
        await self._attempts.recorded([tried])
