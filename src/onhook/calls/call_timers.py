"""The timers of a call: what its present state asks for, and its longest life."""

import asyncio
from collections.abc import Callable

from onhook import call as machine
from onhook.call import Call
from onhook.calls import clock


class CallTimers:
    """Feeds ``Due`` and ``SessionExpired`` to one call when it is time; at once, where that is past."""

    __slots__ = ("_due", "_due_at", "_expires_at", "_expiry", "_feed", "_loop")

    def __init__(self, feed: Callable[[machine.Event], None]) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._due_at: float | None = None
        self._expires_at: float | None = None

    def follow(self, call: Call) -> None:
        """The call is like this now."""
        if call.due_at != self._due_at:
            self._due_at = call.due_at
            self._due = self._set(self._due, call.due_at, machine.Due)
        if call.expires_at != self._expires_at:
            self._expires_at = call.expires_at
            self._expiry = self._set(self._expiry, call.expires_at, machine.SessionExpired)

    def leave(self) -> None:
        """It is on its way out: it has no longest life any more."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def stop(self) -> None:
        """Nothing is waited for."""
        self.leave()
        self._due = self._set(self._due, None, machine.Due)

    def _set(
        self,
        timer: asyncio.TimerHandle | None,
        at_s: float | None,
        event: type[machine.Due] | type[machine.SessionExpired],
    ) -> asyncio.TimerHandle | None:
        if timer is not None:
            timer.cancel()
        if at_s is None:
            return None
        # Loops round to their own tick; an event that came a hair early would be ignored.
        return self._loop.call_later(
            max(0.0, at_s - clock.now_s()), lambda: self._feed(event(max(at_s, clock.now_s())))
        )
