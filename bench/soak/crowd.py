"""The crowd: callers of a few kinds, many a second, for as long as it takes. SIPp places the calls."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from bench.load import Load, NotStarted, callers
from bench.rig import HERE, end, first_line


@dataclass(frozen=True, slots=True)
class Part:
    """Callers that are treated alike by the application, and behave alike."""

    kind: str
    """The path of its notifications, see `application.py`."""
    scenario: str
    share: float
    """Of all calls of the crowd."""
    most_a_second: float = 1000.0
    hold_s: tuple[float, ...] = (0.0,)
    """How long they stay, if it is they who end the call: one of these."""


PARTS = (
    Part("hangup", "server_bye", 0.50),
    Part("new", "server_bye", 0.02, most_a_second=2.0),
    Part("fail", "server_bye", 0.05),
    Part("drop", "server_bye", 0.05),
    Part("play", "hold", 0.10, hold_s=(1.0, 3.0, 8.0, 20.0)),
    Part("leave", "cancelled", 0.12, hold_s=(0.05, 0.3, 2.0)),
    Part("reject", "rejected", 0.16),
)
"""What is left over of a part that has its limit is the first one's."""
ROUND_S = 20.0
"""How long a SIPp places calls; then the next one does."""


def numbers() -> dict[str, str]:
    """The number that each kind calls."""
    return {part.kind: f"+6531100{place:03d}" for place, part in enumerate(PARTS)}


@contextmanager
def application(api: str, app_id: str, access_token: str) -> Iterator[tuple[int, str]]:
    """The application of the crowd: its process id, and where it is notified."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "soak" / "application.py")],
        env={**os.environ, "API": api, "APP_ID": app_id, "ACCESS_TOKEN": access_token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        yield process.pid, f"http://127.0.0.1:{int(first_line(process))}"
    finally:
        end(process)


class Crowd:
    """Calls a server at a rate, from `begin` until `finish`."""

    def __init__(self, server: tuple[str, int], rate: float, seed: int) -> None:
        self._server = server
        self._rates = _rates(rate)
        self._random = random.Random(seed)
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(len(PARTS), thread_name_prefix="crowd")
        self._lock = threading.Lock()
        self._deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        """What the crowd is told is dropped by the kernel: nobody reads it."""
        self._deaf.bind(("127.0.0.1", 0))
        self.placed: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        """By kind, both."""

    def begin(self) -> None:
        """Each part calls, in a thread of its own."""
        self._running = [self._pool.submit(self._call, part) for part in PARTS]

    def finish(self) -> None:
        """Waits until the last call is over."""
        self._enough.set()
        for one in self._running:
            one.result()
        self._pool.shutdown()
        self._deaf.close()

    def run(self, seconds: float) -> None:
        """For so long."""
        self.begin()
        time.sleep(seconds)
        self.finish()

    def _call(self, part: Part) -> None:
        rate = self._rates[part.kind]
        while not self._enough.is_set():
            with self._lock:
                hold_s = self._random.choice(part.hold_s)
            self._round(part, rate, hold_s)

    def _round(self, part: Part, rate: float, hold_s: float) -> None:
        calls = max(1, round(rate * ROUND_S))
        number, port = numbers()[part.kind], self._deaf.getsockname()[1]
        load = Load(part.scenario, self._server, number, port, rate, calls, hold_s)
        with callers(load) as running:
            while running.running and not self._enough.wait(0.2):
                continue
            running.process.send_signal(signal.SIGUSR1)  # no new calls
            try:
                outcome = running.result()
            except NotStarted:  # somebody else had taken its port
                return
        with self._lock:
            self.placed[part.kind] += outcome.created
            self.failed[part.kind] += outcome.failed


def _rates(rate: float) -> Mapping[str, float]:
    """Calls a second of each kind."""
    first, *others = PARTS
    found = {part.kind: min(rate * part.share, part.most_a_second) for part in others}
    return {first.kind: rate - sum(found.values()), **found}
