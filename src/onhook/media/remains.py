"""What a dead plane showed last of its streams, for a switch that was not there when it died.

The memory of a plane's link outlives it, as long as somebody has a descriptor of it: the supervisor, which
gives the next switch those of the last planes.
"""

import contextlib
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.found import FoundStream
from onhook.media.stream import Signs, StreamStats, signs_of

log = structlog.get_logger()


class Heard(NamedTuple):
    """What a plane that is dead knew of what a peer sends."""

    wraps: int = 0
    press: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, progress: Any) -> Self:
        """Of a `struct plane_progress`."""
        return cls(int(progress.heard_wraps), (int(progress.press[0]), int(progress.press[1])))


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a stream was, and what it had come to."""

    play_id: int
    """Of what played; 0 for nothing."""
    progress: int
    """How many of its frames were sent, of a loop since it began anew; or how many digits."""
    over: int
    """The newest message that was played to its end; 0 for none."""
    heard_wraps: int
    """How often the sequence numbers of its peer's SRTP had wrapped."""
    signs: Signs = field(default_factory=Signs)
    stats: StreamStats | None = None
    press: tuple[int, int] = (0, 0)
    """The newest press of a key that it told of, as `native/keys.h` packs it."""

    @property
    def heard(self) -> Heard:
        """For another plane."""
        return Heard(self.heard_wraps, self.press)


class LeftDigit(NamedTuple):
    """A key that a plane which is dead told of."""

    number: int
    """By which it is known whether it is in a record already."""
    digit: str


@dataclass(frozen=True, slots=True)
class Before:
    """What a stream was in a plane that is dead, for another that is opened in its place."""

    ssrc: int = 0
    """The source by which it sent; 0 if that is not known."""
    last_play: int = 0
    """The numbers of its messages count on from this one."""
    reached: Reached | None = None
    """None where nobody kept the memory of its plane."""

    def as_found(self, port: int, handle: int) -> FoundStream:
        """For whoever looks for what is there of it: nothing but the stream."""
        return FoundStream(port, handle, self.last_play)


class Remains:
    """The memory of one plane."""

    def __init__(self, memory: int) -> None:
        """The descriptor stays the caller's. Raises `OSError` for what is none of a plane."""
        self._pid_of_another = _pid_of_another_version(memory)
        if self._pid_of_another:
            return
        out = ffi.new("plane_remains **")
        result = lib.plane_remains_open(out, memory)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        self._remains: Any = ffi.gc(out[0], lib.plane_remains_close)

    @property
    def pid(self) -> int:
        """Of the process that the plane was."""
        return self._pid_of_another or int(lib.plane_remains_pid(self._remains))

    def of(self, handle: int) -> Reached | None:
        """How far the stream was that the plane called this; None if it never can have, or if the plane was
        of another version, which nobody can read."""
        progress, signs = ffi.new("struct plane_progress *"), ffi.new("struct plane_signs *")
        stats = ffi.new("struct plane_stats *")
        if self._pid_of_another or handle <= 0:
            return None
        if lib.plane_remains_read(self._remains, handle, progress, signs, stats) < 0:
            return None
        return Reached(
            progress.play_id,
            progress.progress,
            progress.over,
            progress.heard_wraps,
            signs_of(signs),
            StreamStats.read(stats),
            Heard.of(progress).press,
        )

    @property
    def newest(self) -> int:
        """The number of what it told last; 0 where nobody can read it."""
        if self._pid_of_another:
            return 0
        return int(lib.plane_remains_newest(self._remains))

    def digits(self, handle: int, after: int) -> Sequence[LeftDigit]:
        """The keys of a stream that it told of under numbers beyond this one, the oldest first, as far as no
        switch has acknowledged them."""
        if self._pid_of_another:
            return ()
        count = lib.plane_remains_digits(self._remains, handle, after, ffi.NULL, 0)
        out = ffi.new("struct plane_left_digit[]", count)
        lib.plane_remains_digits(self._remains, handle, after, out, count)
        return sorted(LeftDigit(int(each.number), chr(each.digit)) for each in out)


_HEAD: Final = struct.Struct("=QIi")
"""Of the memory of a plane of any version (`struct link_header`): what it is, its version, its process."""
_MAGIC: Final = 0x6D656469612D6F68


def _pid_of_another_version(memory: int) -> int:
    """The process of a plane of another version than ours; 0 if it is of ours, or no plane."""
    head = os.pread(memory, _HEAD.size, 0)
    if len(head) < _HEAD.size:
        return 0
    magic, version, pid = _HEAD.unpack(head)
    return int(pid) if magic == _MAGIC and version != lib.plane_link_version() else 0


NOTHING_LEFT: Final[Mapping[int, Remains]] = {}
"""There was no plane before."""


def remains_in(memories: Sequence[int]) -> Mapping[int, Remains]:
    """The planes of these descriptors, which are closed here, by the processes that they were."""
    found: dict[int, Remains] = {}
    for memory in memories:
        try:
            remains = Remains(memory)
        except OSError as error:
            log.warning("media_remains_unreadable", reason=error.strerror)
        else:
            found[remains.pid] = remains
        finally:
            with contextlib.suppress(OSError):
                os.close(memory)
    return found
