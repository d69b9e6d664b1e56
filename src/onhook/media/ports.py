"""Which UDP port a call gets: an even one of a configured range (RFC 3550 section 11). The one above it
is bound with it, for RTCP, and is of the range too: a firewall lets no other in.

Ports are taken in turn, from a random place on, so that a port that was just given back is the
last to be used again: packets of the old call that are still on their way find nobody.
"""

import errno
from collections.abc import Callable
from typing import Generic, TypeVar

from onhook.media.errors import NoPortLeft

Bound = TypeVar("Bound")
"""What is known of sockets that were bound: their descriptors."""

# The port is somebody else's, or not ours to have: try the next.
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
# No other port would help.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class PortPool(Generic[Bound]):
    """The even ports of `ports` (1 to 65,535); `start` is any number and says where to begin. `bind` binds
    what a port needs, and raises `OSError`.

    Raises `ValueError` when the range has no even port with its neighbour or leaves the numbers of ports.
    """

    def __init__(self, ports: range, *, bind: Callable[[int], Bound], start: int) -> None:
        self._ports = tuple(port for port in ports if port % 2 == 0 and port + 1 in ports)
        if not self._ports or min(self._ports) < 1 or max(self._ports) > 65535:
            raise ValueError(
                "the media ports must include an even one from 2 on and the one above it"
            )
        self._bind = bind
        self._next = start % len(self._ports)
        self._used: set[int] = set()

    @property
    def capacity(self) -> int:
        """How many calls can have a port at once."""
        return len(self._ports)

    @property
    def used(self) -> int:
        """How many ports are taken."""
        return len(self._used)

    def __contains__(self, port: object) -> bool:
        """Whether it is taken."""
        return port in self._used

    def take(self) -> tuple[int, Bound]:
        """Bind the next free port; returns the port and what was bound.

        Ports that other programs use are passed over. Raises `NoPortLeft`, and `OSError` when
        binding fails for a reason that is not the port's (the address is not of this machine).
        """
        if len(self._used) < len(self._ports):
            for _ in range(len(self._ports)):
                port = self._advance()
                if port not in self._used and (bound := self._try(port)) is not None:
                    self._used.add(port)
                    return port, bound
        raise NoPortLeft(f"all {len(self._ports)} media ports are in use")

    def take_this(self, port: int, bound: Bound | None = None) -> Bound:
        """Bind this very port, which a peer was told, whether it is of the range or not, unless it is bound
        already; returns what was bound. Raises `NoPortLeft` when it is in use, and `OSError` as `take()`
        does."""
        if port in self._used:
            raise NoPortLeft(f"the media port {port} is in use")
        bound = self._try(port) if bound is None else bound
        if bound is None:
            raise NoPortLeft(f"the media port {port} is somebody else's")
        self._used.add(port)
        return bound

    def adopt(self, port: int) -> None:
        """The plane has bound this port, whether it is of the range or not. Raises `KeyError` when it was
        taken here."""
        if port in self._used:
            raise KeyError(port)
        self._used.add(port)

    def give_back(self, port: int) -> None:
        """The socket of `port` is closed. Raises `KeyError` when the port was not taken."""
        self._used.remove(port)

    def _advance(self) -> int:
        port = self._ports[self._next]
        self._next = (self._next + 1) % len(self._ports)
        return port

    def _try(self, port: int) -> Bound | None:
        try:
            return self._bind(port)
        except OSError as error:
            if error.errno in _TAKEN:
                return None
            if error.errno in _EXHAUSTED:
                raise NoPortLeft(f"no socket for another call: {error.strerror}") from error
            raise
