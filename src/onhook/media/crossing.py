"""A stream of one plane in a room of another: two streams of this machine, back to back, stand in for it.

There are two planes for a while after a reload onto a version that talks to them in another way. Whoever
is in the one can be in a room of the other: what is said passes from plane to plane by RTP, as to any peer,
a packet or two later.
"""

import contextlib
from typing import Final

from onhook.media.errors import MediaError
from onhook.media.sockets import Host
from onhook.media.stream import Stream, StreamStats

EVENTS: Final = 101
"""The payload type of telephone-events: keys pass as such, and nobody in the room hears them as tones."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Crossing:
    """For one stream: `here`, of its plane, and `there`, of that of the room, which send to one another."""

    def __init__(self, stream: Stream, here: Stream, there: Stream) -> None:
        """Joins the stream to its end at once; the other is for the room. Raises `NotRunning`, and
        `StreamClosed`."""
        stream.bridge(here)
        self._here, self.there = here, there

    def close(self) -> None:
        """The stream is joined to nobody any more. Does nothing the second time."""
        for each in (self._here, self.there):
            with contextlib.suppress(MediaError):  # its plane is gone
                each.close()


def place(host: Host, port: int) -> tuple[str, int]:
    """Where a stream of ours is reached from this machine."""
    return _EVERYWHERE.get(host.ip, host.ip), port


class Nobody:
    """Who stands in has nobody to tell (StreamListener)."""

    def digit(self, digit: str) -> None:
        """Nothing."""

    def rtp_started(self) -> None:
        """Nothing."""

    def rtp_timeout(self) -> None:
        """Nothing."""

    def closed(self, stats: StreamStats) -> None:
        """Nothing."""
