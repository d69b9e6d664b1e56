"""Messages with descriptors between the supervisor and one of its processes."""

import json
import socket
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_BYTES: Final = 128 * 1024
"""Of one message; the kernel's own limit is above it (net.core.wmem_default)."""
MAX_DESCRIPTORS: Final = 64
"""That travel with one message."""
_ROOM: Final = socket.CMSG_LEN(MAX_DESCRIPTORS * array("i").itemsize)

Message = Mapping[str, Any]
"""What stands in it is JSON; `say` tells what it is about."""


class Channel:
    """One end of a connected AF_UNIX socket that keeps messages apart (SOCK_SEQPACKET).

    It blocks as its socket does. Both ends are processes of ours, so a message that makes no sense is a fault
    and no attack: it raises ValueError.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()

    @classmethod
    def pair(cls) -> "tuple[Channel, Channel]":
        """Two ends."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    def fileno(self) -> int:
        """The descriptor, to be waited for."""
        return self._socket.fileno()

    def detach(self) -> int:
        """The descriptor, which is the caller's from now on."""
        return self._socket.detach()

    def set_blocking(self, blocking: bool) -> None:
        """Whether `send` and `receive` wait; if not, they raise BlockingIOError."""
        self._socket.setblocking(blocking)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Raises OSError when the other end is gone. The descriptors stay ours too."""
        data = json.dumps(message, separators=(",", ":")).encode()
        if len(data) > MAX_BYTES or len(descriptors) > MAX_DESCRIPTORS:
            raise ValueError("a message between processes is too long")
        socket.send_fds(self._socket, [data], list(descriptors))

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next message and its descriptors, which are ours; None once the other end is gone."""
        try:
            data, ancillary = self._receive()
        except ConnectionResetError:
            # It has ended without reading what we had sent. That is told once, ahead of what it said before.
            data, ancillary = self._receive()
        descriptors = array("i")
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        if not data:
            return None
        message = json.loads(data)
        if not isinstance(message, dict):
            raise ValueError("a message between processes is no object")
        return message, list(descriptors)

    def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]]]:
        # Room for the longest message was taken from the kernel, and given back, for each that came.
        if not self._buffer:
            self._buffer = bytearray(MAX_BYTES)
        # socket.recv_fds() forgets its flags: what comes would be inherited by processes of ours.
        size, ancillary, _, _ = self._socket.recvmsg_into(
            [self._buffer], _ROOM, socket.MSG_CMSG_CLOEXEC
        )
        return bytes(memoryview(self._buffer)[:size]), ancillary

    def close(self) -> None:
        """The other end reads None from now on."""
        self._socket.close()
