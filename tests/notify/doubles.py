"""Doubles of what the outbox is given: time, a store, a client."""

import asyncio
import base64
import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from onhook import urls
from onhook.call import Notification
from onhook.notify.addresses import AddressPolicy, IPAddress
from onhook.notify.attempt import Attempt, AttemptOutcome
from onhook.notify.errors import AddressRefused
from onhook.notify.replies import PostResult
from onhook.notify.signatures import AppSecrets
from onhook.urls import WebUrl

START = 1_700_000_000.0


def secret_of(key: bytes) -> str:
    """A webhook secret as the specification writes it."""
    return "whsec_" + base64.b64encode(key).decode()


def allows(policy: AddressPolicy, address: IPAddress | str) -> bool:
    """Whether the policy lets an address be called."""
    try:
        policy.check(address)
    except AddressRefused:
        return False
    return True


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(30):
        await asyncio.sleep(0)


class VirtualTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualTime:
    """Unix time that passes when told to. `set_by_s` is by how much somebody set the wall clock."""

    def __init__(self) -> None:
        self.now = START
        self.set_by_s = 0.0
        self._timers: list[tuple[float, int, VirtualTimer]] = []
        self._count = itertools.count()

    def clock(self) -> float:
        return self.now + self.set_by_s

    def monotonic(self) -> float:
        return self.now - START + 1000.0

    def call_later(self, delay: float, callback: Callable[[], None], /) -> VirtualTimer:
        timer = VirtualTimer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._count), timer))
        return timer

    @property
    def waiting(self) -> int:
        return sum(timer.callback is not None for _, _, timer in self._timers)

    async def pass_until(self, end: float = float("inf")) -> None:
        """Let time pass until `end`, or until nothing waits for it any more."""
        await settle()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            if timer.callback is not None:
                timer.callback()
            await settle()
        if end != float("inf"):
            self.now = max(self.now, end)


@dataclass
class Recorded:
    id: str
    attempt: Attempt
    outcome: AttemptOutcome
    next_at: float | None


@dataclass
class MemoryStore:
    """Keeps what is recorded; fails as often as told to."""

    records: list[Recorded] = field(default_factory=list)
    failures: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool = False,
    ) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is gone")
        self.records.append(Recorded(notification_id, attempt, outcome, next_at))
        self.changed.set()

    async def wait_for(self, count: int) -> None:
        while len(self.records) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 60)

    def outcomes(self, notification_id: str) -> list[AttemptOutcome]:
        return [record.outcome for record in self.records if record.id == notification_id]

    def times(self, notification_id: str) -> list[float]:
        return [r.attempt.at - START for r in self.records if r.id == notification_id]


@dataclass
class ScriptedClient:
    """Answers with what is in `script` for a host, the last entry again and again; else with 200.

    An `asyncio.Event` in the script is waited for first.
    """

    script: dict[str, list[PostResult | asyncio.Event]] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)  # host, webhook-id
    deadlines: list[float] = field(default_factory=list)
    under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def post(
        self, url: WebUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> PostResult:
        assert parse_qs(body.decode())
        self.sent.append((url.host, headers["webhook-id"]))
        self.deadlines.append(deadline_s)
        self.under_way[url.host] += 1
        self.most[url.host] = max(self.most[url.host], self.under_way[url.host])
        try:
            return await self._answer(url.host)
        finally:
            self.under_way[url.host] -= 1

    async def _answer(self, host: str) -> PostResult:
        script = self.script.get(host, [])
        while script:
            entry = script[0] if len(script) == 1 else script.pop(0)
            if isinstance(entry, PostResult):
                return entry
            await entry.wait()
            if len(script) == 1:
                break
        return PostResult(200)


async def secrets_of(app_id: str) -> AppSecrets | None:
    return AppSecrets("token", ()) if app_id == "app" else None


def notification(
    name: str,
    session: str = "S1",
    host: str = "example.com",
    url: str = "",
    **changes: object,
) -> Notification:
    values: dict[str, object] = {
        "notification_id": name,
        "session": session,
        "sequence": 1,
        "app_id": "app",
        "url": urls.stored(url or f"https://{host}/notify"),
        "fields": {"ivr_block": "hangup"},
        "created_ms": 1,
    }
    return Notification(**{**values, **changes})  # type: ignore[arg-type]
