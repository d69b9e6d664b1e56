"""What a leg says only when its owner has on disk why."""

from collections.abc import Callable

from onhook.phone.timers import TimerHandle

PATIENCE_S = 2.0
"""A disk that does not write by then is no reason to say nothing: the peer would give the call up. It has
repeated what it waits for twice by then (RFC 3261 17.1.2.1)."""

Then = Callable[[], None]


def at_once(then: Then) -> None:
    """For a leg whose owner keeps nothing of it."""
    then()


class Waiting:
    """What one leg has to say, in its order. `others` are those of its endpoint that wait, this one among
    them while it does."""

    def __init__(self, later: Callable[[float, Then], TimerHandle], others: "set[Waiting]") -> None:
        self._later = later
        self._others = others
        self._due: list[Then] = []
        self._timer: TimerHandle | None = None

    def hold(self, then: Then) -> None:
        """It is to be said soon; `until` says when, unless all is to be said before that."""
        self._due.append(then)

    def until(self, once_kept: Callable[[Then], None], then: Then) -> None:
        """Say it when `once_kept` has it so, and what is before it."""
        if then not in self._due:
            self._due.append(then)
        if once_kept is at_once:
            self.flush()
            return
        if self._timer is None:
            self._others.add(self)
            self._timer = self._later(PATIENCE_S, self.flush)
        once_kept(lambda: self._kept(then))

    def flush(self) -> None:
        """Say all of it now."""
        self._stop()
        due, self._due = self._due, []
        for then in due:
            then()

    def drop(self) -> None:
        """Say nothing of it."""
        self._stop()
        self._due.clear()

    def _kept(self, then: Then) -> None:
        """What is behind it waits for a record that is later."""
        if then in self._due:
            at = self._due.index(then) + 1
            said, self._due = self._due[:at], self._due[at:]
            if not self._due:
                self._stop()
            for each in said:
                each()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._others.discard(self)
