"""Where a command asks a server what it runs: a socket without a file, named after the data directory."""

import hashlib
import json
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from onhook.processes.membership import Running

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_PATIENCE_S: Final = 5.0


class NobodyThere(Exception):
    """No server of this user runs on the data directory."""


def status_name(data: Path) -> str:
    """The name in the abstract namespace: it goes with the process that has it."""
    return "\0onhook-" + hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:40]


def listen(data: Path) -> socket.socket | None:
    """The socket of a supervisor; None if somebody else has taken the name."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(status_name(data))
    except OSError:
        listener.close()
        return None
    listener.listen(16)
    listener.setblocking(False)
    return listener


def answer(listener: socket.socket, running: Sequence[Running]) -> None:
    """Tell whoever has connected, if it is this user or root."""
    with suppress(OSError):
        asking, _ = listener.accept()
        with asking:
            asking.setblocking(False)
            if _user(asking) in (0, os.geteuid()):
                asking.send(json.dumps([each._asdict() for each in running]).encode())


def ask(data: Path) -> list[dict[str, Any]]:
    """The processes of the server on a data directory. Raises :class:`NobodyThere`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE_S)
        try:
            asking.connect(status_name(data))
            if _user(asking) not in (0, os.geteuid()):
                raise NobodyThere  # a stranger has taken the name
            told = b"".join(iter(lambda: asking.recv(65536), b""))
            found: list[dict[str, Any]] = json.loads(told)
        except (OSError, ValueError) as error:
            raise NobodyThere from error
        return found


def _user(connection: socket.socket) -> int:
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[1])
