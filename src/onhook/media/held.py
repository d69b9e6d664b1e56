"""The sockets of streams, held beside the plane: what arrives while there is no plane waits in them.

A plane that dies takes its descriptors with it. The switch has others of the same sockets, and hands them to
the next plane; a *keeper* outside of this process has them too, should both die at once.
"""

import os
import resource
import sys
from collections.abc import Container
from contextlib import suppress
from typing import Final, Protocol

from onhook.media._plane import lib
from onhook.media.sockets import Pair


class Keeper(Protocol):
    """Has sockets for the switch after this one."""

    def keep(self, port: int, pair: Pair) -> None:
        """A stream has these. They stay the caller's, who has them until it lets them go."""

    def let_go(self, port: int) -> None:
        """They are to be closed: the port is free."""

    def leave(self) -> None:
        """The caller goes: what it has said is to be known now, as its sockets are closed in a moment."""


_SHARE: Final = 4
"""One in so many of the files that the process may open are held: requests and recordings need others, and
the next plane is handed as many once more."""


class HeldSockets:
    """A pair for each port that a stream has, up to `at_most`, or as many as the limit of open files allows.
    What is not held is bound anew when a plane dies."""

    def __init__(self, at_most: int | None = None) -> None:
        self._pairs: dict[int, Pair] = {}
        self._at_most = _allowed() if at_most is None else at_most
        self.keeper: Keeper | None = None

    def hold(self, port: int, pair: Pair) -> None:
        """A stream is about to be opened on these, or opened again; they stay the caller's."""
        if port in self._pairs or len(self._pairs) >= self._at_most:
            return
        with suppress(OSError):
            self._pairs[port] = ours = _another(pair)
            if self.keeper is not None:
                self.keeper.keep(port, ours)

    def give(self, port: int, pair: Pair) -> None:
        """The keeper has had these since an earlier switch; they are ours from now on."""
        self._close(port)
        self._pairs[port] = pair

    def again(self, port: int) -> Pair | None:
        """Those of a port for another plane, whose they are from then on; None where nobody holds them."""
        pair = self._pairs.get(port)
        if pair is None:
            return None
        try:
            again = _another(pair)
        except OSError:
            return None
        for descriptor in again:
            lib.plane_unconnect(descriptor)
        return again

    def let_go(self, port: int) -> None:
        """The stream is closed."""
        if port in self._pairs:
            self._close(port)
            if self.keeper is not None:
                self.keeper.let_go(port)

    def let_go_of_rest(self, used: Container[int]) -> None:
        """What an earlier switch had held and nobody has gone on with."""
        for port in tuple(self._pairs):
            if port not in used:
                self.let_go(port)

    def leave(self) -> None:
        """This process goes; the keeper has them for the next one."""
        if self.keeper is not None:
            self.keeper.leave()
        for port in tuple(self._pairs):
            self._close(port)

    def _close(self, port: int) -> None:
        for descriptor in self._pairs.pop(port, ()):
            os.close(descriptor)


def _allowed() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else files // _SHARE // 2


def _another(pair: Pair) -> Pair:
    """Descriptors of the same sockets. Raises OSError."""
    first = os.dup(pair[0])
    try:
        return first, os.dup(pair[1])
    except OSError:
        os.close(first)
        raise
