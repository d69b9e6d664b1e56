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


class NoAnswer(Exception):
    """Somebody has the name, but does not say what runs; the message says who, and what that may mean."""


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
            if user_of(asking) in (0, os.geteuid()):
                asking.send(json.dumps([each._asdict() for each in running]).encode())


def ask(data: Path) -> list[dict[str, Any]]:
    """The processes of the server on a data directory. Raises :class:`NobodyThere` and :class:`NoAnswer`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE_S)
        try:
            asking.connect(status_name(data))
        except OSError as error:
            raise NobodyThere from error
        pid, user = peer_of(asking)
        if user not in (0, os.geteuid()):
            raise NoAnswer(
                f"A process of another user ({pid}) answers for the data directory {data}: ask as that user, "
                "or as root, if it is the server."
            )
        try:
            told = b"".join(iter(lambda: asking.recv(65536), b""))
        except TimeoutError as error:
            raise NoAnswer(
                f"The server on the data directory {data} does not answer; its process {pid} was stopped, "
                "or hangs."
            ) from error
        except OSError as error:
            raise NobodyThere from error
    if not told:  # it ends
        raise NobodyThere
    try:
        return [Running(**each)._asdict() for each in json.loads(told)]
    except (ValueError, TypeError) as error:
        raise NoAnswer(
            f"It cannot be said what runs on the data directory {data}: another program (process {pid}) has "
            "taken the name by which its server is asked."
        ) from error


def user_of(connection: socket.socket) -> int:
    """The user whose process has the other end."""
    return peer_of(connection)[1]


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Which process has the other end, and of which user."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(told)
    return pid, user
