"""The addresses of hosts that are named rather than numbered, asked for off the event loop.

Names are kept for half a minute: a burst of calls asks once, and a trunk that moves is found again. A
name server that does not answer holds up two threads at the most, and no call for longer than the
deadline.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

log = structlog.get_logger()

DEADLINE_S = 5.0
KEPT_S = 30.0
MAX_KEPT = 256

OnAddress = Callable[[str | None], None]
"""Hears the numeric IPv4 address, or None when there is none."""


class HostResolver:
    """Looks host names up. Belongs to one event loop. `what` they are the names of is for the log."""

    def __init__(
        self,
        look_up: Callable[[str], str] | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        what: str = "trunk",
    ) -> None:
        self._look_up = look_up or first_address
        self._deadline_s = deadline_s
        self._what = what
        self._kept: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, list[OnAddress]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads: ThreadPoolExecutor | None = None

    def resolve(self, host: str, on_address: OnAddress) -> None:
        """Find the address of a name; `on_address` is called later, never from within."""
        waiting = self._waiting.setdefault(host, [])
        waiting.append(on_address)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._ask(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Nobody waits any more."""
        for task in self._tasks:
            task.cancel()
        self._waiting.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _ask(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        address, until = self._kept.get(host, ("", 0.0))
        if until < loop.time():
            address = await self._found(host)
            if address:
                self._kept[host] = (address, loop.time() + KEPT_S)
                while len(self._kept) > MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
        for on_address in self._waiting.pop(host, ()):
            try:
                on_address(address or None)
            except Exception:  # the root of what a call does with its address
                log.exception("sip_resolved_failed")

    async def _found(self, host: str) -> str:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"{self._what}-names")
        asked = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asked
        except (OSError, UnicodeError, TimeoutError) as error:
            log.warning(f"sip_{self._what}_not_found", host=host, error=type(error).__name__)
            return ""


def first_address(host: str) -> str:
    """The first IPv4 address of a name; OSError when it has none. Blocks."""
    found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
    return str(found[0][4][0])
