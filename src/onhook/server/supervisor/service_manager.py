"""What a service manager that started the server is told, if there is one (sd_notify(3))."""

import os
import socket
from contextlib import suppress
from typing import Final

_VARIABLE: Final = "NOTIFY_SOCKET"


class ServiceManager:
    """Its socket stands in the environment, which no other process is to have it of."""

    def __init__(self) -> None:
        self._name = os.environ.pop(_VARIABLE, "")

    def tell(self, state: str) -> None:
        """`READY=1` once calls are taken, `STOPPING=1` when the server ends. Nobody there minds nothing."""
        if not self._name:
            return
        address = f"\0{self._name[1:]}" if self._name.startswith("@") else self._name
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setblocking(False)
            manager.sendto(state.encode(), address)
