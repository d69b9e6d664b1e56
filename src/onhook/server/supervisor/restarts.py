"""When what died is started again."""

import time
from collections import deque
from collections.abc import Callable

from onhook.server.supervisor.roles import LASTING_S, pause_s

AT_ONCE = 10
"""Deaths of one role within `LASTING_S` after which it is started again at once, if it had worked."""
WORKED_S = 0.5
"""One that had worked for so long is started again at once however often that was: calls wait for it."""


class Restarts:
    """By role. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        """Deaths in a row of what had not worked yet."""
        self._deaths: dict[str, deque[float]] = {}
        self._due: dict[str, float] = {}
        self._working_s: dict[str, float] = {}
        """Since when."""

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def next_s(self) -> tuple[float, ...]:
        """The moments at which one is due."""
        return tuple(self._due.values())

    def put_off(self, role: str) -> float:
        """Have one that died, or could not be started, started again; in how many seconds."""
        now_s = self._clock()
        deaths = self._deaths.setdefault(role, deque())
        worked_since_s = self._working_s.pop(role, None)
        if worked_since_s is None or now_s - worked_since_s < WORKED_S:
            deaths.append(now_s)
        while deaths and deaths[0] < now_s - LASTING_S:
            deaths.popleft()
        if worked_since_s is None:
            self._failures[role] = self._failures.get(role, 0) + 1
        wait_s = pause_s(max(1, self._failures.get(role, 0), len(deaths) - AT_ONCE))
        self._due[role] = now_s + wait_s
        return wait_s

    def works(self, role: str) -> None:
        """It does what it is for: if it dies, the next is wanted at once."""
        self._failures.pop(role, None)
        self._working_s[role] = self._clock()

    def take(self, role: str) -> bool:
        """Whether it is due now, and then no more."""
        if self._due.get(role, float("inf")) > self._clock():
            return False
        del self._due[role]
        return True

    def none(self) -> None:
        """Nothing is started any more."""
        self._due.clear()
