"""Workers of the switch: started when it asks for one, gone with it."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from onhook.processes.membership import Running
from onhook.processes.workers import Spawner, Worker


class Workers:
    """Those that run. `started` and `ended` hear of each one's pidfd, to wait for it or no more; `changed`
    hears that others run."""

    def __init__(
        self,
        started: Callable[[int, int], object],
        ended: Callable[[int], object],
        changed: Callable[[], object],
    ) -> None:
        self._spawner = Spawner(die_with_us=True)
        self._started, self._ended, self._changed = started, ended, changed
        self._workers: dict[int, tuple[Worker, Running]] = {}

    @property
    def running(self) -> list[Running]:
        """What is told of them."""
        return [running for _, running in self._workers.values()]

    def start(self, program: str, arguments: Sequence[str]) -> tuple[Running, list[int]]:
        """A new one, and the descriptors of its pidfd and of its socket, for the switch. Raises OSError."""
        worker = self._spawner.start(program, *arguments)
        since = datetime.now(UTC).isoformat(timespec="milliseconds")
        running = Running(worker.role, worker.pid, since, 0, ready=True)
        self._workers[worker.pid] = worker, running
        self._started(worker.pidfd, worker.pid)
        self._changed()
        return running, [os.dup(worker.pidfd), worker.socket.detach()]

    def bury(self, pid: int) -> None:
        """One has ended."""
        worker, _ = self._workers.pop(pid)
        self._ended(worker.pidfd)
        worker.close()
        self._changed()

    def kill(self) -> None:
        """End all of them."""
        for worker, _ in self._workers.values():
            worker.kill()
