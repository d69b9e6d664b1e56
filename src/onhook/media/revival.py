"""What outlives a plane: its streams are opened again in the next one, on the same ports.

A peer sees another source (SSRC) and hears nothing for as long as it takes to start a process. What is
asked of a stream meanwhile is kept where it stands anyway: its messages (`play_queue.py`), whom it is
joined to, its recordings, what was agreed (`agreed.py`); the next plane is asked for all of it. How far the
dead one was can still be read from its memory. Its sockets are held (`held.py`), so that what a peer sends
meanwhile waits in them; those that are not are bound at once.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from onhook.media._plane import ffi, lib
from onhook.media.agreed import Agreed, beginning, peer_address, plane_latching
from onhook.media.remains import Heard
from onhook.media.sockets import Host, Pair, bind_pairs, close_pairs
from onhook.media.srtp import Protection, plane_keys
from onhook.media.stream import Stream, StreamStats

if TYPE_CHECKING:
    from onhook.media.play_queue import Ask

SocketsOf: TypeAlias = Callable[[int, Agreed], Pair]
"""Gives those of a port for what was agreed there, which are the caller's. Raises OSError."""
NEXT_PLANE_S: Final = 10.0
"""Nobody listens to silence for longer: then the calls end."""
_TOO_MANY: Final = ((4, 3.0), (20, 30.0))
"""So many deaths within so many seconds: something kills each plane anew, and may be one of the calls."""


class Deaths:
    """Of planes, one after another. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_s: deque[float] = deque(maxlen=max(count for count, _ in _TOO_MANY))

    def another(self) -> bool:
        """One died; whether it is worth while to go on in the next."""
        now_s = self._clock()
        self._at_s.append(now_s)
        return not any(
            len(self._at_s) >= count and self._at_s[-count] > now_s - within_s
            for count, within_s in _TOO_MANY
        )


class Outlived(NamedTuple):
    """A stream without a plane."""

    stream: Stream
    play_id: int
    """What played."""
    progress: int
    """How far it was: `plane_progress` of `native/plane.h`."""
    heard: Heard
    pair: Pair | None
    """Its sockets; None where they could not be had for now."""

    def reopened(self, ask: "Ask", sockets_of: "SocketsOf") -> tuple[int, Pair | None]:
        """Opens it in the next plane, whose handle this returns; where that has died meanwhile, 0 and the
        sockets, which are still ours. Nothing plays yet. Raises `OSError` when its port cannot be bound, and
        what `MediaPlane.open()` does."""
        agreed, pair = self.stream.agreed, self.pair
        if agreed is None:
            raise ValueError("it is not known what was agreed")
        if pair is None:
            pair = sockets_of(self.stream.port, agreed)
        try:
            handle = opened(ask, pair[0], agreed, self.stream.protection, self.heard)
        except BaseException:
            close_pairs([pair])
            raise
        if not handle:
            return 0, pair
        self.stream.reopened(handle)
        self.stream.start_rtcp(pair[1], agreed.rtcp, mux=agreed.rtcp_mux)
        return handle, None

    def let_go(self) -> None:
        """It is not opened again."""
        if self.pair is not None:
            close_pairs([self.pair])


def outlive(plane: Any, handle: int, stream: Stream) -> Outlived:
    """What is to be known of a stream of a dead plane, whose memory is still there."""
    out = ffi.new("struct plane_progress *")
    plane(lib.plane_read_progress, handle, out)
    stream.outlive(figures(plane, handle))
    return Outlived(stream, out.play_id, out.progress, Heard.of(out), None)


def with_sockets(outlived: Outlived, sockets_of: "SocketsOf") -> Outlived:
    """With its sockets, if they can be had now."""
    agreed = outlived.stream.agreed
    if outlived.pair is not None:
        return outlived
    try:
        pair = sockets_of(outlived.stream.port, agreed) if agreed is not None else None
    except OSError:
        return outlived
    return outlived._replace(pair=pair)


def figures(plane: Any, handle: int) -> StreamStats:
    """What the plane showed last of a stream."""
    out = ffi.new("struct plane_stats *")
    plane(lib.plane_read_stats, handle, out)
    return StreamStats.read(out)


def opened(ask: "Ask", fd: int, agreed: Agreed, protection: Protection | None, heard: Heard) -> int:
    """Has the plane open a stream on a socket, which is its own afterwards; returns the handle. It is 0, and
    the socket still the caller's, while the next plane is waited for. Raises `BadRemote`, `NotRunning`,
    `NoPortLeft`."""
    host, port = peer_address(agreed.remote)
    last_ssrc = agreed.ssrc
    address = ffi.new("char[]", host)  # must outlive the call below, as must what is beside it
    latch, _memory = plane_latching(agreed.latching)
    how = {
        "fd": fd,
        "remote_ip": address,
        "remote_port": port,
        "format": agreed.format,
        "latching": latch,
        "heard_wraps": heard.wraps,
        "press": heard.press,
        **beginning(agreed),
    }
    handle = ffi.new("uint64_t *")
    with plane_keys(protection) as (send, receive):
        how |= {"send_key": send, "receive_key": receive}
        ask(lib.plane_open, ffi.new("struct plane_call *", how), handle)
    if not handle[0]:
        agreed.ssrc = last_ssrc
    return int(handle[0])


def bound(port: int, agreed: Agreed, hosts: Sequence[Host]) -> Pair:
    """Its port, bound anew. Raises OSError."""
    reaching = [host for host in hosts if host.reaches(agreed.remote[0])]
    (pair,) = bind_pairs(reaching, port)
    return pair
