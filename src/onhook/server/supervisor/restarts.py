"""When what died is started again."""

import time
from collections.abc import Callable

from onhook.server.supervisor.roles import LASTING_S, pause_s


class Restarts:
    """By role. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def next_s(self) -> tuple[float, ...]:
        """The moments at which one is due."""
        return tuple(self._due.values())

    def put_off(self, role: str, started_s: float | None = None) -> float:
        """Have one started again in so many seconds; `started_s` is when the one that died had begun."""
        now_s = self._clock()
        if started_s is not None and now_s - started_s >= LASTING_S:
            self.works(role)
        self._deaths[role] = self._deaths.get(role, 0) + 1
        wait_s = pause_s(self._deaths[role])
        self._due[role] = now_s + wait_s
        return wait_s

    def works(self, role: str) -> None:
        """It does what it is for: its next death is the first."""
        self._deaths.pop(role, None)

    def take(self, role: str) -> bool:
        """Whether it is due now, and then no more."""
        if self._due.get(role, float("inf")) > self._clock():
            return False
        del self._due[role]
        return True

    def none(self) -> None:
        """Nothing is started any more."""
        self._due.clear()
