"""Connections that wait for another request: so many in all, and each for so long."""

import asyncio
from collections.abc import Hashable
from typing import Final

from onhook.notify.connection import Connection

MOST_KEPT: Final = 512
"""In all; beyond it those go that have waited for the longest."""

KEEP_S: Final = 15.0
"""How long one waits. Servers that close earlier say so, and are heard."""

LAST_S: Final = 300.0
"""How long a connection is used at all: whoever moves a name elsewhere, or has a new certificate, need not
wait for ever."""


class KeptConnections:
    """Those of one client, by whom they lead to. Use it on one event loop."""

    def __init__(
        self, most: int = MOST_KEPT, keep_s: float = KEEP_S, last_s: float = LAST_S
    ) -> None:
        self._most = most
        self._keep_s = keep_s
        self._last_s = last_s
        self._since: dict[Connection, float] = {}
        """When each began to wait, the first one first."""
        self._by_key: dict[Hashable, list[Connection]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._since)

    def take(self, key: Hashable) -> Connection | None:
        """The one that has waited least, if there is one: the others may then be closed in time."""
        waiting = self._by_key.get(key)
        while waiting:
            connection = waiting.pop()
            del self._since[connection]
            if not waiting:
                del self._by_key[key]
            if connection.usable:
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection) -> None:
        """Keep it for the next request to whom it leads to, or close it."""
        now_s = asyncio.get_running_loop().time()
        if not connection.usable or now_s - connection.made_at_s > self._last_s:
            connection.close()
            return
        connection.rest()
        self._since[connection] = now_s
        self._by_key.setdefault(connection.key, []).append(connection)
        if len(self._since) > self._most:
            self._close_first()
        if self._sweeper is None:
            self._sweep_in(self._keep_s)

    def forget(self, connection: Connection) -> None:
        """It is not kept any more, if it was."""
        if self._since.pop(connection, None) is None:
            return
        waiting = self._by_key[connection.key]
        waiting.remove(connection)
        if not waiting:
            del self._by_key[connection.key]

    def close(self) -> None:
        """Close all of them."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._since:
            self._close_first()

    def _close_first(self) -> None:
        connection = next(iter(self._since))
        self.forget(connection)
        connection.close()

    def _sweep_in(self, delay_s: float) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(delay_s, self._sweep)

    def _sweep(self) -> None:
        """Nothing runs while nothing is kept."""
        self._sweeper = None
        now_s = asyncio.get_running_loop().time()
        while self._since:
            left_s = next(iter(self._since.values())) + self._keep_s - now_s
            if left_s > 0:
                self._sweep_in(left_s)
                return
            self._close_first()
