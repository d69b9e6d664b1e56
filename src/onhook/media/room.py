"""A room: several calls that hear each other."""

from collections.abc import Callable

from onhook.media._plane import lib
from onhook.media.crossing import Crossing
from onhook.media.errors import RoomClosed, RoomFull
from onhook.media.play_queue import Ask
from onhook.media.stream import Stream


class Room:
    """Up to eight streams, each of which hears all others mixed; made by `MediaPlane.open_room()`.

    What is played on a member wins over the mix for that member alone. A stream that closes, is
    bridged or is added elsewhere leaves by itself. Rooms are independent of who is in them: an
    empty one stays open. Of a stream of another plane `cross` makes one that stands in for it here.
    """

    def __init__(
        self, ask: Ask, handle: int, cross: Callable[[Stream], Crossing] | None = None
    ) -> None:
        self._ask = ask
        self._cross = cross
        self._crossings: dict[Stream, Crossing] = {}
        self._handle = handle
        self._members: set[Stream] = set()
        self._muted: set[Stream] = set()
        self._open = True

    @property
    def handle(self) -> int:
        """What the plane calls it: `MediaPlane.adopt_room()`."""
        return self._handle

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, stream: Stream) -> bool:
        return self._here(stream) in self._members

    @property
    def is_open(self) -> bool:
        """Whether streams can be added."""
        return self._open

    def add(self, stream: Stream, *, muted: bool = False) -> None:
        """Let a stream in; it leaves what it was joined to. A member is only muted, or not.

        Raises `RoomClosed`, `RoomFull`, `StreamClosed`, for one of another plane `NoPortLeft`, and
        `ValueError` where nothing can stand in for that.
        """
        stream = self._here(stream)
        if stream in self._members:
            self.mute(stream, muted)
            return
        if not self._open:
            raise RoomClosed("the room is closed")
        stream._require_open()
        if len(self._members) >= lib.PLANE_ROOM_MEMBERS:
            raise RoomFull(f"a room has {lib.PLANE_ROOM_MEMBERS} members at the most")
        member = stream if stream._ask == self._ask else self._stand_in(stream)
        try:
            self._ask(lib.plane_join, self._handle, member._handle, muted)
        except BaseException:
            if (crossing := self._crossings.pop(stream, None)) is not None:
                crossing.close()
            raise
        stream = member
        stream._part()
        self._note_muted(stream, muted)
        stream._members = self._members
        self._members.add(stream)

    def _here(self, stream: Stream) -> Stream:
        """What it is in this room."""
        crossing = self._crossings.get(stream)
        return stream if crossing is None else crossing.there

    def _stand_in(self, stream: Stream) -> Stream:
        if self._cross is None:
            raise ValueError("a room and its members are of one plane")
        self._crossings[stream] = crossing = self._cross(stream)
        return crossing.there

    def adopt(self, stream: Stream) -> None:
        """For the plane: this stream has been a member since before there was this object."""
        stream._part()
        stream._members = self._members
        self._members.add(stream)

    def remove(self, stream: Stream) -> None:
        """Let a member go; its stream goes on. Does nothing for a stream that is not in here."""
        crossing = self._crossings.pop(stream, None)
        if crossing is not None:
            crossing.close()
            return
        if stream in self._members:
            self._ask(lib.plane_leave, stream._handle)
            stream._part()

    def mute(self, stream: Stream, muted: bool) -> None:
        """Whether the others do not hear a member, who hears them all the same.

        Raises `ValueError` for a stream that is not in here.
        """
        stream = self._here(stream)
        if stream not in self._members:
            raise ValueError("the stream is not in this room")
        self._ask(lib.plane_mute, stream._handle, muted)
        self._note_muted(stream, muted)

    def _note_muted(self, stream: Stream, muted: bool) -> None:
        self._muted.discard(stream)
        if muted:
            self._muted.add(stream)

    def reopened(self, handle: int) -> None:
        """For the plane: another one has it, under this handle, and all its members: they are in it again."""
        self._handle = handle
        self._muted &= self._members
        for stream in self._members:
            self._ask(lib.plane_join, handle, stream._handle, stream in self._muted)

    def close(self) -> None:
        """Let all go. Does nothing the second time, or when the plane is gone."""
        if not self._open:
            return
        self.abandon()
        self._ask(lib.plane_close_room, self._handle)

    def abandon(self) -> None:
        """For the plane: it is gone, and the room with it."""
        self._open = False
        for crossing in self._crossings.values():
            crossing.close()
        self._crossings.clear()
        for stream in tuple(self._members):
            stream._part()
