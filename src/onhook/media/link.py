"""How a switch reaches the plane when that is another process: four descriptors, which it hands out."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class PlaneLink:
    """One link of a plane (`native/link.h`). Whoever has it closes it, or gives it to `MediaPlane`."""

    memory: int
    """A sealed memfd: rings of commands and events, and the figures of calls."""
    commands: int
    """An eventfd: there are commands."""
    events: int
    """A pipe to be read: there are events."""
    control: int
    """A SOCK_SEQPACKET socket that descriptors are sent over; its end is that of the plane."""
    library: int = -1
    """The file of the plane's library, where the plane may be of another version (`dialect.py`)."""

    @classmethod
    def of(cls, descriptors: Sequence[int]) -> Self:
        """Of what the plane's process offers, in its order, and of its library, if that is with it. Raises
        `ValueError` if they are not four, or five."""
        if len(descriptors) not in (4, 5):
            raise ValueError("a link to the media plane has four descriptors, or five")
        return cls(*descriptors)

    def attached(self) -> None:
        """The rest of it is the plane's, for which there is a handle now."""
        if self.library >= 0:
            os.close(self.library)

    def close(self) -> None:
        """The plane takes it for the end of the switch."""
        self.attached()
        for descriptor in (self.memory, self.commands, self.events, self.control):
            with contextlib.suppress(OSError):
                os.close(descriptor)
