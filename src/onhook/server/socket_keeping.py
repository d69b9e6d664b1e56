"""Has the supervisor keep the sockets of streams, should the switch and the media plane die at once.

It is told of many at a time, up to a tenth of a second late, as each time wakes it: a call whose switch and
plane die so soon after its beginning has its port bound anew.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Final

from onhook.media.plane import MediaPlane
from onhook.media.sockets import Pair
from onhook.processes.channel import MAX_DESCRIPTORS, Channel
from onhook.server.supervised import Supervised

SOON_S: Final = 0.1
"""How late the supervisor is told, at the most."""
_AT_ONCE: Final = MAX_DESCRIPTORS // 2
_PORTS_AT_ONCE: Final = 4096
_ENOUGH_PORTS: Final = 8


def hold(plane: MediaPlane, supervised: Supervised) -> None:
    """The sockets of this plane's streams outlive the plane and this process; those that an earlier one had
    are there. Where there are very few ports each has to be free the moment that its call is over: then they
    end with the two."""
    for port in tuple(supervised.sockets):
        plane.held.give(port, supervised.sockets.pop(port))
    if plane.capacity >= _ENOUGH_PORTS:
        plane.held.keeper = SocketKeeping(
            supervised.member.channel, lambda: 2 * plane.ports_used > plane.capacity
        )


class SocketKeeping:
    """A keeper for `onhook.media.held`. Belongs to the running loop. ``tight`` says whether a port that is
    let go of is likely to be wanted at once."""

    def __init__(self, channel: Channel, tight: Callable[[], bool]) -> None:
        self._channel = channel
        self._tight = tight
        self._loop = asyncio.get_running_loop()
        self._new: dict[int, Pair] = {}
        self._over: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def keep(self, port: int, pair: Pair) -> None:
        """A stream has these; they stay its own."""
        self._new[port] = pair
        self._soon()

    def let_go(self, port: int) -> None:
        """It is closed. One that the supervisor has not heard of is none of its affairs."""
        if self._new.pop(port, None) is not None:
            return
        self._over.append(port)
        if self._tight() and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._soon(0.0 if self._tight() else SOON_S)

    def leave(self) -> None:
        """What there is no room for now is never told: later the descriptors are those of something else."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._new.clear()

    def _soon(self, after_s: float = SOON_S) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(after_s, self._tell)

    def _tell(self) -> None:
        self._timer = None
        with suppress(OSError):  # it has no room for now, or has ended, and we with it
            while self._over:
                some = self._over[:_PORTS_AT_ONCE]
                self._channel.send({"say": "let go", "ports": some})
                del self._over[: len(some)]
            while self._new:
                ports = list(islice(self._new, _AT_ONCE))
                sockets = [each for port in ports for each in self._new[port]]
                self._channel.send({"say": "keep", "ports": ports}, sockets)
                for port in ports:
                    del self._new[port]
        if self._over or self._new:
            self._soon()
