"""What earlier switches have left behind: processes that relay their connections with TLS."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from onhook.processes.membership import Running


class Relays:
    """Those that run. `started` and `ended` hear of each one's pidfd, to wait for it or no more; `changed`
    hears that others run. They end by themselves, or with this process."""

    def __init__(
        self,
        started: Callable[[int, int], object],
        ended: Callable[[int], object],
        changed: Callable[[], object],
    ) -> None:
        self._started, self._ended, self._changed = started, ended, changed
        self._relays: dict[int, tuple[int, Running]] = {}

    @property
    def running(self) -> list[Running]:
        """What is told of them."""
        return [running for _, running in self._relays.values()]

    def begins(self, pid: int) -> None:
        """A switch has left one, which becomes a child of this process when that one ends."""
        with suppress(ProcessLookupError):  # it had nothing to do any more
            pidfd = os.pidfd_open(pid)
            since = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._relays[pid] = pidfd, Running("relay", pid, since, 0, ready=True)
            self._started(pidfd, pid)
            self._changed()

    def bury(self, pid: int) -> None:
        """One has ended."""
        pidfd, _ = self._relays.pop(pid)
        self._ended(pidfd)
        os.close(pidfd)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        self._changed()
