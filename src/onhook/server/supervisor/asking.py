"""Where `onhook reload` reaches a server: a socket without a file, named after the data directory."""

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from onhook.processes.channel import Channel
from onhook.server.supervisor.status import NobodyThere, peer_of, status_name, user_of

_PATIENCE_S: Final = 300.0
"""A reload takes a second or two; where a message is being made, or under a load that leaves it no time,
longer: each of its stages has a bound."""


def listen(data: Path) -> socket.socket | None:
    """The socket of a supervisor; None if somebody else has taken the name."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(_name(data))
    except OSError:
        listener.close()
        return None
    listener.listen(4)
    listener.setblocking(False)
    return listener


def accept(listener: socket.socket) -> Channel | None:
    """Whoever has connected, if it is this user or root."""
    with suppress(OSError):
        asking, _ = listener.accept()
        if user_of(asking) in (0, os.geteuid()):
            asking.setblocking(False)
            return Channel(asking)
        asking.close()
    return None


class Commands:
    """Those that ask a server; `answer` gets what they say, and raises nothing but OSError."""

    def __init__(
        self,
        data: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[Channel, dict[str, Any]], None],
    ) -> None:
        self._selector = selector
        self._answer = answer
        listener = listen(data)
        if listener is not None:
            selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))

    def _accept(self, listener: socket.socket) -> None:
        asking = accept(listener)
        if asking is not None:
            self._selector.register(asking, selectors.EVENT_READ, lambda: self._hear(asking))

    def _hear(self, asking: Channel) -> None:
        try:
            heard = asking.receive()
            if heard is not None:
                self._answer(asking, heard[0])
                return
        except BlockingIOError:
            return
        except (OSError, ValueError, KeyError):  # it has gone, or is of another version
            pass
        self._selector.unregister(asking)
        asking.close()


def connect(data: Path) -> Channel:
    """The server of a data directory. Raises NobodyThere."""
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.settimeout(_PATIENCE_S)
    try:
        asking.connect(_name(data))
    except OSError as error:
        asking.close()
        raise NobodyThere from error
    if user_of(asking) not in (0, os.geteuid()):
        asking.close()
        raise NobodyThere
    return Channel(asking)


def pid_of(server: Channel) -> int:
    """The process at the other end."""
    with socket.socket(fileno=os.dup(server.fileno())) as end:
        return peer_of(end)[0]


def asked(server: Channel, message: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """Its answer to a message, and the descriptors with that, which are the caller's. Raises NobodyThere if
    it ends without one, and TimeoutError."""
    try:
        server.send(message)
        heard = server.receive()
    except TimeoutError:
        raise
    except OSError as error:
        raise NobodyThere from error
    if heard is None:
        raise NobodyThere
    return heard


def _name(data: Path) -> str:
    return f"{status_name(data)}-reload"
