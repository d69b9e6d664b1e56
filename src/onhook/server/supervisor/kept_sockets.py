"""The sockets of calls' audio: what arrives in them waits while neither switch nor plane is there.

Whose they are is not known here, only the ports that the switch has named. The next switch is given them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from onhook.processes.channel import MAX_DESCRIPTORS, Message

A_PORT: Final = 2
"""Sockets: RTP, and RTCP."""


class KeptSockets:
    """By port."""

    def __init__(self) -> None:
        self._of: dict[int, Sequence[int]] = {}

    def keep(self, ports: Sequence[int], descriptors: Sequence[int]) -> None:
        """These are ours from now on. Some have not come where there was no room for more of them: then none
        is kept, and whoever needs the ports binds them anew."""
        whole = len(descriptors) == A_PORT * len(ports)
        for at, port in enumerate(ports if whole else ()):
            self.let_go([port])
            self._of[port] = descriptors[A_PORT * at : A_PORT * (at + 1)]
        if not whole:
            _close(descriptors)

    def let_go(self, ports: Sequence[int]) -> None:
        """Their streams are closed."""
        for port in ports:
            _close(self._of.pop(port, ()))

    def messages(self) -> Iterator[tuple[Message, list[int]]]:
        """For the next switch: all of them, by descriptors that are its own."""
        left = iter(tuple(self._of.items()))
        while some := dict(islice(left, MAX_DESCRIPTORS // A_PORT)):
            copies: list[int] = []
            with suppress(OSError):  # there is none left: those are bound anew
                for pair in some.values():
                    for each in pair:
                        copies.append(os.dup(each))
            count = len(copies) // A_PORT
            _close(copies[A_PORT * count :])
            yield {"say": "sockets", "ports": list(some)[:count]}, copies[: A_PORT * count]


def _close(descriptors: Sequence[int]) -> None:
    for each in descriptors:
        os.close(each)
